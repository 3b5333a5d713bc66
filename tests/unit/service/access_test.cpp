// The access-token path against a provider that misbehaves on demand (DESIGN §7, tokens.md §14,
// oidc.md §20).
#include <gtest/gtest.h>

#include "service/access.h"
#include "service/inspect.h"
#include "service/revoke.h"
#include "unit/service/mytokens.h"

namespace mytoken::test {
namespace {

using Rotation = ProviderKnobs::Rotation;

ProviderKnobs rotating(Rotation rotation) {
  ProviderKnobs knobs;
  knobs.rotation = rotation;
  return knobs;
}

std::string id_of(const json::object& answer) {
  return *token::parse_mom_id(string_member(answer, "mom_id"));
}

std::size_t successes(const std::vector<Result<service::AccessAnswer>>& answers) {
  std::size_t count = 0;
  for (const auto& answer : answers)
    count += answer ? 1 : 0;
  return count;
}

TEST(Access, a_mytoken_is_traded_for_an_access_token) {
  Installation site;
  const json::object login = site.login();
  const Secret token(std::string(string_member(login, "mytoken")));
  auto answer = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_TRUE(answer) << answer.error().description << answer.error().cause;
  EXPECT_FALSE(string_member(answer->body, "access_token").empty());
  EXPECT_EQ(string_member(answer->body, "token_type"), "Bearer");
  EXPECT_EQ(answer->body.at("expires_in").as_int64(), 3600);
  EXPECT_EQ(site.events(id_of(login)),
            (std::vector<std::string>{"created", "transfer_code_used", "AT_created"}));
}

TEST(Access, W7_a_usage_limit_of_one_admits_exactly_one_of_1000_parallel_requests) {
  Installation site;
  const json::object login = site.login(with_usages(1));
  const Secret token(std::string(string_member(login, "mytoken")));
  const auto answers = site.run_all<Result<service::AccessAnswer>>(
      1000, [&](std::size_t) { return service::access_token(*site.context, site.access(token)); });
  EXPECT_EQ(successes(answers), 1u);
  for (const auto& answer : answers) {
    if (!answer) {
      EXPECT_EQ(answer.error().code, "usage_restricted");
    }
  }
  EXPECT_EQ(site.count("SELECT used_at FROM clauses"), 1);
  EXPECT_EQ(site.provider->counters().refreshes, 1u);
}

TEST(Access, two_hundred_parallel_requests_on_a_single_use_refresh_token_leave_one_valid_chain) {
  for (const Rotation rotation : {Rotation::single_use, Rotation::family_revocation}) {
    Installation site(rotating(rotation));
    const Secret token = site.login_token();
    const auto answers = site.run_all<Result<service::AccessAnswer>>(
        200, [&](std::size_t) { return service::access_token(*site.context, site.access(token)); });
    EXPECT_EQ(successes(answers), 200u);
    const auto session = site.provider->sessions().at(0);
    EXPECT_FALSE(session.reuse_detected);
    EXPECT_FALSE(session.ended);
    EXPECT_EQ(session.refreshes, 200u);
    site.restart();  // only what was stored counts
    EXPECT_TRUE(site.run(service::access_token(*site.context, site.access(token))));
  }
}

TEST(Access, a_provider_known_to_tolerate_it_is_asked_in_parallel) {
  ProviderKnobs knobs;
  knobs.delay = std::chrono::milliseconds(300);
  Installation site(knobs, false);
  const Secret token = site.login_token();
  const auto before = std::chrono::steady_clock::now();
  const auto answers = site.run_all<Result<service::AccessAnswer>>(
      20, [&](std::size_t) { return service::access_token(*site.context, site.access(token)); });
  EXPECT_EQ(successes(answers), 20u);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(20 * 300));
}

TEST(Access, a_refusal_of_the_provider_costs_no_usage_and_leaves_no_event) {
  Installation site;
  const json::object login = site.login(with_usages(1));
  const Secret token(std::string(string_member(login, "mytoken")));
  site.provider->set([](ProviderKnobs& knobs) {
    knobs.error = ProviderKnobs::ErrorAnswer{"invalid_scope", "no such scope", 400};
  });
  auto refused = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "oidc_error");
  EXPECT_EQ(refused.error().status, 400);
  EXPECT_EQ(refused.error().description, "invalid_scope: no such scope");
  EXPECT_EQ(site.count("SELECT used_at FROM clauses"), 0);
  EXPECT_EQ(site.count("SELECT count(*) FROM events WHERE event = 'AT_created'"), 0);
  site.provider->set([](ProviderKnobs& knobs) { knobs.error.reset(); });
  EXPECT_TRUE(site.run(service::access_token(*site.context, site.access(token))));
}

