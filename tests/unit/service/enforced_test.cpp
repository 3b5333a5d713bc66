// Restrictions that a provider's operator enforces by the users' claims (spec oidc.md §1.6 and
// §22.7, tokens.md §5.11, profiles.md §5.3).
#include "service/enforced.h"

#include <gtest/gtest.h>

#include "service/profiles.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

const std::string scope_a = R"([{"scope":"openid","usages_AT":3}])";
const std::string scope_b = R"({"audience":["https://b.example"]})";

class EnforcedRestrictions : public testing::Test {
 protected:
  // What the id token says in `groups`, as JSON.
  static ProviderKnobs with_groups(const std::string& groups) {
    ProviderKnobs knobs;
    if (!groups.empty()) knobs.id_token_claims = {{"groups", *parse_json(groups)}};
    return knobs;
  }
  static oidc::EnforcedRestrictions rules() {
    oidc::EnforcedRestrictions rules;
    rules.claim_sources = {{"op", "groups"}};
    rules.mapping = {{"admins", ""}, {"staff", scope_a}, {"guests", scope_b}};
    rules.default_template = R"([{"usages_AT":1}])";
    rules.help_html = "<p>Ask <b>us</b></p>";
    return rules;
  }
  void user_has(const std::string& groups) {
    site.provider->set(
        [&](ProviderKnobs& knobs) { knobs.id_token_claims = with_groups(groups).id_token_claims; });
  }
  // The end of a login with these requested restrictions.
  Result<service::LoginEnd> log_in(const std::string& requested = "[]") {
    service::TokenWish wish;
    const auto value = parse_json(requested);
    wish.restrictions = *token::parse_restrictions(&*value, site.clock.now());
    auto start = site.start(std::move(wish));
    EXPECT_TRUE(start);
    polling_code = start->polling_code;
    return site.finish(site.consented(*start));
  }
  // The restrictions of the token that comes out, as canonical JSON; or the error of the login.
  std::string restrictions(const std::string& requested = "[]") {
    auto end = log_in(requested);
    if (!end) return std::to_string(end.error().status) + " " + end.error().description;
    if (end->refusal) return "refused: " + end->refusal->description;
    told = end->location.starts_with("/reduced?");
    auto answer = site.poll(polling_code);
    if (!answer) return answer.error().description;
    const json::value* list = answer->if_contains("restrictions");
    return list ? json::serialize(*list) : "none";
  }
  std::string heard() {
    auto answer = site.poll(polling_code);
    return answer ? "a token"
                  : std::to_string(answer.error().status) + " " + answer.error().code + ": " +
                        answer.error().description;
  }
  void expect_nothing_lives() {
    EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
    EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens"), 0);
    for (const auto& session : site.provider->sessions())
      EXPECT_TRUE(session.ended || session.refresh_tokens.empty());
  }

  Installation site;
  Secret polling_code;
  bool told = false;  // that the token may do less than was asked for
};

TEST_F(EnforcedRestrictions, nothing_is_enforced_where_nothing_is_configured) {
  user_has(R"("staff")");
  EXPECT_EQ(restrictions(), "none");
  EXPECT_FALSE(told);
}

TEST_F(EnforcedRestrictions, a_text_and_a_list_choose_a_template) {
  site.configure_enforced(rules());
  user_has(R"("staff")");
  EXPECT_EQ(restrictions(), scope_a);
  user_has(R"(["x","guests"])");
  EXPECT_EQ(restrictions(), "[" + scope_b + "]");
  user_has(R"("admins")");
  EXPECT_EQ(restrictions(), "none");
  EXPECT_FALSE(told);
}

TEST_F(EnforcedRestrictions, oidc_weakness_15_of_several_matches_the_operators_first_counts) {
  site.configure_enforced(rules());
  user_has(R"(["guests","staff"])");
  EXPECT_EQ(restrictions(), scope_a);
  user_has(R"(["guests","staff","admins"])");
  EXPECT_EQ(restrictions(), "none");
  // Sources, too: the first that has the claim.
  auto changed = rules();
  changed.claim_sources = {{site.provider->issuer() + "/attributes", "groups"}, {"op", "groups"}};
  site.configure_enforced(changed);
  user_has(R"("staff")");
  site.provider->set([](ProviderKnobs& knobs) { knobs.attributes = "{}"; });
  EXPECT_EQ(restrictions(), scope_a);
  site.provider->set([](ProviderKnobs& knobs) { knobs.attributes = R"({"groups":"guests"})"; });
  EXPECT_EQ(restrictions(), "[" + scope_b + "]");
}

TEST_F(EnforcedRestrictions, oidc_weakness_5_userinfo_and_urls_are_sources) {
  site.configure_enforced(rules());
  site.provider->set([](ProviderKnobs& knobs) {
    knobs.userinfo_claims = {{"groups", json::array{"staff"}}};
  });
  EXPECT_EQ(restrictions(), scope_a);
}

