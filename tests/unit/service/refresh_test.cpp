// Using a single-use refresh token while the database refuses, other servers want it, and processes
// end (spec oidc.md §21.10; DESIGN §7 steps 5 and 6).
#include "service/refresh.h"

#include <gtest/gtest.h>

#include "service/revoke.h"
#include "store/refresh_tokens.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

using Rotation = ProviderKnobs::Rotation;

ProviderKnobs strict() {
  ProviderKnobs knobs;
  knobs.rotation = Rotation::family_revocation;
  return knobs;
}
Result<service::AccessAnswer> get(Installation& site, const Secret& token) {
  return site.run(service::access_token(*site.context, site.access(token)));
}
void expect_sound(Installation& site, const Secret& token) {
  EXPECT_TRUE(get(site, token));
  const auto session = site.provider->sessions().at(0);
  EXPECT_FALSE(session.reuse_detected);
  EXPECT_FALSE(session.ended);
}
// What fails when the database cannot store a successor.
const char* const storing = "SET sealed_token";

TEST(Refresh, a_database_that_hesitates_costs_nothing) {
  Installation site(strict());
  const Secret token = site.login_token();
  site.database->refuse(storing, 2);
  EXPECT_TRUE(get(site, token));
  EXPECT_EQ(site.database->refused(), 2);
  EXPECT_TRUE(site.journal->all().empty());
  EXPECT_EQ(site.count("SELECT version FROM refresh_tokens"), 2);
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens WHERE lease_owner IS NOT NULL"), 0);
  site.restart();
  expect_sound(site, token);
}

TEST(Refresh, a_successor_the_database_refuses_survives_a_restart_in_the_journal) {
  Installation site(strict());
  const Secret token = site.login_token();
  site.database->refuse(storing);
  EXPECT_FALSE(get(site, token));
  EXPECT_EQ(site.provider->counters().refreshes, 1u);
  EXPECT_EQ(site.count("SELECT version FROM refresh_tokens"), 1);
  site.restart();
  ASSERT_EQ(site.journal->all().size(), 1u);
  const auto refresh_tokens = site.provider->sessions().at(0).refresh_tokens;
  EXPECT_EQ(site.stored_bytes().find(refresh_tokens.back()), std::string::npos);
  site.background();
  EXPECT_TRUE(site.journal->all().empty());
  EXPECT_EQ(site.count("SELECT version FROM refresh_tokens"), 2);
  site.restart();
  expect_sound(site, token);
}

TEST(Refresh, a_waiting_successor_is_used_before_it_is_replayed) {
  Installation site(strict());
  const Secret token = site.login_token();
  site.database->refuse(storing);
  EXPECT_FALSE(get(site, token));
  EXPECT_FALSE(get(site, token));  // with the journal's token, and its successor goes there too
  EXPECT_EQ(site.provider->counters().refreshes, 2u);
  site.database->refuse("");
  EXPECT_TRUE(get(site, token));
  EXPECT_EQ(site.count("SELECT version FROM refresh_tokens"), 4);
  site.background();  // an old entry is no reason to go back
  EXPECT_TRUE(site.journal->all().empty());
  EXPECT_EQ(site.count("SELECT version FROM refresh_tokens"), 4);
  site.restart();
  expect_sound(site, token);
}

TEST(Refresh, the_lease_ends_only_with_the_successor_in_the_database) {
  // The database refuses for as long as the request tries, and works again when it ends the lease.
  Installation site(strict());
  const Secret token = site.login_token();
  site.database->refuse(storing, 20);
  EXPECT_TRUE(get(site, token));
  EXPECT_EQ(site.database->refused(), 20);
  EXPECT_EQ(
      site.count("SELECT count(*) FROM refresh_tokens WHERE version = 2 AND lease_owner IS NULL"),
      1);
  // Another server, without this one's journal.
  auto journal = service::Journal::open(site.folder / "second", site.log);
  ASSERT_TRUE(journal && (*journal)->bind("this-installation"));
  auto second = site.make_context(site.context->settings, "server-2", **journal);
  EXPECT_TRUE(site.run(service::access_token(*second, site.access(token))));
  site.background();
  expect_sound(site, token);
}

TEST(Refresh, a_family_revoked_with_a_successor_in_the_journal_ends_at_the_provider) {
  Installation site(strict());
  const Secret token = site.login_token();
  site.database->refuse(storing);
  EXPECT_FALSE(get(site, token));
  site.database->refuse("");
  service::RevocationRequest request;
  request.presentation = site.present(token);
  ASSERT_TRUE(site.run(service::revoke_presented(*site.context, request)));
  site.background();
  const auto session = site.provider->sessions().at(0);
  EXPECT_TRUE(session.ended);
  EXPECT_EQ(site.provider->last("/revoke").field("token"), session.current_refresh_token);
  EXPECT_TRUE(site.journal->all().empty());
}

TEST(Refresh, a_stale_journal_entry_is_not_the_one_that_is_revoked) {
  Installation site(strict());
  const Secret token = site.login_token();
  const std::int64_t id = site.count("SELECT id FROM refresh_tokens");
  ASSERT_TRUE(site.journal->append({id, 0, "older than the row"}));
  service::RevocationRequest request;
  request.presentation = site.present(token);
  ASSERT_TRUE(site.run(service::revoke_presented(*site.context, request)));
  site.background();
  EXPECT_TRUE(site.provider->sessions().at(0).ended);
}

