// Templates of the server: written with checks, listed as what they come to, taken into requests
// (spec profiles.md §§2, 3, 5, 6, 7).
#include "service/profiles.h"

#include <gtest/gtest.h>

#include "service/issue.h"
#include "service/templates.h"
#include "service/token_wish.h"
#include "store/profiles.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

using service::TemplateKind;
using enum service::TemplateKind;

Result<void> add(Installation& site, TemplateKind kind, std::string name, std::string_view payload,
                 std::string group = "_") {
  return site.run(service::add_template(
      *site.context, {kind, std::move(group), std::move(name), json::parse(payload)}));
}
json::array list(Installation& site, TemplateKind kind, const std::string& group = "_") {
  auto entries = site.run(service::template_list(*site.context, kind, group));
  EXPECT_TRUE(entries) << entries.error().cause;
  return entries ? *entries : json::array();
}
// The payload of the only entry.
std::string payload(Installation& site, TemplateKind kind, const std::string& group = "_") {
  const json::array entries = list(site, kind, group);
  EXPECT_EQ(entries.size(), 1u);
  return entries.empty() ? "" : json::serialize(entries[0].as_object().at("payload"));
}
std::string id_of(const json::array& entries, std::size_t index = 0) {
  std::string text(entries.at(index).as_object().at("id").as_string());
  EXPECT_EQ(text.size(), 36u);
  EXPECT_EQ(text[14], '4');  // a version 4 UUID
  std::erase(text, '-');
  return *decode_hex(text);
}
Result<service::TokenWish> wish(Installation& site, std::string_view request) {
  return site.run(service::make_wish(*site.context, json::parse(request).as_object()));
}
// As somebody else's program would have left it.
void store_unchecked(Installation& site, TemplateKind kind, const char* name,
                     const std::string& text) {
  const std::function<Result<void>(sql::Transaction&)> work =
      [&](sql::Transaction& db) -> Result<void> {
    auto added = store::add_profile(
        db, {random_bytes(16), std::string(token::name(kind)), "_", name, text, site.clock.now()});
    if (!added) return tl::unexpected(added.error());
    return {};
  };
  auto done = site.database->write_now(work);
  ASSERT_TRUE(done) << done.error().cause;
}
void install_defaults(Installation& site) {
  const std::function<Result<void>(sql::Transaction&)> work =
      [&](sql::Transaction& db) -> Result<void> {
    for (const service::Template& entry : service::default_templates()) {
      auto stored = service::store_template(db, entry, false, site.clock.now());
      if (!stored) return tl::unexpected(stored.error());
    }
    return {};
  };
  auto done = site.database->write_now(work);
  ASSERT_TRUE(done) << done.error().cause << done.error().description;
}

TEST(Profiles, an_entry_is_listed_as_what_it_comes_to_now) {
  Installation site;
  ASSERT_TRUE(add(site, restrictions, "short", R"({"exp":"+6h","usages_AT":3,"include":null})"));
  const std::string expected =
      R"([{"exp":)" + std::to_string(to_unix(site.clock.now()) + 6 * 3600) + R"(,"usages_AT":3}])";
  EXPECT_EQ(payload(site, restrictions), expected);
  EXPECT_EQ(string_member(list(site, restrictions)[0].as_object(), "name"), "short");
  EXPECT_TRUE(list(site, restrictions, "unknown").empty());
  const auto groups = site.run(service::template_groups(*site.context));
  ASSERT_TRUE(groups);
  EXPECT_EQ(json::serialize(*groups), R"(["_"])");
}