TEST_F(EnforcedRestrictions, who_matches_nothing_gets_the_default) {
  site.configure_enforced(rules());
  for (const char* groups : {"", R"("others")", "[]", R"(["others","more"])"}) {
    user_has(groups);
    EXPECT_EQ(restrictions(), R"([{"usages_AT":1}])") << groups;
  }
  auto without = rules();
  without.default_template.clear();
  site.configure_enforced(without);
  EXPECT_EQ(restrictions(), "none");
}

TEST_F(EnforcedRestrictions, a_request_that_fits_is_kept) {
  site.configure_enforced(rules());
  user_has(R"("staff")");
  const std::string tighter = R"([{"scope":"openid","usages_AT":2}])";
  EXPECT_EQ(restrictions(tighter), tighter);
  EXPECT_FALSE(told);
}

TEST_F(EnforcedRestrictions,
       oidc_weakness_15_what_does_not_fit_becomes_the_template_and_the_user_is_told) {
  site.configure_enforced(rules());
  user_has(R"("staff")");
  EXPECT_EQ(restrictions(R"([{"scope":"email","usages_AT":4}])"), scope_a);
  EXPECT_TRUE(told);
  // Of several clauses those that fit stay.
  EXPECT_EQ(restrictions(R"([{"scope":"openid","usages_AT":1},{"usages_AT":1}])"),
            R"([{"scope":"openid","usages_AT":1}])");
  EXPECT_TRUE(told);
}

TEST_F(EnforcedRestrictions, the_way_to_the_end_goes_over_the_help) {
  site.configure_enforced(rules());
  user_has(R"("staff")");
  auto end = log_in(R"([{"scope":"email"}])");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->location,
            service::by_way_of_help(*site.context, site.context->providers.all()[0]->settings(),
                                    "/native"));
  const std::string start =
      "/reduced?issuer=" + percent_encode(site.provider->issuer()) + "&to=%2Fnative&sig=";
  ASSERT_TRUE(end->location.starts_with(start));
  const std::string sig = end->location.substr(start.size());
  const auto is_ours = [&](const std::string& issuer, const std::string& to,
                           const std::string& with) {
    return service::is_way_of_help(*site.context, issuer, to, with);
  };
  EXPECT_TRUE(is_ours(site.provider->issuer(), "/native", sig));
  EXPECT_FALSE(is_ours(site.provider->issuer(), "/home", sig));
  EXPECT_FALSE(is_ours("https://other.example", "/native", sig));
  EXPECT_FALSE(is_ours(site.provider->issuer(), "/native", ""));
  for (const std::string& consent :
       {std::string("/c/x"), service::base_url(site.context->settings) + "/c/x"}) {
    EXPECT_EQ(service::by_way_of_help(*site.context, site.context->providers.all()[0]->settings(),
                                      consent),
              consent);
  }
  auto without = rules();
  without.help_html.clear();
  site.configure_enforced(without);
  end = log_in(R"([{"scope":"email"}])");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->location, "/native");
}

TEST_F(EnforcedRestrictions, templates_of_the_server_are_taken_by_name) {
  service::Template entry;
  entry.kind = service::TemplateKind::restrictions;
  entry.group = "_";
  entry.name = "small";
  entry.payload = *parse_json(R"({"usages_AT":2,"hosts":["this"]})");
  ASSERT_TRUE(site.run(service::add_template(*site.context, entry)));
  auto named = rules();
  named.mapping = {{"staff", "small"}};
  site.configure_enforced(named);
  user_has(R"("staff")");
  // `this` is where the login was started.
  EXPECT_EQ(restrictions(), R"([{"hosts":["192.0.2.1"],"usages_AT":2}])");
}

TEST_F(EnforcedRestrictions, a_template_that_cannot_be_used_gives_no_token) {
  user_has(R"("staff")");
  for (const char* name : {"unknown", "a/b/c", "[{", R"([{"usages_AT":-1}])", R"({"nope":1})"}) {
    auto broken = rules();
    broken.mapping = {{"staff", name}};
    site.configure_enforced(broken);
    auto end = log_in();
    ASSERT_FALSE(end) << name;
    EXPECT_EQ(end.error().status, 500) << name;
    EXPECT_EQ(end.error().description.find(name), std::string::npos);
    expect_nothing_lives();
  }
}

TEST_F(EnforcedRestrictions, a_template_that_restricts_nothing_gives_no_token) {
  user_has(R"("staff")");
  site.context->settings.unsupported_restrictions = {"usages_AT"};
  for (const char* name :
       {"[]", "{}", "[{}]", R"({"usages_AT":1})", R"([{"scope":"openid"},{"usages_AT":1}])"}) {
    auto broken = rules();
    broken.mapping = {{"staff", name}};
    site.configure_enforced(broken);
    site.context->settings.unsupported_restrictions = {"usages_AT"};
    auto end = log_in();
    ASSERT_FALSE(end) << name;
    EXPECT_EQ(end.error().status, 500) << name;
    expect_nothing_lives();
  }
}

