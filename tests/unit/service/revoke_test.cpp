// Revocation by presentation, of codes, and at the provider (spec tokens.md §9, W 22–26, 39; api.md
// §7; oidc.md §16).
#include "service/revoke.h"

#include <gtest/gtest.h>

#include "service/codes.h"
#include "service/issue.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

std::string text(const json::object& object, std::string_view name) {
  return std::string(string_member(object, name));
}

Result<void> revoke(Installation& site, const Secret& token, bool recursive = false,
                    std::string issuer = {}) {
  service::RevocationRequest request;
  request.presentation = site.present(token);
  request.recursive = recursive;
  request.oidc_issuer = std::move(issuer);
  return site.run(service::revoke_presented(*site.context, request));
}
bool gives_access(Installation& site, const Secret& token) {
  return site.run(service::access_token(*site.context, site.access(token))).has_value();
}
service::TokenWish parent_wish() {
  service::TokenWish wish;
  wish.capabilities = token::Capabilities{"AT", "create_mytoken"};
  return wish;
}
Secret child_of(Installation& site, const Secret& parent, service::TokenWish wish = {}) {
  service::SubtokenRequest request;
  request.presentation = site.present(parent);
  request.wish = std::move(wish);
  auto child = site.run(service::make_subtoken(*site.context, request));
  EXPECT_TRUE(child) << child.error().description;
  if (!child) return Secret();
  const std::string token = text(child->body, "mytoken");
  return Secret(token.empty() ? text(child->body, "transfer_code") : token);
}
bool session_ended(Installation& site) {
  return site.provider->sessions().at(0).ended;
}

TEST(Revoke, a_revoked_token_is_gone_with_everything_of_it) {
  Installation site;
  const Secret token = site.login_token();
  ASSERT_TRUE(gives_access(site, token));
  ASSERT_TRUE(revoke(site, token));
  EXPECT_FALSE(gives_access(site, token));
  for (const char* table : {"mytokens", "clauses", "events", "access_tokens", "proxies",
                            "refresh_tokens", "rotations"}) {
    EXPECT_EQ(site.count(std::string("SELECT count(*) FROM ") + table), 0) << table;
  }
  EXPECT_EQ(site.count("SELECT count(*) FROM users"), 1);
  site.background();
  EXPECT_TRUE(session_ended(site));
  EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), 0);
  EXPECT_TRUE(revoke(site, token));  // RFC 7009: success again
  EXPECT_EQ(site.provider->counters().revocations, 1u);
}

TEST(Revoke, what_is_no_token_of_ours_is_revoked_already) {
  Installation site;
  for (const std::string& nothing :
       {std::string("x"), std::string(64, 'a'), std::string(31, 'z'), std::string(40, '.'),
        std::string("eyJhbGciOiJub25lIn0.eyJhIjoxfQ.AAAAAAAAAAAA")}) {
    EXPECT_TRUE(revoke(site, Secret(nothing)));
  }
}

TEST(Revoke, children_live_on_under_the_grandparent_and_the_last_token_ends_the_session) {
  Installation site;
  const json::object login = site.login(parent_wish());
  const Secret root(text(login, "mytoken"));
  const Secret middle = child_of(site, root, parent_wish());
  const Secret leaf = child_of(site, middle);
  ASSERT_TRUE(revoke(site, middle));
  EXPECT_FALSE(gives_access(site, middle));
  EXPECT_TRUE(gives_access(site, leaf));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens c JOIN mytokens p ON c.parent_id = p.id "
                       "WHERE p.parent_id IS NULL"),
            1);
  ASSERT_TRUE(revoke(site, root));
  site.background();
  EXPECT_FALSE(session_ended(site));
  EXPECT_TRUE(gives_access(site, leaf));
  ASSERT_TRUE(revoke(site, leaf));
  EXPECT_FALSE(session_ended(site));  // first the commit, then the provider
  site.background();
  EXPECT_TRUE(session_ended(site));
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens"), 0);
}

TEST(Revoke, W26_reuse_of_an_outdated_token_ends_the_session_at_the_provider_too) {
  for (const auto type : {token::ResponseType::token, token::ResponseType::short_token}) {
    Installation site;
    service::TokenWish wish = parent_wish();
    wish.rotation = token::Rotation{true, false, Seconds(0), true};
    wish.response_type = type;
    const Secret old = site.login_token(wish);
    child_of(site, old);
    ASSERT_TRUE(gives_access(site, old));
    site.clock.advance(std::chrono::seconds(30));
    EXPECT_FALSE(gives_access(site, old));
    EXPECT_FALSE(session_ended(site));
    site.background();
    EXPECT_TRUE(session_ended(site));
    EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens"), 0);
  }
}