TEST(Access, html_from_a_broken_proxy_is_a_bad_gateway_and_no_empty_success) {
  Installation site;
  const Secret token = site.login_token(with_usages(1));
  site.provider->set([](ProviderKnobs& knobs) { knobs.html_502 = true; });
  auto answer = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().status, 502);
  EXPECT_EQ(site.count("SELECT used_at FROM clauses"), 0);
}

TEST(Access, the_providers_401_is_not_passed_on_as_if_the_mytoken_were_bad) {
  Installation site;
  const Secret token = site.login_token();
  site.provider->set([](ProviderKnobs& knobs) {
    knobs.error = ProviderKnobs::ErrorAnswer{"invalid_client", "", 401};
  });
  auto answer = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().status, 502);
  EXPECT_EQ(answer.error().code, "oidc_error");
}

TEST(Access, a_dropped_reply_never_ends_a_session_that_the_provider_still_honours) {
  ProviderKnobs knobs = rotating(Rotation::grace);
  knobs.grace = std::chrono::hours(1);
  Installation site(knobs);
  const Secret token = site.login_token(with_usages(3));
  site.provider->set([](ProviderKnobs& k) { k.drop_after_acting = 1; });
  auto lost = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().status, 502);
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens WHERE state = 'suspect'"), 1);
  auto next = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_TRUE(next) << next.error().description;
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens WHERE state = 'ok'"), 1);
  EXPECT_FALSE(site.provider->sessions().at(0).ended);
  EXPECT_EQ(site.count("SELECT used_at FROM clauses"), 1);
}

TEST(Access, W29_a_successor_in_an_unusable_answer_is_kept) {
  Installation site;
  const Secret token = site.login_token(with_usages(1));
  site.provider->set(
      [](ProviderKnobs& k) { k.raw_answer = R"({"refresh_token":"the-successor"})"; });
  EXPECT_FALSE(site.run(service::access_token(*site.context, site.access(token))));
  EXPECT_EQ(site.count("SELECT used_at FROM clauses"), 0);
  EXPECT_FALSE(site.run(service::access_token(*site.context, site.access(token))));
  EXPECT_EQ(site.provider->last("/token").field("refresh_token"), "the-successor");
}

TEST(Access, a_request_is_sent_to_the_token_endpoint_once_even_if_the_reply_is_lost) {
  Installation site;
  const Secret token = site.login_token();
  const auto before = site.provider->counters().token_requests;
  site.provider->set([](ProviderKnobs& k) { k.drop_after_acting = 1; });
  EXPECT_FALSE(site.run(service::access_token(*site.context, site.access(token))));
  EXPECT_EQ(site.provider->counters().token_requests, before + 1);
}

TEST(Access, a_dead_refresh_token_is_refused_here_for_a_while_and_then_tried_again) {
  Installation site;
  const Secret token = site.login_token();
  site.provider->set([](ProviderKnobs& knobs) {
    knobs.error = ProviderKnobs::ErrorAnswer{"invalid_grant", "gone", 400};
  });
  EXPECT_FALSE(site.run(service::access_token(*site.context, site.access(token))));
  const auto asked = site.provider->counters().token_requests;
  auto again = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, "oidc_error");
  EXPECT_EQ(again.error().status, 400);
  EXPECT_EQ(site.provider->counters().token_requests, asked);
  site.provider->set([](ProviderKnobs& knobs) { knobs.error.reset(); });
  site.clock.advance(std::chrono::seconds(61));
  EXPECT_TRUE(site.run(service::access_token(*site.context, site.access(token))));
}

