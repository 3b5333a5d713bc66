// What one server promises, two on one database promise together.
#include <gtest/gtest.h>

#include "service/access.h"
#include "service/codes.h"
#include "service/revoke.h"
#include "service/shared_counts.h"
#include "store/outbox.h"
#include "unit/service/two_servers.h"

namespace mytoken::test {
namespace {

TEST_F(TwoServersOnPostgresql,
       two_hundred_parallel_requests_on_a_single_use_refresh_token_all_succeed) {
  const Secret token = site.login_token();
  const auto answers = site.run_all<Result<service::AccessAnswer>>(
      200, [&](std::size_t i) { return service::access_token(server(i), site.access(token)); });
  EXPECT_EQ(successes(answers), 200u);
  for (const auto& answer : answers) {
    if (!answer) {
      ADD_FAILURE() << answer.error().description << " / " << answer.error().cause;
      break;
    }
  }
  const auto session = site.provider->sessions().at(0);
  EXPECT_FALSE(session.reuse_detected);
  EXPECT_EQ(session.refreshes, 200u);
  EXPECT_EQ(site.count("SELECT version FROM refresh_tokens"), 201);
}

TEST_F(TwoServersOnPostgresql,
       W7_a_usage_limit_of_one_admits_exactly_one_of_1000_parallel_requests) {
  service::TokenWish wish;
  token::Clause clause;
  clause.usages_at = 1;
  wish.restrictions = {clause};
  const Secret token = site.login_token(wish);
  const auto answers = site.run_all<Result<service::AccessAnswer>>(
      1000, [&](std::size_t i) { return service::access_token(server(i), site.access(token)); });
  EXPECT_EQ(successes(answers), 1u);
  for (const auto& answer : answers) {
    if (!answer) {
      EXPECT_EQ(answer.error().code, "usage_restricted") << answer.error().cause;
    }
  }
  EXPECT_EQ(site.count("SELECT used_at FROM clauses"), 1);
  EXPECT_EQ(site.provider->counters().refreshes, 1u);
}

TEST_F(TwoServersOnPostgresql, a_transfer_code_redeemed_by_both_has_one_winner) {
  const Secret token = site.login_token();
  auto made = site.run(service::make_transfer_code(*site.context, site.present(token)));
  ASSERT_TRUE(made) << made.error().description;
  const Secret code(std::string(string_member(*made, "transfer_code")));
  const auto answers = site.run_all<Result<json::object>>(100, [&](std::size_t i) {
    return service::redeem_transfer_code(server(i), code, Installation::client());
  });
  EXPECT_EQ(successes(answers), 1u);
  for (const auto& answer : answers) {
    if (!answer) {
      EXPECT_EQ(answer.error().status, 401) << answer.error().cause;
    }
  }
}

TEST_F(TwoServersOnPostgresql, outbox_entries_are_claimed_by_one_of_them) {
  auto fill = [&](sql::Transaction& db) -> Result<void> {
    for (int i = 0; i < 100; ++i) {
      if (auto r = store::add_outbox(db, site.clock, "revoke_refresh_token", "issuer", "payload");
          !r)
        return r;
    }
    return {};
  };
  ASSERT_TRUE(database->write_now(fill));
  const Time now = site.clock.now();
  // One that meets another at the same rows may come back with fewer, never with the same.
  std::size_t claimed = 0;
  for (std::size_t before = 1; claimed != before;) {
    before = claimed;
    auto claims =
        site.run_all<Result<std::size_t>>(20, [&](std::size_t i) -> Task<Result<std::size_t>> {
          auto work = [now](sql::Transaction& db) {
            return store::claim_outbox(db, now, Seconds(60), 10);
          };
          auto rows = co_await server(i).database.write(work);
          if (!rows) co_return tl::unexpected(rows.error());
          co_return rows->size();
        });
    for (const auto& claim : claims) {
      ASSERT_TRUE(claim) << claim.error().cause;
      claimed += *claim;
    }
  }
  EXPECT_EQ(claimed, 100u);
  EXPECT_EQ(site.count("SELECT count(*) FROM outbox WHERE attempts = 1"), 100);
}

TEST_F(TwoServersOnPostgresql,
       the_last_of_a_family_that_both_revoke_in_parallel_takes_the_refresh_token_along) {
  service::TokenWish wish;
  wish.capabilities = token::Capabilities{"AT", "create_mytoken"};
  for (int round = 0; round < 5; ++round) {
    const Secret mother = site.login_token(wish);
    std::vector<Secret> tokens{mother};
    for (int i = 0; i < 5; ++i) {
      service::SubtokenRequest request;
      request.presentation = site.present(mother);
      auto child = site.run(service::make_subtoken(*site.context, request));
      ASSERT_TRUE(child) << child.error().description;
      tokens.emplace_back(std::string(string_member(child->body, "mytoken")));
    }
    const auto answers = site.run_all<Result<void>>(tokens.size(), [&](std::size_t i) {
      service::RevocationRequest request;
      request.presentation = site.present(tokens[i]);
      return service::revoke_presented(server(i), request);
    });
    for (const auto& answer : answers)
      EXPECT_TRUE(answer) << answer.error().cause;
    EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
    EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens"), 0);
    EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), round + 1);
  }
}

