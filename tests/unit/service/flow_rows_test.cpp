// What a copy of the database tells about logins, and what a changed one can do to them (spec
// oidc.md §§5.2, 6).
#include <gtest/gtest.h>

#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

TEST(FlowRows, damaged_flows_are_errors_and_no_crash) {
  const char* const damages[] = {"UPDATE flows SET key_for_state = NULL",
                                 "UPDATE flows SET sealed_secrets = NULL",
                                 "UPDATE flows SET browser_hash = NULL",
                                 "UPDATE flows SET key_for_state = x'00'",
                                 "UPDATE flows SET sealed_secrets = key_for_state",
                                 "UPDATE flows SET request = '[]'",
                                 "UPDATE flows SET request = '{'",
                                 "UPDATE flows SET issuer = ''"};
  for (const char* damage : damages) {
    Installation site;
    auto start = site.start();
    const service::Redirect back = site.consented(*start);
    site.execute(damage);
    EXPECT_FALSE(site.finish(back)) << damage;
    EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0) << damage;
    EXPECT_EQ(site.provider->counters().token_requests, 0u) << damage;
  }
}

TEST(FlowRows, nothing_stored_contains_what_opens_a_login) {
  Installation site;
  service::TokenWish wish;
  wish.response_type = token::ResponseType::transfer_code;
  auto waiting = site.start(wish);
  const service::Redirect unfinished = site.consented(*waiting);
  auto start = site.start(wish);
  const service::Redirect back = site.consented(*start);
  ASSERT_TRUE(site.finish(back));
  auto uncollected = site.start();
  const service::Redirect collected_never = site.consented(*uncollected);
  ASSERT_TRUE(site.finish(collected_never));
  auto answer = site.poll(start->polling_code);
  ASSERT_TRUE(answer);
  const auto exchange = site.provider->last("/token");
  const auto authorization = site.provider->last("/auth");
  const std::string stored = site.stored_bytes();
  std::vector<std::string> secrets = {std::string(string_member(*answer, "transfer_code")),
                                      back.code, exchange.field("code_verifier"),
                                      authorization.field("nonce"),
                                      std::string(site.browser().reveal())};
  for (const auto* one : {&*waiting, &*start, &*uncollected}) {
    secrets.emplace_back(one->polling_code.reveal());
    secrets.emplace_back(site.consent_of(*one).reveal());
  }
  for (const auto* one : {&unfinished, &back, &collected_never})
    secrets.push_back(one->state);
  for (const auto& session : site.provider->sessions())
    secrets.insert(secrets.end(), session.refresh_tokens.begin(), session.refresh_tokens.end());
  const std::string log = site.log.text();
  for (const std::string& secret : secrets) {
    ASSERT_GE(secret.size(), 8u);
    EXPECT_EQ(stored.find(secret), std::string::npos);
    EXPECT_EQ(log.find(secret), std::string::npos);
  }
  // Nor a JWT: they all begin like this.
  EXPECT_EQ(stored.find("eyJ"), std::string::npos);
}

}  // namespace
}  // namespace mytoken::test
