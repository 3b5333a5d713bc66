// Mytokens that nobody fetched: a finished login whose polling code is never used, a code that was
// to hand out a new token. They end, here and at the provider, and nothing else does.
#include <gtest/gtest.h>

#include "service/codes.h"
#include "service/revoke.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

constexpr Seconds hour{3600};
constexpr Seconds day{86400};
constexpr Seconds minute{60};

std::string text(const json::object& object, std::string_view name) {
  return std::string(string_member(object, name));
}
service::TokenWish wish_for(token::ResponseType type) {
  service::TokenWish wish;
  wish.capabilities = token::Capabilities{"AT", "create_mytoken"};
  wish.response_type = type;
  return wish;
}
// A login that ended well; what its polling code is.
Secret finished(Installation& site, service::TokenWish wish = {}) {
  auto start = site.start(std::move(wish));
  EXPECT_TRUE(start);
  EXPECT_TRUE(site.finish(site.consented(*start)));
  return start->polling_code;
}
// Purges, and does what the purge left in the outbox.
void rounds(Installation& site) {
  for (int i = 0; i < 3; ++i) {
    site.clock.advance(minute + Seconds(1));
    site.background();
  }
}
void expect_nothing_is_left(Installation& site) {
  for (const char* table : {"flows", "proxies", "mytokens", "refresh_tokens", "clauses", "events",
                            "access_tokens", "outbox"}) {
    EXPECT_EQ(site.count(std::string("SELECT count(*) FROM ") + table), 0) << table;
  }
}
bool gives_access(Installation& site, const Secret& token) {
  return site.run(service::access_token(*site.context, site.access(token))).has_value();
}
Result<json::object> redeem(Installation& site, const Secret& code) {
  return site.run(service::redeem_transfer_code(*site.context, code, site.client()));
}
Secret code_for_subtoken(Installation& site, const Secret& parent) {
  service::SubtokenRequest request;
  request.presentation = site.present(parent);
  request.wish = wish_for(token::ResponseType::transfer_code);
  auto made = site.run(service::make_subtoken(*site.context, request));
  EXPECT_TRUE(made);
  return Secret(made ? text(made->body, "transfer_code") : "");
}

TEST(Uncollected, a_login_that_nobody_polls_for_ends_at_its_provider) {
  Installation site;
  const Secret polling_code = finished(site);
  site.clock.advance(site.context->settings.flow_lifetime + hour - minute);
  site.background();
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 1) << "it is still recognised";
  EXPECT_EQ(site.poll(polling_code).error().code, "expired_token");
  rounds(site);
  expect_nothing_is_left(site);
  EXPECT_EQ(site.provider->counters().revocations, 1u);
  EXPECT_TRUE(site.provider->sessions().at(0).ended);
}

TEST(Uncollected, a_provider_that_is_down_is_told_later) {
  Installation site;
  finished(site);
  site.provider->set([](ProviderKnobs& knobs) {
    knobs.revocation_error = ProviderKnobs::ErrorAnswer{"server_error", "", 503};
  });
  site.clock.advance(site.context->settings.flow_lifetime + hour);
  rounds(site);
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
  EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), 1);
  site.provider->set([](ProviderKnobs& knobs) { knobs.revocation_error.reset(); });
  site.clock.advance(hour);
  rounds(site);
  expect_nothing_is_left(site);
  EXPECT_EQ(site.provider->counters().revocations, 1u);
}

TEST(Uncollected, a_login_that_was_collected_lives_on) {
  Installation site;
  const Secret token(text(*site.poll(finished(site)), "mytoken"));
  EXPECT_EQ(site.count("SELECT count(*) FROM flows"), 0);
  for (int i = 0; i < 3; ++i) {
    site.clock.advance(2 * day);
    rounds(site);
  }
  EXPECT_TRUE(gives_access(site, token));
  EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), 0);
  EXPECT_EQ(site.provider->counters().revocations, 0u);
}

TEST(Uncollected, a_first_token_behind_a_code_that_nobody_redeems_ends) {
  Installation site;
  const auto answer = site.poll(finished(site, wish_for(token::ResponseType::transfer_code)));
  const Secret code(text(*answer, "transfer_code"));
  site.clock.advance(site.context->settings.transfer_code_lifetime + day - minute);
  site.background();
  EXPECT_EQ(redeem(site, code).error().code, "expired_token");
  rounds(site);
  expect_nothing_is_left(site);
  EXPECT_EQ(site.provider->counters().revocations, 1u);
}