TEST(Access, a_provider_that_grants_more_than_the_clause_is_not_believed) {
  Installation site;
  service::TokenWish wish;
  token::Clause clause;
  clause.scope = {"openid"};
  clause.usages_at = 1;
  wish.restrictions = {clause};
  const Secret token = site.login_token(wish);
  site.provider->set([](ProviderKnobs& knobs) {
    knobs.raw_answer =
        R"({"access_token":"at","token_type":"Bearer","expires_in":60,"scope":"openid email"})";
  });
  auto answer = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().status, 502);
  EXPECT_EQ(site.count("SELECT used_at FROM clauses"), 0);
}

TEST(Access, W5_the_clauses_audiences_are_asked_for_when_none_is_requested) {
  ProviderKnobs knobs;
  knobs.audience = ProviderKnobs::Audience::echo;
  Installation site(knobs);
  service::TokenWish wish;
  token::Clause clause;
  clause.audience = {"https://rs.example.org"};
  wish.restrictions = {clause};
  const Secret token = site.login_token(wish);
  auto answer = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_TRUE(answer) << answer.error().description;
  EXPECT_EQ(answer->body.at("audience").as_array(), json::array({"https://rs.example.org"}));
  service::AccessRequest other = site.access(token);
  other.audiences = {"https://elsewhere.example.org"};
  auto refused = site.run(service::access_token(*site.context, other));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "usage_restricted");
}

TEST(Access, W5_requested_scopes_count_for_a_token_without_restrictions_too) {
  Installation site;
  const Secret token = site.login_token();
  service::AccessRequest request = site.access(token);
  request.scopes = {"email"};
  auto answer = site.run(service::access_token(*site.context, request));
  ASSERT_TRUE(answer);
  const auto asked = site.provider->last("/token").field("scope");
  EXPECT_NE(asked.find("email"), std::string::npos);
  EXPECT_EQ(asked.find("profile"), std::string::npos);
}

TEST(Access, a_revoked_token_gets_nothing_although_its_signature_is_remembered) {
  Installation site;
  const Secret token = site.login_token();
  ASSERT_TRUE(site.run(service::access_token(*site.context, site.access(token))));
  service::RevocationRequest revocation;
  revocation.presentation = site.present(token);
  ASSERT_TRUE(site.run(service::revoke_presented(*site.context, revocation)));
  auto answer = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "invalid_token");
  EXPECT_EQ(answer.error().status, 401);
}

TEST(Access, a_rotating_token_is_replaced_and_its_predecessor_refused) {
  Installation site;
  service::TokenWish wish;
  wish.rotation = token::Rotation{true, false, Seconds(0), false};
  const Secret token = site.login_token(wish);
  service::AccessRequest request = site.access(token);
  request.as_oauth_refresh = true;
  auto answer = site.run(service::access_token(*site.context, request));
  ASSERT_TRUE(answer) << answer.error().cause;
  const auto& update = answer->body.at("token_update").as_object();
  EXPECT_EQ(string_member(answer->body, "refresh_token"), string_member(update, "mytoken"));
  auto other = site.access(token);
  other.comment = "another request";
  auto refused = site.run(service::access_token(*site.context, other));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "invalid_token");
  EXPECT_TRUE(site.run(service::access_token(*site.context, site.access(answer->rotated))));
}

TEST(Access, the_same_request_with_the_predecessor_gets_the_same_answer_within_the_grace) {
  Installation site;
  service::TokenWish wish = with_usages(5);
  wish.rotation = token::Rotation{true, false, Seconds(0), true};
  const json::object login = site.login(wish);
  const Secret token(std::string(string_member(login, "mytoken")));
  auto first = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_TRUE(first);
  site.clock.advance(std::chrono::seconds(3));
  auto retry = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_TRUE(retry) << retry.error().description;
  EXPECT_EQ(json::serialize(retry->body), json::serialize(first->body));
  EXPECT_EQ(site.count("SELECT used_at FROM clauses"), 1);
  EXPECT_TRUE(site.run(service::access_token(*site.context, site.access(first->rotated))));
}