TEST(Revoke, W26_reuse_of_a_token_rotated_away_long_ago_leaves_no_ciphertext_behind) {
  Installation site;
  service::TokenWish wish = parent_wish();
  wish.rotation = token::Rotation{true, false, Seconds(0), true};
  const Secret old = site.login_token(wish);
  const auto answer = site.run(service::access_token(*site.context, site.access(old)));
  ASSERT_TRUE(answer);
  site.clock.advance(std::chrono::seconds(30));
  ASSERT_TRUE(gives_access(site, answer->rotated));
  site.clock.advance(std::chrono::seconds(30));
  EXPECT_FALSE(gives_access(site, old));
  site.background();
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens"), 0);
}

TEST(Revoke, recursive_takes_the_subtree_and_nothing_beside_it) {
  Installation site;
  const Secret root = site.login_token(parent_wish());
  const Secret middle = child_of(site, root, parent_wish());
  const Secret leaf = child_of(site, middle, parent_wish());
  const Secret below = child_of(site, leaf);
  const Secret beside = child_of(site, root);
  ASSERT_TRUE(revoke(site, middle, true));
  for (const Secret* gone : {&middle, &leaf, &below})
    EXPECT_FALSE(gives_access(site, *gone));
  EXPECT_TRUE(gives_access(site, root));
  EXPECT_TRUE(gives_access(site, beside));
}

TEST(Revoke, W23_a_child_of_a_revoked_middle_falls_with_its_grandparent) {
  Installation site;
  const Secret root = site.login_token(parent_wish());
  const Secret middle = child_of(site, root, parent_wish());
  const Secret leaf = child_of(site, middle);
  ASSERT_TRUE(revoke(site, middle));
  ASSERT_TRUE(revoke(site, root, true));
  EXPECT_FALSE(gives_access(site, leaf));
  site.background();
  EXPECT_TRUE(session_ended(site));
}

TEST(Revoke, a_short_token_revokes_the_token_it_stands_for) {
  Installation site;
  service::TokenWish wish;
  wish.response_type = token::ResponseType::short_token;
  const Secret token = site.login_token(wish);
  ASSERT_TRUE(revoke(site, token));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
  EXPECT_EQ(site.count("SELECT count(*) FROM proxies"), 0);
  site.background();
  EXPECT_TRUE(session_ended(site));
}

TEST(Revoke, a_transfer_code_made_with_its_token_takes_the_token_with_it) {
  Installation site;
  const Secret root = site.login_token(parent_wish());
  service::TokenWish wish = parent_wish();
  wish.response_type = token::ResponseType::transfer_code;
  const Secret code = child_of(site, root, wish);
  ASSERT_EQ(code.size(), 8u);
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 2);
  ASSERT_TRUE(revoke(site, code));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 1);
  EXPECT_TRUE(gives_access(site, root));
  // The first representation of a root ends the session at the provider as well.
  const json::object login = site.login(wish);
  ASSERT_TRUE(revoke(site, Secret(text(login, "transfer_code"))));
  site.background();
  EXPECT_FALSE(session_ended(site));
  EXPECT_TRUE(site.provider->sessions().at(1).ended);
}

TEST(Revoke, a_transfer_code_for_an_existing_token_only_disappears) {
  Installation site;
  const Secret token = site.login_token();
  auto code = site.run(service::make_transfer_code(*site.context, site.present(token)));
  ASSERT_TRUE(code);
  ASSERT_TRUE(revoke(site, Secret(text(*code, "transfer_code"))));
  EXPECT_TRUE(gives_access(site, token));
  EXPECT_FALSE(site.run(service::redeem_transfer_code(
      *site.context, Secret(text(*code, "transfer_code")), site.client())));
}

TEST(Revoke, a_redeemed_first_code_revokes_nothing_any_more) {
  Installation site;
  service::TokenWish wish;
  wish.response_type = token::ResponseType::transfer_code;
  const Secret code(text(site.login(wish), "transfer_code"));
  auto redeemed = site.run(service::redeem_transfer_code(*site.context, code, site.client()));
  ASSERT_TRUE(redeemed);
  ASSERT_TRUE(revoke(site, code));
  EXPECT_TRUE(gives_access(site, Secret(text(*redeemed, "mytoken"))));
}

