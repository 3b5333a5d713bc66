// Background work of two servers on one database: each piece is done once, by whoever has its
// lease, and is found again when that one or the database was away.
#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "service/access.h"
#include "service/login.h"
#include "service/outbox.h"
#include "service/revoke.h"
#include "store/outbox.h"
#include "store/refresh_tokens.h"
#include "unit/service/two_servers.h"

namespace mytoken::test {
namespace {

class BackgroundOnPostgresql : public TwoServersOnPostgresql {
 protected:
  void round(service::Context& context) {
    const auto wrapped = [&]() -> Task<int> {
      co_await service::background_round(context);
      co_return 0;
    };
    site.run(wrapped());
  }
  void both_rounds() {
    site.run_all<int>(2, [this](std::size_t i) -> Task<int> {
      co_await service::background_round(server(i));
      co_return 0;
    });
  }
  // A code that has been over for two days.
  void add_expired_code(const std::string& id) {
    site.execute(
        "INSERT INTO proxies (id, kind, mytoken_id, sealed_jwt, created, expires_at, "
        "response_type) SELECT '" +
        id +
        "', 'transfer_code', id, 'sealed', 1, 1, 'token' "
        "FROM mytokens LIMIT 1");
  }
  std::int64_t expired_codes() {
    return site.count("SELECT count(*) FROM proxies WHERE expires_at = 1");
  }
  // A refresh token whose mytoken is gone waits to be revoked at the provider.
  void queue_a_revocation() {
    service::RevocationRequest request;
    request.presentation = site.present(site.login_token());
    ASSERT_TRUE(site.run(service::revoke_presented(*site.context, request)));
  }
  void wait_for_database() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    const std::function<Result<void>(sql::Connection&)> ask =
        [](sql::Connection& db) -> Result<void> {
      auto one = db.one("SELECT 1", [](const sql::Row&) { return true; });
      if (!one) return tl::unexpected(one.error());
      return {};
    };
    while ((!site.database->read_now(ask) || !database->read_now(ask)) &&
           std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
};

TEST_F(BackgroundOnPostgresql, what_is_over_is_removed_by_one_of_them_once_a_minute) {
  site.login_token();
  add_expired_code("a");
  round(*site.context);
  EXPECT_EQ(expired_codes(), 0);
  EXPECT_EQ(site.count("SELECT count(*) FROM leases WHERE name = 'purge' AND owner = 'server-1'"),
            1);
  add_expired_code("b");
  round(*other);  // the lease is the first one's
  EXPECT_EQ(expired_codes(), 1);
  site.clock.advance(std::chrono::seconds(61));
  round(*other);
  EXPECT_EQ(expired_codes(), 0);
  EXPECT_EQ(site.count("SELECT count(*) FROM leases WHERE name = 'purge' AND owner = 'server-2'"),
            1);
}

TEST_F(BackgroundOnPostgresql, each_revocation_reaches_the_provider_once) {
  for (int i = 0; i < 5; ++i)
    queue_a_revocation();
  ASSERT_EQ(site.count("SELECT count(*) FROM outbox"), 5);
  for (int i = 0; i < 10 && site.count("SELECT count(*) FROM outbox") > 0; ++i)
    both_rounds();
  EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), 0);
  EXPECT_EQ(site.provider->counters().revocations, 5u);
}

TEST_F(BackgroundOnPostgresql, what_a_server_claimed_and_never_did_is_done_by_the_other) {
  queue_a_revocation();
  const Time now = site.clock.now();
  const std::function<Result<void>(sql::Transaction&)> claim =
      [&](sql::Transaction& db) -> Result<void> {
    auto rows = store::claim_outbox(db, now, Seconds(120), 16);
    if (!rows) return tl::unexpected(rows.error());
    EXPECT_EQ(rows->size(), 1u);
    return {};
  };
  ASSERT_TRUE(site.database->write_now(claim));  // and the server is killed
  round(*other);
  EXPECT_EQ(site.provider->counters().revocations, 0u);
  site.clock.advance(std::chrono::seconds(120));
  round(*other);
  EXPECT_EQ(site.provider->counters().revocations, 1u);
  EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), 0);
}