TEST(Profiles, listings_have_the_form_of_their_kind) {
  Installation site;
  ASSERT_TRUE(add(site, restrictions, "empty", "{}"));
  EXPECT_EQ(payload(site, restrictions), "[]");
  ASSERT_TRUE(add(site, capabilities, "twice", R"(["AT","AT","tokeninfo"])"));
  EXPECT_EQ(payload(site, capabilities), R"(["AT","tokeninfo"])");
  ASSERT_TRUE(add(site, capabilities, "none", "[]", "other"));
  EXPECT_EQ(payload(site, capabilities, "other"), "[]");
  ASSERT_TRUE(add(site, rotation, "r", R"({"On_AT":true,"auto_revoke":false})"));
  EXPECT_EQ(payload(site, rotation), R"({"on_AT":true})");
  ASSERT_TRUE(add(site, profiles, "p",
                  R"({"name":"","restrictions":"empty","capabilities":"@twice","rotation":"r",)"
                  R"("max_token_len":0,"application_name":"a","mytoken":"x"})"));
  EXPECT_EQ(
      payload(site, profiles),
      R"({"application_name":"a","capabilities":["AT","tokeninfo"],"rotation":{"on_AT":true}})");
}

TEST(Profiles, names_and_payloads_are_checked_when_they_are_written) {
  Installation site;
  const std::string longest(128, 'n');
  EXPECT_TRUE(add(site, rotation, longest, "{}"));
  EXPECT_TRUE(add(site, rotation, "default+MT", "{}"));
  for (const std::string& name :
       {std::string(), longest + "n", std::string("a b"), std::string("a/b"), std::string("a\"b"),
        std::string("@a"), std::string("a\n")}) {
    const auto refused = add(site, rotation, name, "{}");
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, "invalid_request");
    EXPECT_EQ(refused.error().status, 400);
  }
  EXPECT_FALSE(add(site, rotation, "g", "{}", std::string(65, 'g')));
  EXPECT_FALSE(add(site, rotation, "g", "{}", ""));
  const std::string too_long =
      R"({"audience":[")" + std::string(60000, 'a') + R"(",")" + std::string(6000, 'a') + "\"]}";
  EXPECT_FALSE(add(site, restrictions, "long", too_long));
  struct Row {
    TemplateKind kind;
    const char* payload;
  };
  for (const Row& row : {Row{restrictions, R"({"exp":"tomorrow"})"},
                         {restrictions, "7"},
                         {restrictions, R"({"weekday":"monday"})"},
                         {restrictions, R"("a/b/c")"},
                         {rotation, "[]"},
                         {rotation, R"({"on_AT":1})"},
                         {rotation, "null"},
                         {capabilities, "{}"},
                         {capabilities, "[1]"},
                         {profiles, "[]"},
                         {profiles, R"({"name":7})"},
                         {profiles, R"({"response_type":"x"})"}}) {
    const auto refused = add(site, row.kind, "bad", row.payload);
    ASSERT_FALSE(refused) << row.payload;
    EXPECT_EQ(refused.error().status, 400) << row.payload;
  }
}

TEST(Profiles, an_entry_may_name_one_that_comes_later) {
  Installation site;
  EXPECT_TRUE(add(site, restrictions, "both", R"({"include":["first","second"]})"));
  EXPECT_TRUE(list(site, restrictions).empty());  // it cannot be resolved yet
  ASSERT_TRUE(add(site, restrictions, "first", R"({"exp":7})"));
  ASSERT_TRUE(add(site, restrictions, "second", R"({"scope":"a"})"));
  const json::array entries = list(site, restrictions);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(json::serialize(entries[0].as_object().at("payload")), R"([{"exp":7,"scope":"a"}])");
}