TEST(Revoke, a_polling_code_cancels_the_login_or_revokes_its_result) {
  Installation site;
  auto start = site.start();
  const service::Redirect back = site.consented(*start);
  ASSERT_TRUE(revoke(site, start->polling_code));
  EXPECT_FALSE(site.finish(back));
  EXPECT_EQ(site.provider->counters().codes, 0u);
  EXPECT_EQ(site.poll(start->polling_code).error().code, "invalid_token");
  start = site.start();
  ASSERT_TRUE(site.finish(site.consented(*start)));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 1);
  ASSERT_TRUE(revoke(site, start->polling_code));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
  EXPECT_EQ(site.count("SELECT count(*) FROM flows"), 0);
  site.background();
  EXPECT_TRUE(site.provider->sessions().at(0).ended);
}

TEST(Revoke, W39_tokens_outside_their_time_can_be_revoked) {
  Installation site;
  service::TokenWish wish;
  token::Clause clause;
  clause.nbf = site.clock.now() + Seconds(1000);
  clause.exp = site.clock.now() + Seconds(2000);
  wish.restrictions = {clause};
  const Secret early = site.login_token(wish);
  const Secret late = site.login_token(wish);
  ASSERT_TRUE(revoke(site, early));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 1);
  site.clock.advance(std::chrono::seconds(3000));
  ASSERT_TRUE(revoke(site, late));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
  site.background();
  EXPECT_EQ(site.provider->counters().revocations, 2u);
}

TEST(Revoke, a_token_whose_rotation_lifetime_passed_can_be_revoked) {
  Installation site;
  service::TokenWish wish;
  wish.rotation = token::Rotation{true, false, Seconds(10), true};
  const Secret token = site.login_token(wish);
  site.clock.advance(std::chrono::seconds(100));
  ASSERT_TRUE(revoke(site, token));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
}

TEST(Revoke, W25_an_outdated_token_revokes_nothing_unless_its_chain_asked_for_that) {
  for (const bool auto_revoke : {false, true}) {
    Installation site;
    service::TokenWish wish = parent_wish();
    wish.rotation = token::Rotation{true, false, Seconds(0), auto_revoke};
    const Secret token = site.login_token(wish);
    const Secret child = child_of(site, token);
    auto answer = site.run(service::access_token(*site.context, site.access(token)));
    ASSERT_TRUE(answer);
    site.clock.advance(std::chrono::seconds(60));
    EXPECT_TRUE(revoke(site, token));
    EXPECT_EQ(gives_access(site, child), !auto_revoke);
    EXPECT_EQ(gives_access(site, answer->rotated), !auto_revoke);
  }
}

TEST(Revoke, the_issuer_must_be_the_tokens_if_it_is_given) {
  Installation site;
  const Secret token = site.login_token();
  auto refused = revoke(site, token, false, "https://elsewhere.example.org");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 400);
  EXPECT_EQ(refused.error().description, "token not for specified issuer");
  EXPECT_TRUE(gives_access(site, token));
  EXPECT_TRUE(revoke(site, token, false, site.provider->issuer() + "/"));
  EXPECT_FALSE(gives_access(site, token));
}

TEST(Revoke, a_token_of_a_removed_provider_is_revoked_here) {
  Installation site;
  const Secret token = site.login_token();
  site.configure_no_provider();
  ASSERT_TRUE(revoke(site, token));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
  // At the provider it waits, for however long, until the provider is configured again.
  for (int i = 0; i < 25; ++i) {
    site.background();
    site.clock.advance(std::chrono::hours(25));
  }
  EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), 1);
  EXPECT_FALSE(session_ended(site));
  site.restart();
  site.background();
  EXPECT_TRUE(session_ended(site));
  EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), 0);
}

TEST(Revoke, a_provider_that_is_down_is_asked_again_until_it_is_back) {
  ProviderKnobs knobs;
  Installation site(knobs);
  const Secret token = site.login_token();
  site.provider->set([](ProviderKnobs& k) {
    k.revocation_error = ProviderKnobs::ErrorAnswer{"server_error", "", 503};
  });
  ASSERT_TRUE(revoke(site, token));
  site.background();
  EXPECT_FALSE(session_ended(site));
  EXPECT_EQ(site.count("SELECT attempts FROM outbox"), 1);
  EXPECT_EQ(site.count("SELECT next_at FROM outbox"), to_unix(site.clock.now()) + 60);
  site.background();  // not due
  EXPECT_EQ(site.count("SELECT attempts FROM outbox"), 1);
  for (const std::int64_t minutes : {1, 2, 4, 8}) {
    site.clock.advance(std::chrono::minutes(minutes));
    site.background();
    EXPECT_EQ(site.count("SELECT next_at FROM outbox"), to_unix(site.clock.now()) + 120 * minutes);
  }
  site.restart();
  site.provider->set([](ProviderKnobs& k) { k.revocation_error.reset(); });
  site.clock.advance(std::chrono::minutes(16));
  site.background();
  EXPECT_TRUE(session_ended(site));
  EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), 0);
}