TEST(Access, W22_reuse_of_a_rotated_away_token_revokes_the_family_if_it_asked_for_that) {
  Installation site;
  service::TokenWish wish;
  wish.capabilities = token::Capabilities{"AT", "create_mytoken"};
  wish.rotation = token::Rotation{true, false, Seconds(0), true};
  const Secret token = site.login_token(wish);
  service::SubtokenRequest child_request;
  child_request.presentation = site.present(token);
  auto child = site.run(service::make_subtoken(*site.context, child_request));
  ASSERT_TRUE(child) << child.error().description;
  const Secret child_token(std::string(string_member(child->body, "mytoken")));
  auto answer = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_TRUE(answer);
  site.clock.advance(std::chrono::seconds(30));
  EXPECT_FALSE(site.run(service::introspect(*site.context, site.present(token))));
  EXPECT_FALSE(site.run(service::access_token(*site.context, site.access(answer->rotated))));
  EXPECT_FALSE(site.run(service::access_token(*site.context, site.access(child_token))));
}

TEST(Access, W22_a_passed_lifetime_is_no_theft) {
  Installation site;
  service::TokenWish wish;
  wish.rotation = token::Rotation{true, false, Seconds(100), true};
  const Secret token = site.login_token(wish);
  site.clock.advance(std::chrono::seconds(101));
  EXPECT_FALSE(site.run(service::access_token(*site.context, site.access(token))));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 1);
}

TEST(Access, W9_sub_tokens_share_the_budget_of_the_clause_they_were_fitted_into) {
  Installation site;
  service::TokenWish wish = with_usages(3);
  wish.capabilities = token::Capabilities{"AT", "create_mytoken"};
  const Secret parent = site.login_token(wish);
  std::vector<Secret> children;
  for (int i = 0; i < 2; ++i) {
    service::SubtokenRequest request;
    request.presentation = site.present(parent);
    auto child = site.run(service::make_subtoken(*site.context, request));
    ASSERT_TRUE(child);
    children.emplace_back(std::string(string_member(child->body, "mytoken")));
  }
  const auto answers = site.run_all<Result<service::AccessAnswer>>(60, [&](std::size_t i) {
    return service::access_token(*site.context, site.access(i % 3 == 0 ? parent : children[i % 2]));
  });
  EXPECT_EQ(successes(answers), 3u);
}

TEST(Access, W17_a_restriction_to_hosts_is_enforced_with_confirmed_names) {
  Installation site;
  service::TokenWish wish;
  token::Clause clause;
  clause.hosts = {"*.cluster.example.org"};
  wish.restrictions = {clause};
  const Secret token = site.login_token(wish);
  EXPECT_FALSE(site.run(service::access_token(*site.context, site.access(token))));
  site.resolver.names["192.0.2.1"] = {"node1.cluster.example.org"};
  EXPECT_TRUE(site.run(service::access_token(*site.context, site.access(token))));
}

TEST(Access, no_secret_reaches_the_log) {
  ProviderKnobs knobs = rotating(Rotation::single_use);
  Installation site(knobs);
  const Secret token = site.login_token();
  auto answer = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_TRUE(answer);
  site.provider->set([](ProviderKnobs& k) { k.html_502 = true; });
  EXPECT_FALSE(site.run(service::access_token(*site.context, site.access(token))));
  const std::string log = site.log.text();
  EXPECT_FALSE(log.empty());
  EXPECT_EQ(log.find(token.reveal()), std::string::npos);
  EXPECT_EQ(log.find(std::string(string_member(answer->body, "access_token"))), std::string::npos);
  const auto session = site.provider->sessions().at(0);
  for (const auto& refresh_token : session.refresh_tokens) {
    EXPECT_EQ(log.find(refresh_token), std::string::npos);
  }
}

TEST(Access, nothing_stored_contains_a_refresh_token_or_a_mytoken) {
  Installation site(rotating(Rotation::single_use));
  service::TokenWish wish;
  wish.response_type = token::ResponseType::short_token;
  const json::object login = site.login(wish);
  const Secret token(std::string(string_member(login, "mytoken")));
  auto answer = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_TRUE(answer);
  const auto session = site.provider->sessions().at(0);
  const std::string stored = site.stored_bytes();
  EXPECT_EQ(stored.find(token.reveal()), std::string::npos);
  EXPECT_EQ(stored.find(std::string(string_member(answer->body, "access_token"))),
            std::string::npos);
  for (const auto& refresh_token : session.refresh_tokens) {
    EXPECT_EQ(stored.find(refresh_token), std::string::npos);
  }
}

}  // namespace
}  // namespace mytoken::test
