// Logging in: start, consent, and collecting the result (spec oidc.md §§4–9, 12; api.md §4.4, 4.5).
#include "service/login.h"

#include <gtest/gtest.h>

#include "service/codes.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

std::string text(const json::object& object, std::string_view name) {
  return std::string(string_member(object, name));
}

TEST(Login, a_native_login_ends_with_a_jwt_for_the_poller_and_with_nobody_else) {
  Installation site;
  service::TokenWish wish;
  wish.name = "batch";
  wish.application_name = "my app & co";
  auto start = site.start(wish);
  ASSERT_TRUE(start);
  EXPECT_TRUE(start->consent_uri.starts_with("https://mytoken.example.org/c/"));
  EXPECT_EQ(start->authorization_uri, "");
  EXPECT_EQ(start->polling_code.size(), 28u);
  EXPECT_EQ(site.consent_of(*start).size(), 22u);
  auto pending = site.poll(start->polling_code);
  ASSERT_FALSE(pending);
  EXPECT_EQ(pending.error().code, "authorization_pending");
  EXPECT_EQ(pending.error().status, 428);
  auto end = site.finish(site.consented(*start));
  ASSERT_TRUE(end) << end.error().description;
  EXPECT_EQ(end->location, "/native?application=my%20app%20%26%20co");
  EXPECT_FALSE(end->cookie);
  EXPECT_TRUE(end->cookie_value.empty());
  auto answer = site.poll(start->polling_code);
  ASSERT_TRUE(answer);
  EXPECT_EQ(text(*answer, "mytoken_type"), "token");
  EXPECT_EQ(answer->at("capabilities").as_array(), json::array({"AT", "tokeninfo"}));
  EXPECT_FALSE(answer->contains("expires_in"));
  EXPECT_FALSE(answer->contains("restrictions"));
  const Secret token(text(*answer, "mytoken"));
  EXPECT_EQ(token::classify(token.reveal()), token::Presented::jwt);
  EXPECT_TRUE(site.run(service::access_token(*site.context, site.access(token))));
  auto again = site.poll(start->polling_code);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, "invalid_token");
  EXPECT_EQ(again.error().description, "Bad polling or transfer code");
  EXPECT_EQ(site.count("SELECT count(*) FROM flows"), 0);
}

TEST(Login, the_result_has_the_form_that_was_asked_for) {
  struct Case {
    token::ResponseType type;
    std::int64_t longest;
    const char* expected;
  };
  const Case cases[] = {{token::ResponseType::short_token, 0, "short_token"},
                        {token::ResponseType::transfer_code, 0, "transfer_code"},
                        {token::ResponseType::token, 64, "short_token"},
                        {token::ResponseType::token, 63, "transfer_code"},
                        {token::ResponseType::short_token, 5000, "token"}};
  Installation site;
  for (const Case& c : cases) {
    service::TokenWish wish;
    wish.response_type = c.type;
    wish.max_token_len = c.longest;
    const json::object answer = site.login(wish);
    EXPECT_EQ(text(answer, "mytoken_type"), c.expected);
    Secret token(text(answer, "mytoken"));
    if (text(answer, "mytoken_type") == "transfer_code") {
      EXPECT_TRUE(token.empty());
      EXPECT_EQ(answer.at("expires_in").as_int64(), 300);
      EXPECT_EQ(text(answer, "transfer_code").size(), 8u);
      auto redeemed = site.run(service::redeem_transfer_code(
          *site.context, Secret(text(answer, "transfer_code")), site.client()));
      ASSERT_TRUE(redeemed) << redeemed.error().description;
      EXPECT_EQ(text(*redeemed, "mom_id"), text(answer, "mom_id"));
      token = Secret(text(*redeemed, "mytoken"));
    }
    EXPECT_TRUE(site.run(service::access_token(*site.context, site.access(token))));
  }
}

TEST(Login, a_web_login_puts_the_token_into_a_cookie) {
  Installation site;
  auto start = site.start({}, "/home");
  ASSERT_TRUE(start);
  EXPECT_TRUE(start->polling_code.empty());
  auto end = site.finish(site.consented(*start));
  ASSERT_TRUE(end);
  EXPECT_EQ(end->location, "/home");
  EXPECT_EQ(end->cookie, "mytoken");
  EXPECT_TRUE(site.run(service::access_token(*site.context, site.access(end->cookie_value))));
  EXPECT_EQ(site.count("SELECT count(*) FROM flows"), 0);

  service::TokenWish wish;
  wish.response_type = token::ResponseType::transfer_code;
  start = site.start(wish, "/home");
  ASSERT_TRUE(start);
  end = site.finish(site.consented(*start));
  ASSERT_TRUE(end);
  EXPECT_EQ(end->cookie, "mytoken-transfercode");
  EXPECT_TRUE(
      site.run(service::redeem_transfer_code(*site.context, end->cookie_value, site.client())));
}