TEST(Revoke, the_outbox_gives_up_after_about_ten_days_and_says_so) {
  Installation site;
  const Secret token = site.login_token();
  site.provider->set([](ProviderKnobs& k) {
    k.revocation_error = ProviderKnobs::ErrorAnswer{"server_error", "", 503};
  });
  ASSERT_TRUE(revoke(site, token));
  const Time start = site.clock.now();
  int rounds = 0;
  while (site.count("SELECT count(*) FROM outbox") == 1 && ++rounds < 50) {
    const std::int64_t next = site.count("SELECT next_at FROM outbox");
    site.clock.advance(
        std::chrono::seconds(std::max<std::int64_t>(next - to_unix(site.clock.now()), 0)));
    site.background();
  }
  EXPECT_EQ(rounds, 20);
  EXPECT_GE(site.clock.now() - start, std::chrono::hours(9 * 24));
  EXPECT_LE(site.clock.now() - start, std::chrono::hours(11 * 24));
  EXPECT_NE(site.log.text().find("could not be revoked at its provider"), std::string::npos);
}

TEST(Revoke, what_the_outbox_keeps_opens_for_nobody_else) {
  Installation site;
  const Secret token = site.login_token();
  ASSERT_TRUE(revoke(site, token));
  const std::string stored = site.stored_bytes();
  const auto session = site.provider->sessions().at(0);
  for (const auto& refresh_token : session.refresh_tokens)
    EXPECT_EQ(stored.find(refresh_token), std::string::npos);
  // A damaged entry is dropped and does not block the others.
  site.execute("UPDATE outbox SET sealed_payload = x'00'");
  site.background();
  EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), 0);
}

TEST(Revoke, a_revocation_during_a_refresh_is_final_for_token_and_successor) {
  ProviderKnobs knobs;
  knobs.rotation = ProviderKnobs::Rotation::single_use;
  Installation site(knobs);
  const Secret token = site.login_token();
  // The refresh waits at the provider; when it has acted, the token is revoked here, then the
  // answer arrives.
  site.provider->set([](ProviderKnobs& k) { k.delay = std::chrono::milliseconds(1500); });
  std::optional<Result<service::AccessAnswer>> answer;
  std::optional<Result<void>> revoked;
  asio::io_context io(1);
  asio::co_spawn(io, service::access_token(*site.context, site.access(token)),
                 [&](std::exception_ptr, Result<service::AccessAnswer> result) {
                   answer = std::move(result);
                 });
  while (site.provider->counters().refreshes == 0)
    io.run_one_for(std::chrono::milliseconds(5));
  service::RevocationRequest request;
  request.presentation = site.present(token);
  asio::co_spawn(io, service::revoke_presented(*site.context, request),
                 [&](std::exception_ptr, Result<void> result) { revoked = std::move(result); });
  io.run_for(std::chrono::seconds(20));
  ASSERT_TRUE(revoked && *revoked);
  ASSERT_TRUE(answer);
  EXPECT_FALSE(*answer);
  // Both the refresh token that was stored and its successor are to be revoked.
  EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), 2);
  site.background();
  EXPECT_TRUE(session_ended(site));
  EXPECT_EQ(site.provider->last("/revoke").field("token"),
            site.provider->sessions().at(0).current_refresh_token);
  site.drop_http();
}

TEST(Revoke, a_database_that_is_away_is_no_success) {
  Installation site;
  const Secret token = site.login_token();
  site.database->refuse("DELETE FROM mytokens");
  auto refused = revoke(site, token);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 503);
  site.database->refuse("");
  EXPECT_TRUE(gives_access(site, token));
}

TEST(Revoke, a_family_of_any_depth_falls_at_once) {
  Installation site;
  const Secret root = site.login_token(parent_wish());
  // Made in the database: 3000 generations below the root.
  site.execute(
      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO "
      "mytokens (id, parent_id, user_id, refresh_token_id, sealed_key, name, seq_no, created, "
      "created_ip, last_rotated, expires_at, capabilities, restrictions, rotation) "
      "SELECT CAST(CAST(i + 1000000 AS TEXT) AS BLOB), CASE WHEN i = 1 THEN (SELECT id FROM "
      "mytokens) "
      "ELSE "
      "CAST(CAST(i + 999999 AS TEXT) AS BLOB) END, (SELECT user_id FROM mytokens), (SELECT "
      "refresh_token_id FROM mytokens), "
      "x'00', '', 1, 0, '', 0, NULL, '[]', '[]', NULL FROM n");
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 3001);
  ASSERT_TRUE(revoke(site, root, true));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens"), 0);
}

}  // namespace
}  // namespace mytoken::test