TEST(Profiles, an_entry_is_changed_and_removed_by_id_within_its_group) {
  Installation site;
  ASSERT_TRUE(add(site, rotation, "one", R"({"on_AT":true})"));
  ASSERT_TRUE(add(site, rotation, "two", R"({"on_other":true})"));
  const std::string id = id_of(list(site, rotation));
  const auto change = [&](std::string name, std::string_view text, std::string group = "_") {
    return site.run(service::change_template(
        *site.context, id, {rotation, std::move(group), std::move(name), json::parse(text)}));
  };
  ASSERT_TRUE(change("one", R"({"lifetime":5})"));
  EXPECT_EQ(json::serialize(list(site, rotation)[0].as_object().at("payload")),
            R"({"lifetime":5})");
  EXPECT_EQ(change("two", "{}").error().status, 409);
  EXPECT_EQ(change("one", "{}", "other").error().status, 404);
  EXPECT_EQ(change("one", "[]").error().status, 400);
  EXPECT_EQ(add(site, rotation, "two", "{}").error().status, 409);
  const auto remove = [&](std::string group) {
    return site.run(service::remove_template(*site.context, id, rotation, std::move(group)));
  };
  ASSERT_TRUE(remove("other"));
  EXPECT_EQ(list(site, rotation).size(), 2u);
  ASSERT_TRUE(remove("_"));
  ASSERT_TRUE(remove("_"));
  EXPECT_EQ(list(site, rotation).size(), 1u);
  EXPECT_EQ(change("one", "{}").error().status, 404);
}

// A parallel server's entry is found at the next request: nothing is remembered.
TEST(Profiles, profiles_weakness_8_a_written_entry_counts_at_once_and_times_are_of_the_request) {
  Installation site;
  ASSERT_TRUE(add(site, restrictions, "t", R"({"exp":"+10"})"));
  const auto expiry = [&] {
    const auto made = wish(site, R"({"restrictions":"t"})");
    EXPECT_TRUE(made);
    return made ? to_unix(*made->restrictions.at(0).exp) - to_unix(site.clock.now()) : 0;
  };
  EXPECT_EQ(expiry(), 10);
  site.clock.advance(std::chrono::seconds(3600));
  EXPECT_EQ(expiry(), 10);
  const std::string id = id_of(list(site, restrictions));
  ASSERT_TRUE(site.run(service::change_template(
      *site.context, id, {restrictions, "_", "t", json::parse(R"({"exp":"+20"})")})));
  EXPECT_EQ(expiry(), 20);
}

TEST(Profiles, profiles_weakness_4_a_cycle_is_refused_on_writing_and_on_use) {
  Installation site;
  ASSERT_TRUE(add(site, restrictions, "a", R"({"include":"b"})"));
  const auto refused = add(site, restrictions, "b", R"({"include":["a"]})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().description, "include name 'b' includes itself");
  EXPECT_FALSE(add(site, profiles, "p", R"({"include":"p"})"));
  EXPECT_FALSE(add(site, capabilities, "c", R"("@c")"));
  store_unchecked(site, restrictions, "b", R"({"include":["a"]})");
  const auto used = wish(site, R"({"restrictions":"a"})");
  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().code, "invalid_request");
}

TEST(Profiles, profiles_weakness_9_one_broken_entry_does_not_hide_the_others) {
  Installation site;
  store_unchecked(site, restrictions, "broken", R"({"include":"nowhere"})");
  store_unchecked(site, restrictions, "mistimed", R"({"exp":"tomorrow"})");
  ASSERT_TRUE(add(site, restrictions, "fine", R"({"scope":"a"})"));
  const json::array entries = list(site, restrictions);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(string_member(entries[0].as_object(), "name"), "fine");
  EXPECT_NE(site.log.text().find("a template cannot be resolved"), std::string::npos);
}

TEST(Profiles, profiles_weakness_2_a_failing_include_refuses_the_request) {
  Installation site;
  ASSERT_TRUE(add(site, profiles, "several", R"({"restrictions":[{"scope":"a"},{"scope":"b"}]})"));
  store_unchecked(site, profiles, "broken", R"({"restrictions":"nowhere"})");
  for (const char* request :
       {R"({"include":"several","restrictions":{"exp":1900000000}})", R"({"include":"broken"})",
        R"({"include":"nowhere"})", R"({"restrictions":["12h"]})", R"({"rotation":"nowhere"})",
        R"({"capabilities":["AT","@nowhere"]})", R"({"restrictions":"{}"})",
        R"({"restrictions":"[]"})", R"({"restrictions":["null"]})"}) {
    const auto refused = wish(site, request);
    ASSERT_FALSE(refused) << request;
    EXPECT_EQ(refused.error().code, "invalid_request") << request;
    EXPECT_EQ(refused.error().status, 400) << request;
  }
}

