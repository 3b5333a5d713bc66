// Fields of the consent form: what was not changed stays to the letter, what was changed goes by
// the rules of requests, and what is wrong is said by field (spec oidc.md §8, web.md S10).
#include "web/consent_form.h"

#include <gtest/gtest.h>

namespace mytoken::test {
namespace {

using web::ConsentFields;
using web::Decision;

const Time now = from_unix(1790000000);  // 2026-09-21 14:13:20 UTC

service::TokenWish asked() {
  service::TokenWish wish;
  wish.name = "batch";
  wish.capabilities = token::Capabilities{"tokeninfo", "AT"};
  token::Clause first;
  first.exp = now + Seconds(86400);
  first.scope = {"b", "", "a"};  // a text with two blanks
  first.audience = {"with blank", "x"};
  first.hosts = {"192.0.2.0/24"};
  first.usages_at = 20;
  token::Clause second;
  second.geoip_allow = {"de"};
  wish.restrictions = {first, second};
  wish.rotation = token::Rotation{true, false, Seconds(5000), true};
  return wish;
}

void set(ConsentFields& fields, std::size_t clause, const char* key, const char* text) {
  fields.clauses.at(clause).texts.at(key) = text;
}

// Parameters of a form with this body.
http::Parameters form(const std::string& body) {
  http::Request request;
  request.method = "POST";
  request.headers.set("Content-Type", "application/x-www-form-urlencoded");
  request.body = body;
  return *http::Parameters::parse(request);
}

TEST(ConsentForm, unchanged_fields_are_the_request_to_the_letter) {
  const auto wish = asked();
  const Decision decision = web::decide(web::fields_of(wish), wish, now);
  EXPECT_TRUE(decision.errors.empty());
  EXPECT_EQ(decision.edits.restrictions, wish.restrictions);
  EXPECT_EQ(decision.edits.capabilities, wish.capabilities);
  EXPECT_EQ(decision.edits.name, wish.name);
  EXPECT_TRUE(decision.edits.has_rotation);
  EXPECT_EQ(decision.edits.rotation, wish.rotation);
}

TEST(ConsentForm, an_unrestricted_request_stays_one) {
  service::TokenWish wish;
  wish.capabilities = token::Capabilities{"AT"};
  const ConsentFields fields = web::fields_of(wish);
  EXPECT_EQ(fields.clauses.size(), 1u);
  const Decision decision = web::decide(fields, wish, now);
  EXPECT_TRUE(decision.edits.restrictions->empty());
  EXPECT_FALSE(decision.edits.rotation);
}

TEST(ConsentForm, changed_fields_replace_one_value_each) {
  const auto wish = asked();
  ConsentFields fields = web::fields_of(wish);
  set(fields, 0, "exp", " +2d ");
  set(fields, 0, "hosts", "192.0.2.7, this *.example.org");
  set(fields, 0, "usages_AT", "");
  set(fields, 0, "usages_other", "0");
  set(fields, 1, "nbf", "2026-10-01 00:00");
  set(fields, 1, "geoip_allow", "DE FR");
  fields.clauses[1].scopes = {"read"};
  set(fields, 1, "other_scopes", "write");
  fields.on_at = false;
  fields.lifetime = "12h";
  const Decision decision = web::decide(fields, wish, now);
  ASSERT_TRUE(decision.errors.empty()) << decision.errors.begin()->second;
  token::Restrictions expected = wish.restrictions;
  expected[0].exp = now + Seconds(2 * 86400);
  expected[0].hosts = {"192.0.2.7", "this", "*.example.org"};
  expected[0].usages_at.reset();
  expected[0].usages_other = 0;
  expected[1].nbf = from_unix(1790812800);
  expected[1].geoip_allow = {"DE", "FR"};
  expected[1].scope = {"read", "write"};
  EXPECT_EQ(decision.edits.restrictions, expected);
  EXPECT_EQ(decision.edits.rotation, (token::Rotation{false, false, Seconds(43200), true}));
}

TEST(ConsentForm, what_is_wrong_is_said_by_field) {
  const auto wish = asked();
  struct Case {
    const char* key;
    const char* text;
  };
  for (const Case& c :
       {Case{"exp", "tomorrow"}, Case{"exp", "2020-01-01 00:00"}, Case{"nbf", "-1"},
        Case{"hosts", "no host!"}, Case{"hosts", "999.1.1.1/99"}, Case{"geoip_allow", "Germany"},
        Case{"geoip_disallow", "D"}, Case{"usages_AT", "-1"}, Case{"usages_AT", "2.0"},
        Case{"usages_other", "x"}, Case{"usages_other", "99999999999999999999"}}) {
    ConsentFields fields = web::fields_of(wish);
    set(fields, 0, c.key, c.text);
    const Decision decision = web::decide(fields, wish, now);
    ASSERT_EQ(decision.errors.size(), 1u) << c.key << ' ' << c.text;
    EXPECT_EQ(decision.errors.begin()->first, web::field_name(0, c.key));
  }
  ConsentFields fields = web::fields_of(wish);
  fields.capabilities.clear();
  fields.lifetime = "a while";
  fields.name = std::string(101, 'n');
  const auto errors = web::decide(fields, wish, now).errors;
  EXPECT_TRUE(errors.contains("capability"));
  EXPECT_TRUE(errors.contains("lifetime"));
  EXPECT_TRUE(errors.contains("name"));
  fields.capabilities = {"fly"};
  EXPECT_TRUE(web::decide(fields, wish, now).errors.contains("capability"));
}

TEST(ConsentForm, a_field_that_is_not_sent_keeps_its_value) {
  const auto wish = asked();
  auto fields = web::read_fields(form("edited=1&capability=AT&clause=0&clause.0.usages_AT=3"
                                      "&clause.0.scope=b&clause.0.scope=a&on_AT=1&auto_revoke=1"),
                                 wish);
  ASSERT_TRUE(fields);
  const Decision decision = web::decide(*fields, wish, now);
  ASSERT_TRUE(decision.errors.empty());
  token::Clause expected = wish.restrictions[0];
  expected.usages_at = 3;
  EXPECT_EQ(decision.edits.restrictions, token::Restrictions{expected});
  EXPECT_EQ(decision.edits.name, "batch");
  EXPECT_EQ(decision.edits.capabilities, token::Capabilities{"AT"});
  EXPECT_EQ(decision.edits.rotation, wish.rotation);
}

TEST(ConsentForm, unticking_the_last_scope_allows_all_scopes_and_says_so_in_the_clause) {
  const auto wish = asked();
  ConsentFields fields = web::fields_of(wish);
  fields.clauses[0].scopes.clear();
  const Decision decision = web::decide(fields, wish, now);
  EXPECT_TRUE(decision.edits.restrictions->at(0).scope.empty());
  EXPECT_EQ(decision.edits.restrictions->at(0).hosts, wish.restrictions[0].hosts);
}

service::TokenWish tagged() {
  auto wish = asked();
  wish.tags = {{"lab, night", true}, {"[x]", false}};
  return wish;
}
std::string tags_of(const Decision& decision) {
  return decision.edits.tags ? json::serialize(token::to_json(*decision.edits.tags)) : "none";
}

TEST(ConsentForm, tags_stay_to_the_letter_while_nobody_touches_them) {
  const auto wish = tagged();
  const Decision decision = web::decide(web::fields_of(wish), wish, now);
  EXPECT_EQ(tags_of(decision), json::serialize(token::to_json(wish.tags)));
  EXPECT_EQ(tags_of(web::decide(web::fields_of(asked()), asked(), now)), "[]");
}

TEST(ConsentForm, tags_are_taken_away_added_and_given_to_children) {
  const auto wish = tagged();
  const auto fields = web::read_fields(form("tag=1&tag_children=1&tag_children=0&more_tags=+ci+%2C%"
                                            "2Cmy+lab%2C[x]&more_tags_children=1"),
                                       wish);
  ASSERT_TRUE(fields) << fields.error().description;
  const Decision decision = web::decide(*fields, wish, now);
  EXPECT_EQ(decision.errors.count("more_tags"), 0u);
  EXPECT_EQ(tags_of(decision), R"([{"tag":"[x]","include_children":true},)"
                               R"({"tag":"ci","include_children":true},)"
                               R"({"tag":"my lab","include_children":true}])");
  const auto none = web::read_fields(form("more_tags="), wish);
  ASSERT_TRUE(none);
  EXPECT_EQ(tags_of(web::decide(*none, wish, now)), "[]");
}

TEST(ConsentForm, tags_that_no_request_could_have_are_refused_by_field) {
  const auto wish = tagged();
  std::string many;
  for (int i = 0; i < 99; ++i)
    many += "tag" + std::to_string(i) + ",";
  for (const std::string& more : {std::string("a/b"), std::string(65, 'x'), std::string("a\x01z"),
                                  std::string("\xff"), many}) {
    ConsentFields fields = web::fields_of(wish);
    fields.more_tags = more;
    EXPECT_EQ(web::decide(fields, wish, now).errors.count("more_tags"), 1u) << more;
  }
  ConsentFields fields = web::fields_of(wish);
  fields.more_tags = many.substr(many.find(',') + 1);
  EXPECT_TRUE(web::decide(fields, wish, now).errors.empty()) << "a hundred in all";
  for (const char* body : {"tag=2", "tag=lab", "tag_children=-1", "tag=0&tag=99999999999999999999"})
    EXPECT_FALSE(web::read_fields(form(body), wish)) << body;
}

TEST(ConsentForm, clauses_are_added_empty_and_empty_ones_permit_nothing_more) {
  const auto wish = asked();
  ConsentFields fields = web::fields_of(wish);
  web::add_clause(fields, wish);
  ASSERT_EQ(fields.clauses.size(), 3u);
  EXPECT_EQ(fields.clauses[2].number, 2u);
  EXPECT_EQ(web::decide(fields, wish, now).edits.restrictions, wish.restrictions);
  set(fields, 2, "usages_AT", "1");
  EXPECT_EQ(web::decide(fields, wish, now).edits.restrictions->size(), 3u);
  web::remove_clause(fields, "0");
  EXPECT_EQ(fields.clauses.size(), 2u);
  EXPECT_EQ(web::decide(fields, wish, now).edits.restrictions->front(), wish.restrictions[1]);
  web::remove_clause(fields, "nonsense");
  EXPECT_EQ(fields.clauses.size(), 2u);
}

TEST(ConsentForm, numbers_of_clauses_are_bounded) {
  const auto wish = asked();
  EXPECT_FALSE(web::read_fields(form("edited=1&clause=x"), wish));
  EXPECT_FALSE(web::read_fields(form("edited=1&clause=-1"), wish));
  EXPECT_FALSE(web::read_fields(form("edited=1&clause=99999999999999999999"), wish));
  std::string many = "edited=1";
  for (int i = 0; i < 101; ++i)
    many += "&clause=" + std::to_string(i);
  EXPECT_FALSE(web::read_fields(form(many), wish));
}

TEST(ConsentForm, rotation_can_be_taken_away_and_an_empty_one_stays) {
  auto wish = asked();
  ConsentFields fields = web::fields_of(wish);
  fields.on_at = fields.auto_revoke = false;
  fields.lifetime = "";
  Decision decision = web::decide(fields, wish, now);
  EXPECT_TRUE(decision.edits.has_rotation);
  EXPECT_FALSE(decision.edits.rotation);
  wish.rotation = token::Rotation{};
  decision = web::decide(web::fields_of(wish), wish, now);
  EXPECT_EQ(decision.edits.rotation, token::Rotation{});
}

}  // namespace
}  // namespace mytoken::test