TEST(Refresh, a_lease_of_another_server_is_waited_for_and_then_it_is_busy) {
  Installation site(strict(), true, [](service::Settings& s) { s.longest_wait = Seconds(1); });
  service::TokenWish wish;
  token::Clause clause;
  clause.usages_at = 1;
  wish.restrictions = {clause};
  const Secret token = site.login_token(wish);
  const std::string now = std::to_string(to_unix(site.clock.now()));
  site.execute("UPDATE refresh_tokens SET lease_owner = 'server-2', lease_until = " + now +
               " + 45");
  auto busy = get(site, token);
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().status, 503);
  EXPECT_NE(busy.error().code, "lease_taken");
  EXPECT_GT(busy.error().retry_after.count(), 0);
  EXPECT_EQ(site.count("SELECT used_at FROM clauses"), 0);
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens WHERE lease_owner = 'server-2'"), 1);
  EXPECT_EQ(site.provider->counters().refreshes, 0u);
  // Its owner died: the lease ends by time and is taken over.
  site.clock.advance(std::chrono::seconds(46));
  EXPECT_TRUE(get(site, token));
  EXPECT_EQ(site.count("SELECT used_at FROM clauses"), 1);
}

TEST(Refresh, a_server_that_lost_its_lease_does_not_overwrite_a_newer_token) {
  Installation site(strict());
  const Secret token = site.login_token();
  const std::int64_t id = site.count("SELECT id FROM refresh_tokens");
  ASSERT_TRUE(get(site, token));
  ASSERT_TRUE(get(site, token));
  ASSERT_TRUE(site.journal->append({id, 1, "what a slow server got for version 1"}));
  EXPECT_TRUE(site.run(service::replay_journal(*site.context)));
  EXPECT_TRUE(site.journal->all().empty());
  EXPECT_EQ(site.count("SELECT version FROM refresh_tokens"), 3);
  expect_sound(site, token);
}

TEST(Refresh, two_servers_share_one_single_use_refresh_token_under_200_parallel_requests) {
  Installation site(strict(), true, [](service::Settings& s) { s.longest_wait = Seconds(100); });
  const Secret token = site.login_token();
  auto journal = service::Journal::open(site.folder / "second", site.log);
  ASSERT_TRUE(journal && (*journal)->bind("this-installation"));
  auto second = site.make_context(site.context->settings, "server-2", **journal);
  const auto answers = site.run_all<Result<service::AccessAnswer>>(200, [&](std::size_t i) {
    return service::access_token(i % 2 == 0 ? *site.context : *second, site.access(token));
  });
  for (const auto& answer : answers)
    EXPECT_TRUE(answer) << answer.error().description << answer.error().cause;
  const auto session = site.provider->sessions().at(0);
  EXPECT_EQ(session.refreshes, 200u);
  EXPECT_FALSE(session.reuse_detected);
  EXPECT_EQ(site.count("SELECT version FROM refresh_tokens"), 201);
  EXPECT_EQ(site.count("SELECT count(*) FROM access_tokens"), 201);
  site.restart();
  expect_sound(site, token);
}

TEST(Refresh, a_refresh_token_that_works_again_is_no_longer_called_dead) {
  Installation site;
  const Secret token = site.login_token();
  site.provider->set([](ProviderKnobs& k) {
    k.error = ProviderKnobs::ErrorAnswer{"invalid_grant", "gone", 400};
  });
  EXPECT_FALSE(get(site, token));
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens WHERE state = 'dead'"), 1);
  site.provider->set([](ProviderKnobs& k) { k.error.reset(); });
  site.clock.advance(std::chrono::seconds(61));
  EXPECT_TRUE(get(site, token));
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens WHERE state = 'ok'"), 1);
}

TEST(Refresh, damaged_rows_are_errors_that_cost_no_usage) {
  service::TokenWish wish;
  token::Clause clause;
  clause.usages_at = 9;
  wish.restrictions = {clause};
  for (const char* damage :
       {"UPDATE mytokens SET sealed_key = x'00'", "UPDATE mytokens SET sealed_key = randomblob(78)",
        "UPDATE refresh_tokens SET sealed_token = zeroblob(0)",
        "UPDATE refresh_tokens SET sealed_token = randomblob(999)",
        "UPDATE refresh_tokens SET version = -9223372036854775807, sealed_token = x'01'"}) {
    Installation site;
    const Secret token = site.login_token(wish);
    site.execute(damage);
    auto answer = get(site, token);
    ASSERT_FALSE(answer) << damage;
    // A wrapped key that does not open cannot be told from a token that is not the one handed out.
    if (std::string_view(damage).find("sealed_key") != std::string_view::npos) {
      EXPECT_EQ(answer.error().code, "invalid_token") << damage;
    } else {
      EXPECT_GE(answer.error().status, 500) << damage;
    }
    EXPECT_EQ(site.count("SELECT used_at FROM clauses"), 0) << damage;
    EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens WHERE lease_owner IS NOT NULL"), 0)
        << damage;
    EXPECT_EQ(site.provider->counters().refreshes, 0u) << damage;
  }
}

TEST(Refresh, a_refresh_token_moved_to_another_family_does_not_open) {
  Installation site;
  const Secret mine = site.login_token();
  site.provider->set([](ProviderKnobs& k) { k.user = "user-2"; });
  site.login();
  site.execute(
      "UPDATE mytokens SET refresh_token_id = (SELECT max(id) FROM refresh_tokens WHERE id <> "
      "mytokens.refresh_token_id)");
  EXPECT_FALSE(get(site, mine));
  EXPECT_EQ(site.provider->counters().refreshes, 0u);
}

}  // namespace
}  // namespace mytoken::test