TEST(Profiles, a_profile_gives_every_member_of_a_request) {
  Installation site;
  ASSERT_TRUE(
      add(site, profiles, "all",
          R"({"oidc_issuer":"https://op.example","name":"n","application_name":"a",)"
          R"("response_type":"short_token","max_token_len":7,"capabilities":"AT tokeninfo",)"
          R"("restrictions":{"usages_AT":1},"rotation":{"on_AT":true}})"));
  const auto made = wish(site, R"({"include":"all","name":"mine"})");
  ASSERT_TRUE(made) << made.error().description;
  EXPECT_EQ(made->oidc_issuer, "https://op.example");
  EXPECT_EQ(made->name, "mine");
  EXPECT_EQ(made->application_name, "a");
  EXPECT_EQ(made->response_type, token::ResponseType::short_token);
  EXPECT_EQ(made->max_token_len, 7);
  EXPECT_EQ(made->capabilities, (token::Capabilities{"AT", "tokeninfo"}));
  ASSERT_EQ(made->restrictions.size(), 1u);
  EXPECT_EQ(made->restrictions[0].usages_at, 1);
  ASSERT_TRUE(made->rotation);
  EXPECT_TRUE(made->rotation->on_at);
}

TEST(Profiles, the_defaults_are_what_clients_expect) {
  Installation site;
  install_defaults(site);
  install_defaults(site);
  EXPECT_EQ(list(site, capabilities).size(), 3u);
  EXPECT_EQ(list(site, restrictions).size(), 7u);
  EXPECT_EQ(list(site, rotation).size(), 10u);
  EXPECT_EQ(list(site, profiles).size(), 2u);
  const auto agent = wish(site, R"({"include":"agent"})");
  ASSERT_TRUE(agent);
  EXPECT_EQ(agent->capabilities, (token::Capabilities{"AT", "tokeninfo", "manage_mytokens",
                                                      "create_mytoken", "settings"}));
  EXPECT_TRUE(agent->restrictions.empty());
  const auto web = wish(site, R"({"include":["web-default"]})");
  ASSERT_TRUE(web);
  EXPECT_EQ(web->capabilities, (token::Capabilities{"AT", "tokeninfo"}));
  const std::string expected = R"([{"exp":)" +
                               std::to_string(to_unix(site.clock.now()) + 12 * 3600) +
                               R"(,"hosts":["this"],"usages_AT":15}])";
  EXPECT_EQ(json::serialize(token::to_json(web->restrictions)), expected);
  const auto turning = wish(site, R"({"rotation":"at-other-no-auto-revoke"})");
  ASSERT_TRUE(turning && turning->rotation);
  EXPECT_EQ(json::serialize(token::to_json(*turning->rotation)),
            R"({"on_AT":true,"on_other":true})");
}

TEST(Profiles, a_template_without_an_entry_of_its_own_is_kept_when_the_defaults_come_again) {
  Installation site;
  ASSERT_TRUE(add(site, restrictions, "12h", R"({"exp":"+6h"})"));
  install_defaults(site);
  const auto made = wish(site, R"({"restrictions":"12h"})");
  ASSERT_TRUE(made);
  EXPECT_EQ(to_unix(*made->restrictions.at(0).exp), to_unix(site.clock.now()) + 6 * 3600);
}