TEST(Login, without_polling_codes_a_login_needs_a_place_to_go_to) {
  Installation site({}, true, [](service::Settings& s) { s.polling_codes = false; });
  auto start = site.start();
  ASSERT_FALSE(start);
  EXPECT_EQ(start.error().code, "invalid_request");
}

TEST(Login, what_can_never_work_is_refused_at_the_start) {
  Installation site;
  service::TokenWish wish;
  wish.oidc_issuer = "https://elsewhere.example.org";
  auto start = site.start(wish);
  ASSERT_FALSE(start);
  EXPECT_EQ(start.error().description, "The provided issuer is not supported");
  wish = {};
  token::Clause clause;
  clause.exp = site.clock.now() - Seconds(1);
  wish.restrictions = {clause};
  start = site.start(wish);
  ASSERT_FALSE(start);
  EXPECT_EQ(start.error().description, "token would already be expired");
  wish = {};
  wish.capabilities = token::Capabilities{"AT", "everything"};
  start = site.start(wish);
  ASSERT_FALSE(start);
  EXPECT_EQ(start.error().description, "unknown capability 'everything'");
}

TEST(Login, declining_is_told_to_the_poller_and_is_final) {
  Installation site;
  service::TokenWish wish;
  wish.application_name = "a b";
  auto start = site.start(wish);
  auto url = site.run(service::decline_consent(*site.context, site.consent_of(*start)));
  ASSERT_TRUE(url);
  EXPECT_EQ(*url, "/native/abort?application=a%20b");
  auto answer = site.poll(start->polling_code);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "access_denied");
  EXPECT_EQ(answer.error().status, 401);
  EXPECT_EQ(answer.error().description, "user declined consent");
  auto late =
      site.run(service::accept_consent(*site.context, site.consent_of(*start), {}, site.browser()));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().status, 404);
  auto web = site.start({}, "/home");
  EXPECT_EQ(*site.run(service::decline_consent(*site.context, site.consent_of(*web))), "/");
}

TEST(Login, declining_after_consent_ends_the_authorization_request_too) {
  Installation site;
  auto start = site.start();
  const service::Redirect back = site.consented(*start);
  ASSERT_TRUE(site.run(service::decline_consent(*site.context, site.consent_of(*start))));
  auto end = site.finish(back);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().status, 400);
  EXPECT_EQ(site.provider->counters().codes, 0u);
}

TEST(Login, an_expired_login_is_over_for_everybody) {
  Installation site;
  auto start = site.start();
  const service::Redirect back = site.consented(*start);
  site.clock.advance(std::chrono::seconds(601));
  auto view = site.run(service::consent_view(*site.context, site.consent_of(*start)));
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().status, 404);
  auto end = site.finish(back);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().description, "State mismatched");
  auto answer = site.poll(start->polling_code);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "expired_token");
  EXPECT_EQ(answer.error().status, 401);
}

TEST(Login, the_consent_page_sees_who_asks_for_what) {
  Installation site;
  service::TokenWish wish;
  wish.name = "n";
  auto start = site.start(wish);
  auto view = site.run(service::consent_view(*site.context, site.consent_of(*start)));
  ASSERT_TRUE(view);
  EXPECT_EQ(view->issuer, site.provider->issuer());
  EXPECT_EQ(view->created_ip, "192.0.2.1");
  EXPECT_EQ(text(view->request, "name"), "n");
  EXPECT_EQ(view->expires_at - view->created, Seconds(600));
}