// Counters that are only a text.
class PlainCounters final : public service::SharedCounters {
 public:
  std::string own_counts() override { return own; }
  void learn_counts(const std::vector<std::string>& others) override { learned = others; }
  Seconds longest_window() const override { return Seconds(300); }
  std::string own;
  std::vector<std::string> learned;
};

TEST_F(TwoServersOnPostgresql, tell_each_other_what_they_count) {
  PlainCounters first;
  PlainCounters second;
  service::Exchange told_first;
  service::Exchange told_second;
  const auto exchange = [&] {
    const auto both = [&]() -> Task<int> {
      co_await service::exchange_counts(*site.context, first, told_first);
      co_await service::exchange_counts(*other, second, told_second);
      co_return 0;
    };
    site.run(both());
  };
  using Texts = std::vector<std::string>;
  const std::string bytes("one\0\xff", 5);
  first.own = bytes;
  exchange();
  EXPECT_EQ(second.learned, Texts{bytes});
  EXPECT_EQ(first.learned, Texts());
  EXPECT_EQ(site.count("SELECT count(*) FROM shared_counts"), 1);
  second.own = "two";
  exchange();
  exchange();
  EXPECT_EQ(first.learned, Texts{"two"});

  // Without the database both go on with what they know, and find each other again.
  PostgresCluster::shared().kill();
  first.own = "three";
  exchange();
  EXPECT_EQ(first.learned, Texts{"two"});
  EXPECT_EQ(second.learned, Texts{bytes});
  PostgresCluster::shared().start();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (second.learned != Texts{"three"} && std::chrono::steady_clock::now() < until)
    exchange();
  EXPECT_EQ(second.learned, Texts{"three"});

  // What ended servers left goes when nothing of it matters.
  site.clock.advance(std::chrono::seconds(300 + 600 + 1));
  second.own = "four";
  exchange();
  site.clock.advance(std::chrono::seconds(601));
  exchange();
  EXPECT_EQ(site.count("SELECT count(*) FROM shared_counts"), 1);
}

TEST_F(TwoServersOnPostgresql, an_access_token_takes_three_round_trips) {
  service::TokenWish wish;
  token::Clause clause;
  clause.usages_at = 10;
  wish.restrictions = {clause};
  const Secret plain = site.login_token();
  const Secret limited = site.login_token(wish);
  for (const Secret& token : {plain, limited})  // the pool learns what each function needs
    ASSERT_TRUE(site.run(service::access_token(*other, site.access(token))));
  const auto trips = [&](const Secret& token) {
    const auto before = database->counters().round_trips;
    EXPECT_TRUE(site.run(service::access_token(*other, site.access(token))));
    return database->counters().round_trips - before;
  };
  EXPECT_EQ(trips(plain), 3u);  // read, reserve, settle
  EXPECT_EQ(trips(limited), 3u);
}

}  // namespace
}  // namespace mytoken::test