TEST_F(BackgroundOnPostgresql, the_lease_of_a_killed_server_ends_by_time) {
  const Secret token = site.login_token();
  const std::function<Result<void>(sql::Transaction&)> take =
      [&](sql::Transaction& db) -> Result<void> {
    const Time now = site.clock.now();
    auto id =
        db.one("SELECT id FROM refresh_tokens", [](const sql::Row& r) { return r.integer(0); });
    if (!id) return tl::unexpected(id.error());
    auto taken = store::take_lease(db, id->value_or(0), "killed", now, now + Seconds(75));
    if (!taken) return tl::unexpected(taken.error());
    EXPECT_TRUE(*taken);
    return {};
  };
  ASSERT_TRUE(site.database->write_now(take));
  site.clock.advance(std::chrono::seconds(76));
  EXPECT_TRUE(site.run(service::access_token(*other, site.access(token))));
  EXPECT_EQ(site.provider->counters().reuse_detected, 0u);
}

TEST_F(BackgroundOnPostgresql, a_polling_code_polled_at_both_has_one_winner) {
  auto begun = site.start();
  ASSERT_TRUE(begun);
  ASSERT_TRUE(site.finish(site.consented(*begun)));
  const auto answers = site.run_all<Result<json::object>>(100, [&](std::size_t i) {
    return service::poll(server(i), begun->polling_code, Installation::client());
  });
  EXPECT_EQ(successes(answers), 1u);
}

TEST_F(BackgroundOnPostgresql, nothing_is_forgotten_while_the_database_is_away) {
  const Secret token = site.login_token();
  queue_a_revocation();
  PostgresCluster::shared().kill();
  for (int i = 0; i < 2; ++i) {
    both_rounds();
    auto refused = site.run(service::access_token(server(1), site.access(token)));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().status, 503);
    EXPECT_GT(refused.error().retry_after.count(), 0);
  }
  EXPECT_EQ(site.provider->counters().revocations, 0u);
  PostgresCluster::shared().start();
  wait_for_database();
  for (int i = 0; i < 10 && site.count("SELECT count(*) FROM outbox") > 0; ++i)
    both_rounds();
  EXPECT_EQ(site.provider->counters().revocations, 1u);
  EXPECT_TRUE(site.run(service::access_token(server(0), site.access(token))));
  EXPECT_TRUE(site.run(service::access_token(server(1), site.access(token))));
  EXPECT_EQ(site.provider->counters().reuse_detected, 0u);
}

TEST_F(BackgroundOnPostgresql, a_sign_of_life_is_given_every_ten_seconds_and_comes_back) {
  const auto listed = [this] {
    return site.count("SELECT count(*) FROM servers WHERE time = " +
                      std::to_string(to_unix(site.clock.now())));
  };
  site.execute("INSERT INTO installation (one, id, created, newest) VALUES (1, 'x', 1, 1)");
  round(*other);
  EXPECT_EQ(listed(), 1);
  site.clock.advance(std::chrono::seconds(9));
  round(*other);
  EXPECT_EQ(listed(), 0);
  site.clock.advance(std::chrono::seconds(1));
  round(*other);
  EXPECT_EQ(listed(), 1);
  EXPECT_EQ(site.count("SELECT newest FROM installation"), to_unix(site.clock.now()));
  site.execute("DELETE FROM servers");  // another one took it for ended
  site.clock.advance(std::chrono::seconds(10));
  round(*other);
  EXPECT_EQ(listed(), 1);
  // One whose clock is ahead is told of.
  site.execute("UPDATE installation SET newest = newest + 3600");
  site.clock.advance(std::chrono::seconds(10));
  round(*other);
  EXPECT_NE(site.log.text().find("another server's clock is ahead"), std::string::npos);
}

}  // namespace
}  // namespace mytoken::test