TEST(Uncollected, what_is_behind_the_code_of_a_web_login_ends_too) {
  Installation site({}, true, [](service::Settings& settings) {
    settings.trusted_redirect_uris = {"https://app\\.example\\.org/"};
  });
  auto start = site.start(wish_for(token::ResponseType::transfer_code), "https://app.example.org/");
  ASSERT_TRUE(start) << start.error().description;
  service::Redirect back = site.follow(start->authorization_uri);
  back.browser = start->browser;
  const auto end = site.finish(back);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->cookie, "mytoken-transfercode");
  site.clock.advance(site.context->settings.transfer_code_lifetime + day);
  rounds(site);
  expect_nothing_is_left(site);
  EXPECT_EQ(site.provider->counters().revocations, 1u);
}

TEST(Uncollected, a_token_whose_code_was_redeemed_lives_on) {
  Installation site;
  const auto answer = site.poll(finished(site, wish_for(token::ResponseType::transfer_code)));
  const Secret token(text(*redeem(site, Secret(text(*answer, "transfer_code"))), "mytoken"));
  const Secret child(text(*redeem(site, code_for_subtoken(site, token)), "mytoken"));
  site.clock.advance(3 * day);
  rounds(site);
  EXPECT_TRUE(gives_access(site, token));
  EXPECT_TRUE(gives_access(site, child));
  EXPECT_EQ(site.provider->counters().revocations, 0u);
}

TEST(Uncollected, a_code_of_a_token_that_somebody_has_takes_nothing_along) {
  Installation site;
  const Secret token = site.login_token(wish_for(token::ResponseType::token));
  ASSERT_TRUE(site.run(service::make_transfer_code(*site.context, site.present(token))));
  site.clock.advance(3 * day);
  rounds(site);
  EXPECT_EQ(site.count("SELECT count(*) FROM proxies"), 0);
  EXPECT_TRUE(gives_access(site, token));
}

TEST(Uncollected, a_subtoken_behind_a_code_goes_and_its_family_stays) {
  Installation site;
  const Secret parent = site.login_token(wish_for(token::ResponseType::token));
  code_for_subtoken(site, parent);
  site.clock.advance(site.context->settings.transfer_code_lifetime + day);
  rounds(site);
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 1);
  EXPECT_TRUE(gives_access(site, parent));
  EXPECT_EQ(site.provider->counters().revocations, 0u);
}

TEST(Uncollected, a_subtoken_that_was_the_last_of_its_family_ends_the_newest_refresh_token) {
  ProviderKnobs knobs;
  knobs.rotation = ProviderKnobs::Rotation::single_use;
  Installation site(knobs);
  const Secret parent = site.login_token(wish_for(token::ResponseType::token));
  code_for_subtoken(site, parent);
  ASSERT_TRUE(gives_access(site, parent));  // and the refresh token is another one
  service::RevocationRequest request;
  request.presentation = site.present(parent);
  ASSERT_TRUE(site.run(service::revoke_presented(*site.context, request)));
  rounds(site);
  EXPECT_EQ(site.provider->counters().revocations, 0u);
  site.clock.advance(site.context->settings.transfer_code_lifetime + day);
  rounds(site);
  expect_nothing_is_left(site);
  EXPECT_EQ(site.provider->counters().revocations, 1u);
}

TEST(Uncollected, a_token_that_expires_before_its_code_is_forgotten_ends_at_the_provider_too) {
  Installation site({}, true,
                    [](service::Settings& settings) { settings.retention.expired_tokens = day; });
  service::TokenWish wish = wish_for(token::ResponseType::transfer_code);
  token::Clause clause;
  clause.exp = site.clock.now() + minute;
  wish.restrictions = {clause};
  ASSERT_TRUE(site.poll(finished(site, wish)));
  site.clock.advance(day + minute);
  rounds(site);
  expect_nothing_is_left(site);
  EXPECT_EQ(site.provider->counters().revocations, 1u);
}

TEST(Uncollected, a_login_from_before_its_key_was_kept_goes_unrevoked) {
  Installation site;
  finished(site);
  site.execute("UPDATE flows SET key_for_purge = NULL");
  site.clock.advance(site.context->settings.flow_lifetime + hour);
  rounds(site);
  expect_nothing_is_left(site);
  EXPECT_EQ(site.provider->counters().revocations, 0u);
  EXPECT_NE(site.log.text().find("not revoked at their provider"), std::string::npos);
}

}  // namespace
}  // namespace mytoken::test