TEST_F(EnforcedRestrictions, the_limits_of_a_request_that_does_not_fit_are_kept) {
  site.configure_enforced(rules());
  user_has(R"("staff")");
  const std::string exp = std::to_string(to_unix(site.clock.now()) + 3600);
  EXPECT_EQ(restrictions(R"([{"exp":)" + exp + R"(,"hosts":["192.0.2.7"],"usages_other":2}])"),
            R"([{"exp":)" + exp +
                R"(,"scope":"openid","hosts":["192.0.2.7"],"usages_AT":3,"usages_other":2}])");
  EXPECT_TRUE(told);
  // Only what all clauses limit.
  EXPECT_EQ(restrictions(R"([{"exp":)" + exp + R"(,"usages_AT":1},{"usages_AT":1}])"),
            R"([{"scope":"openid","usages_AT":2}])");
  auto two = rules();
  two.mapping = {{"staff", R"([{"scope":"a","hosts":["10.0.0.0/8"]},{"scope":"b"}])"}};
  site.configure_enforced(two);
  EXPECT_EQ(restrictions(R"([{"hosts":["10.1.0.0/16","192.0.2.7"],"usages_AT":1}])"),
            R"([{"scope":"a","hosts":["10.1.0.0/16"],"usages_AT":1},)"
            R"({"scope":"b","hosts":["10.1.0.0/16","192.0.2.7"],"usages_AT":0}])");
  two.mapping = {{"staff", R"({"hosts":["10.0.0.0/8"]})"}};
  site.configure_enforced(two);
  EXPECT_TRUE(restrictions(R"([{"hosts":["192.0.2.7"]}])").starts_with("refused: nothing of what"));
}

TEST_F(EnforcedRestrictions, who_asks_for_few_scopes_is_known_as_well) {
  site.configure_enforced(rules());
  user_has(R"("staff")");
  service::TokenWish wish;
  const auto value = parse_json(R"([{"scope":"only-this"}])");
  wish.restrictions = *token::parse_restrictions(&*value, site.clock.now());
  auto start = site.start(std::move(wish));
  ASSERT_TRUE(start);
  auto url = site.run(
      service::accept_consent(*site.context, site.consent_of(*start), {}, Installation::browser()));
  ASSERT_TRUE(url);
  for (const char* scope : {"only-this", "openid", "profile", "email"})
    EXPECT_NE(url->find(scope), std::string::npos) << scope;
}

TEST_F(EnforcedRestrictions, a_source_that_does_not_answer_ends_the_login) {
  auto changed = rules();
  changed.claim_sources = {{site.provider->issuer() + "/attributes", "groups"}, {"op", "groups"}};
  site.configure_enforced(changed);
  user_has(R"("staff")");
  auto end = log_in();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().status, 503);
  expect_nothing_lives();
}

TEST_F(EnforcedRestrictions, whoever_matches_nothing_may_be_forbidden) {
  auto strict = rules();
  strict.forbid_on_default = true;
  site.configure_enforced(strict);
  user_has(R"(["others"])");
  auto end = log_in();
  ASSERT_TRUE(end);
  ASSERT_TRUE(end->refusal);
  EXPECT_EQ(end->refusal->status, 403);
  EXPECT_EQ(end->refusal->code, "access_denied");
  EXPECT_EQ(end->help_html, "<p>Ask <b>us</b></p>");
  EXPECT_EQ(end->location, "");
  EXPECT_FALSE(end->cookie);
  EXPECT_EQ(heard(),
            "401 access_denied: you do not have the required attributes to use this service");
  expect_nothing_lives();
  user_has("");
  EXPECT_EQ(restrictions(), "refused: you do not have the required attributes to use this service");
  user_has(R"(["others","staff"])");
  EXPECT_EQ(restrictions(), scope_a);
}

TEST_F(EnforcedRestrictions, a_claim_of_another_type_is_an_error_of_the_provider) {
  site.configure_enforced(rules());
  for (const char* groups : {"5", "true", R"({"staff":true})", R"(["staff",5])"}) {
    user_has(groups);
    EXPECT_EQ(restrictions(), "555 invalid_claim_source_response: cannot understand claim type")
        << groups;
    expect_nothing_lives();
  }
}

TEST_F(EnforcedRestrictions, the_maximum_lifetime_holds_beside_them) {
  site.configure_maximum_lifetime(Seconds(3600));
  site.configure_enforced(rules());
  user_has(R"("staff")");
  const std::int64_t exp = to_unix(site.clock.now()) + 3600;
  EXPECT_EQ(restrictions(),
            R"([{"exp":)" + std::to_string(exp) + R"(,"scope":"openid","usages_AT":3}])");
}

TEST_F(EnforcedRestrictions, the_budget_of_a_template_binds) {
  site.configure_enforced(rules());
  user_has(R"("staff")");
  ASSERT_TRUE(log_in());
  auto answer = site.poll(polling_code);
  ASSERT_TRUE(answer);
  const Secret token(std::string(string_member(*answer, "mytoken")));
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(site.run(service::access_token(*site.context, site.access(token))));
  EXPECT_FALSE(site.run(service::access_token(*site.context, site.access(token))));
}

}  // namespace
}  // namespace mytoken::test