TEST(Login, what_the_user_decided_replaces_what_was_asked_for) {
  Installation site;
  service::TokenWish wish;
  wish.name = "asked";
  wish.rotation = token::Rotation{true, true, Seconds(7), true};
  token::Clause clause;
  clause.usages_at = 1;
  wish.restrictions = {clause};
  auto start = site.start(wish);
  service::ConsentEdits edits;
  edits.oidc_issuer = site.provider->issuer() + "/";
  edits.name = "decided";
  edits.capabilities = token::Capabilities{"AT", "AT", "tokeninfo:introspect"};
  token::Clause decided;
  decided.hosts = {"This", "198.51.100.0/24"};
  edits.restrictions = token::Restrictions{decided};
  edits.has_rotation = true;
  ASSERT_TRUE(site.finish(site.consented(*start, edits)));
  auto answer = site.poll(start->polling_code);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->at("capabilities").as_array(), json::array({"AT", "tokeninfo:introspect"}));
  EXPECT_FALSE(answer->contains("rotation"));
  EXPECT_EQ(json::serialize(answer->at("restrictions")),
            R"([{"hosts":["192.0.2.1","198.51.100.0/24"]}])");
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens WHERE name = 'decided' AND rotation IS NULL"),
            1);
}

TEST(Login, consent_without_a_word_about_rotation_keeps_it) {
  Installation site;
  service::TokenWish wish;
  wish.rotation = token::Rotation{true, false, Seconds(7), true};
  auto start = site.start(wish);
  ASSERT_TRUE(site.finish(site.consented(*start)));
  auto answer = site.poll(start->polling_code);
  ASSERT_TRUE(answer);
  EXPECT_EQ(json::serialize(answer->at("rotation")),
            R"({"on_AT":true,"lifetime":7,"auto_revoke":true})");
}

TEST(Login, an_invalid_consent_changes_nothing_and_may_be_corrected) {
  Installation site;
  auto start = site.start();
  const auto refused = [&](const service::ConsentEdits& edits) {
    auto url = site.run(
        service::accept_consent(*site.context, site.consent_of(*start), edits, site.browser()));
    EXPECT_FALSE(url);
    if (url) return std::string();
    EXPECT_EQ(url.error().status, 400);
    return url.error().description;
  };
  service::ConsentEdits edits;
  edits.capabilities = token::Capabilities{"AT", "superuser"};
  EXPECT_EQ(refused(edits), "unknown capability 'superuser'");
  edits.capabilities = token::Capabilities{};
  EXPECT_EQ(refused(edits), "at least one capability must be given");
  edits = {};
  edits.oidc_issuer = "https://other.example.org";
  EXPECT_EQ(refused(edits), "The provided issuer is not supported");
  edits = {};
  token::Clause past;
  past.exp = site.clock.now() - Seconds(1);
  edits.restrictions = token::Restrictions{past};
  EXPECT_EQ(refused(edits), "token would already be expired");
  EXPECT_EQ(
      site.count("SELECT count(*) FROM flows WHERE status = 'started' AND state_hash IS NULL"), 1);
  EXPECT_TRUE(site.finish(site.consented(*start)));
}

TEST(Login, another_configured_issuer_in_the_consent_is_a_mix_up_and_refused) {
  Installation site;
  oidc::ProviderSettings settings;
  settings.issuer = "https://second.example.org";
  settings.client_id = "c";
  site.providers.add(std::make_shared<oidc::Provider>(settings, *site.http, site.clock, site.log));
  auto start = site.start();
  service::ConsentEdits edits;
  edits.oidc_issuer = "https://second.example.org";
  auto url = site.run(
      service::accept_consent(*site.context, site.consent_of(*start), edits, site.browser()));
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().description, "oidc_issuer is not the one this login was started for");
}

TEST(Login, accepting_again_ends_the_former_authorization_request) {
  Installation site;
  auto start = site.start();
  const service::Redirect first = site.consented(*start);
  const service::Redirect second = site.consented(*start);
  EXPECT_NE(first.state, second.state);
  auto end = site.finish(first);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().description, "State mismatched");
  EXPECT_EQ(site.provider->counters().codes, 0u);
  EXPECT_TRUE(site.finish(second));
  EXPECT_TRUE(site.poll(start->polling_code));
}

TEST(Login, exactly_one_of_100_parallel_polls_gets_the_token) {
  for (const auto type : {token::ResponseType::token, token::ResponseType::short_token}) {
    Installation site;
    service::TokenWish wish;
    wish.response_type = type;
    auto start = site.start(wish);
    ASSERT_TRUE(site.finish(site.consented(*start)));
    const auto answers = site.run_all<Result<json::object>>(100, [&](std::size_t) {
      return service::poll(*site.context, start->polling_code, site.client());
    });
    std::size_t got = 0;
    for (const auto& answer : answers) {
      if (answer) ++got;
      if (!answer) {
        EXPECT_EQ(answer.error().description, "Bad polling or transfer code");
      }
    }
    EXPECT_EQ(got, 1u);
    EXPECT_EQ(site.count("SELECT count(*) FROM events WHERE event = 'transfer_code_used'"), 1);
    EXPECT_EQ(site.count("SELECT count(*) FROM proxies"),
              type == token::ResponseType::token ? 0 : 1);
  }
}