TEST(Profiles, a_login_stores_what_templates_came_to) {
  Installation site;
  install_defaults(site);
  auto made = wish(site, R"({"include":"web-default","restrictions":["1d"]})");
  ASSERT_TRUE(made);
  const json::object answer = site.login(std::move(*made));
  const json::array& clauses = answer.at("restrictions").as_array();
  ASSERT_EQ(clauses.size(), 2u);  // an array is widened by the profile's clauses
  EXPECT_EQ(json::serialize(clauses[1].as_object().at("hosts")), R"(["192.0.2.1"])");
}

TEST(Profiles, a_group_with_a_blank_in_its_name_evades_no_check) {
  Installation site;
  for (const char* group : {"a b", " ", "a\tb", "a/b"}) {
    const auto refused = add(site, restrictions, "t", "7", group);
    ASSERT_FALSE(refused) << group;
    EXPECT_EQ(refused.error().description, "a group must not hold blanks or /");
    EXPECT_FALSE(add(site, rotation, "t", "{}", group)) << group;
  }
}

TEST(Profiles, what_a_group_holds_has_a_size_limit) {
  Installation site;
  const std::string large = R"({"audience":[")" + std::string(60'000, 'a') + "\"]}";
  for (int i = 0; i < 17; ++i)
    ASSERT_TRUE(add(site, restrictions, "t" + std::to_string(i), large)) << i;
  const auto refused = add(site, restrictions, "more", large);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 409);
  EXPECT_TRUE(add(site, restrictions, "more", large, "other"));
  // What replaces an entry needs the room of the difference.
  const std::string id = id_of(list(site, restrictions));
  EXPECT_TRUE(site.run(
      service::change_template(*site.context, id, {restrictions, "_", "t0", json::parse(large)})));
}

TEST(Profiles, a_listing_that_everybody_may_ask_for_has_a_size_limit) {
  Installation site;
  const std::string large = R"({"audience":[")" + std::string(60'000, 'a') + "\"]}";
  ASSERT_TRUE(add(site, restrictions, "large", large));
  for (int i = 100; i < 160; ++i)
    ASSERT_TRUE(add(site, restrictions, 't' + std::to_string(i), R"({"include":"large"})"));
  const json::array entries = list(site, restrictions);
  EXPECT_GT(entries.size(), 30u);
  EXPECT_LT(entries.size(), 40u);
  EXPECT_NE(site.log.text().find("templates are left out of a listing"), std::string::npos);
  EXPECT_EQ(site.log.text().find("a template cannot be resolved"), std::string::npos);
}

TEST(Profiles, only_requests_with_names_ask_the_database_whose_failure_is_ours) {
  Installation site;
  const std::function<Result<void>(sql::Transaction&)> drop = [](sql::Transaction& db) {
    return db.post("DROP TABLE profiles");
  };
  ASSERT_TRUE(site.database->write_now(drop));
  const auto made =
      wish(site, R"({"restrictions":[{"exp":"+1d"}],"capabilities":["AT"],"include":[]})");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->restrictions.size(), 1u);
  const auto named = wish(site, R"({"restrictions":"12h"})");
  ASSERT_FALSE(named);
  EXPECT_EQ(named.error().status, 500);
}

TEST(Profiles, restrictions_of_the_configuration_may_be_names_or_clauses) {
  Installation site;
  install_defaults(site);
  const auto named =
      site.run(service::resolve_restrictions(*site.context, json::value("1d ip-this")));
  ASSERT_TRUE(named && named->size() == 1);
  EXPECT_EQ(to_unix(*named->at(0).exp), to_unix(site.clock.now()) + 86400);
  EXPECT_EQ(named->at(0).hosts, std::vector<std::string>{"this"});
  const auto written = site.run(
      service::resolve_restrictions(*site.context, json::parse(R"([{"usages_AT":1},"1d"])")));
  ASSERT_TRUE(written);
  EXPECT_EQ(written->size(), 2u);
  EXPECT_FALSE(site.run(service::resolve_restrictions(*site.context, json::value("nowhere"))));
}

}  // namespace
}  // namespace mytoken::test