TEST(Login, a_token_that_is_not_valid_yet_can_be_collected) {
  Installation site;
  service::TokenWish wish;
  token::Clause clause;
  clause.nbf = site.clock.now() + Seconds(5000);
  wish.restrictions = {clause};
  const Secret token = site.login_token(wish);
  ASSERT_FALSE(token.empty());
  EXPECT_FALSE(site.run(service::access_token(*site.context, site.access(token))));
  site.clock.advance(std::chrono::seconds(5000));
  EXPECT_TRUE(site.run(service::access_token(*site.context, site.access(token))));
}

TEST(Login, the_maximum_lifetime_of_the_provider_limits_every_clause) {
  Installation site;
  site.configure_maximum_lifetime(Seconds(1000));
  const json::object answer = site.login();
  EXPECT_EQ(answer.at("expires_in").as_int64(), 1000);
  EXPECT_EQ(answer.at("restrictions").as_array().at(0).as_object().at("exp").as_int64(),
            to_unix(site.clock.now()) + 1000);
}

TEST(Login, a_result_moved_to_another_token_is_not_handed_out) {
  Installation site;
  auto mine = site.start();
  ASSERT_TRUE(site.finish(site.consented(*mine)));
  site.login();
  site.execute(
      "UPDATE flows SET mytoken_id = (SELECT id FROM mytokens WHERE id <> flows.mytoken_id LIMIT "
      "1) WHERE status = 'done'");
  auto answer = site.poll(mine->polling_code);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().description, "Bad polling or transfer code");
}

TEST(Login, tags_of_the_consent_replace_those_of_the_request_and_stay_without_a_word) {
  Installation site;
  service::TokenWish wish;
  wish.tags = {{"asked", false}};
  auto start = site.start(wish);
  ASSERT_TRUE(start);
  ASSERT_TRUE(site.run(
      service::accept_consent(*site.context, site.consent_of(*start), {}, site.browser())));
  auto view = site.run(service::consent_view(*site.context, site.consent_of(*start)));
  ASSERT_TRUE(view);
  EXPECT_EQ(view->request.at("tags").as_array(), token::to_json(wish.tags));
  service::ConsentEdits edits;
  edits.tags = std::vector<token::TagWish>{{"decided", true}};
  const auto decided = token::to_json(*edits.tags);
  ASSERT_TRUE(site.run(service::accept_consent(*site.context, site.consent_of(*start),
                                               std::move(edits), site.browser())));
  view = site.run(service::consent_view(*site.context, site.consent_of(*start)));
  ASSERT_TRUE(view);
  EXPECT_EQ(view->request.at("tags").as_array(), decided);
}

TEST(Login, W36_consent_passes_the_checks_of_the_start) {
  Installation site({}, true,
                    [](service::Settings& s) { s.unsupported_restrictions = {"geoip_allow"}; });
  auto start = site.start();
  ASSERT_TRUE(start);
  const auto accept = [&](service::ConsentEdits edits) {
    return site.run(service::accept_consent(*site.context, site.consent_of(*start),
                                            std::move(edits), site.browser()));
  };
  token::Clause over;
  over.exp = site.clock.now() - Seconds(1);
  service::ConsentEdits edits;
  edits.restrictions = token::Restrictions{over};
  auto refused = accept(edits);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 400);
  edits = {};
  edits.capabilities = token::Capabilities{"AT", "fly"};
  refused = accept(edits);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 400);

  token::Clause here;
  here.hosts = {"this"};
  here.geoip_allow = {"DE"};
  edits = {};
  edits.restrictions = token::Restrictions{here};
  ASSERT_TRUE(site.finish(site.consented(*start, edits)));
  auto answer = site.poll(start->polling_code);
  ASSERT_TRUE(answer);
  here.hosts = {site.client().address};
  here.geoip_allow.clear();
  EXPECT_EQ(answer->at("restrictions").as_array(), token::to_json(token::Restrictions{here}));
}

}  // namespace
}  // namespace mytoken::test
