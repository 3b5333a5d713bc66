// What may happen once, or so many times, however many try at the same moment: codes and usages.
#include "service/login.h"
#include "unit/service/races.h"

namespace mytoken::test {
namespace {

class Races : public RacingServers {};
INSTANTIATE_TEST_SUITE_P(Servers, Races, ::testing::Values(Engine::sqlite, Engine::postgresql),
                         name_of);

TEST_P(Races, a_transfer_code_of_an_existing_token_is_redeemed_once) {
  const Secret token = site.login_token();
  for (int round = 1; round <= rounds; ++round) {
    auto made = site.run(service::make_transfer_code(*site.context, site.present(token)));
    ASSERT_TRUE(made) << made.error().description;
    const Secret code(std::string(string_member(*made, "transfer_code")));
    const auto answers = site.run_all<Result<json::object>>(attempts, [&](std::size_t i) {
      return service::redeem_transfer_code(server(i), code, Installation::client());
    });
    EXPECT_EQ(successes(answers, "invalid_token"), 1u);
    EXPECT_EQ(site.count("SELECT count(*) FROM proxies"), 0);
    EXPECT_EQ(site.count("SELECT count(*) FROM events WHERE event = 'transfer_code_used'"),
              round + 1);  // and the login's
  }
}

TEST_P(Races, a_transfer_code_of_a_new_token_is_redeemed_once_or_revoked) {
  for (int round = 0; round < rounds; ++round) {
    service::TokenWish wish = mother();
    wish.response_type = token::ResponseType::transfer_code;
    const Secret code(std::string(string_member(site.login(wish), "transfer_code")));
    const auto answers = site.run_all<Result<json::object>>(
        attempts, [&](std::size_t i) -> Task<Result<json::object>> {
          if (i % 8 != 7)
            co_return co_await service::redeem_transfer_code(server(i), code,
                                                             Installation::client());
          auto revoked = co_await revoke(server(i), code, false);
          EXPECT_TRUE(revoked) << revoked.error().cause;
          co_return fail(service::unknown_code());
        });
    // Whoever came first decides: the token is in somebody's hands, or gone.
    const std::size_t won = successes(answers, "invalid_token");
    ASSERT_LE(won, 1u);
    EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), static_cast<std::int64_t>(won));
    for (const auto& answer : answers) {
      if (!answer) continue;
      const Secret token(std::string(string_member(*answer, "mytoken")));
      EXPECT_TRUE(site.run(service::access_token(server(1), site.access(token))));
      EXPECT_TRUE(site.run(revoke(server(2), token, true)));
    }
  }
}

TEST_P(Races, a_polling_code_is_redeemed_once) {
  for (int round = 0; round < rounds; ++round) {
    auto begun = site.start();
    ASSERT_TRUE(begun);
    ASSERT_TRUE(site.finish(site.consented(*begun)));
    const auto answers = site.run_all<Result<json::object>>(attempts, [&](std::size_t i) {
      return service::poll(server(i), begun->polling_code, Installation::client());
    });
    EXPECT_EQ(successes(answers, "invalid_token"), 1u);
    EXPECT_EQ(site.count("SELECT count(*) FROM flows"), 0);
  }
}

TEST_P(Races, a_consent_comes_back_from_the_provider_once) {
  for (int round = 1; round <= rounds; ++round) {
    auto begun = site.start();
    ASSERT_TRUE(begun);
    const service::Redirect back = site.consented(*begun);
    const auto answers = site.run_all<Result<service::LoginEnd>>(
        attempts, [&](std::size_t i) { return service::finish_login(server(i), back); });
    std::size_t won = 0;
    for (const auto& answer : answers) {
      won += answer ? 1 : 0;
      if (!answer) {
        EXPECT_LT(answer.error().status, 500) << answer.error().cause;
      }
    }
    EXPECT_EQ(won, 1u);
    EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), round);
    EXPECT_EQ(site.provider->counters().codes, static_cast<std::size_t>(round));
  }
}

TEST_P(Races, usages_AT_admits_as_many_as_it_says) {
  for (const std::int64_t limit : {1, 7, 50}) {
    const Secret token = site.login_token(mother({uses(limit, {})}));
    const std::size_t before = site.provider->counters().refreshes;
    const auto answers = site.run_all<Result<service::AccessAnswer>>(attempts, [&](std::size_t i) {
      return service::access_token(server(i), site.access(token));
    });
    EXPECT_EQ(successes(answers, "usage_restricted"), static_cast<std::size_t>(limit));
    EXPECT_EQ(site.provider->counters().refreshes - before, static_cast<std::size_t>(limit));
  }
  EXPECT_EQ(site.count("SELECT count(*) FROM clauses WHERE used_at <> limit_at"), 0);
}

TEST_P(Races, usages_other_admits_as_many_as_it_says) {
  for (const std::int64_t limit : {1, 7, 50}) {
    const Secret token = site.login_token(mother({uses({}, limit)}));
    const std::int64_t before = site.count("SELECT count(*) FROM mytokens");
    const auto answers = site.run_all<Result<service::IssueAnswer>>(attempts, [&](std::size_t i) {
      return service::make_subtoken(server(i), subtoken(token));
    });
    EXPECT_EQ(successes(answers, "usage_restricted"), static_cast<std::size_t>(limit));
    EXPECT_EQ(site.count("SELECT count(*) FROM mytokens") - before, limit);
  }
}

TEST_P(Races, two_clauses_are_used_up_one_after_the_other_and_not_beyond) {
  for (int round = 0; round < rounds; ++round) {
    token::Clause second = uses(11, {});
    second.exp = site.clock.now() + Seconds(3600);
    const Secret token = site.login_token(mother({uses(5, {}), second}));
    const auto answers = site.run_all<Result<service::AccessAnswer>>(attempts, [&](std::size_t i) {
      return service::access_token(server(i), site.access(token));
    });
    EXPECT_EQ(successes(answers, "usage_restricted"), 16u);
  }
}

TEST_P(Races, a_sub_tree_shares_the_usages_AT_of_its_ancestor) {
  for (const std::int64_t limit : {1, 20}) {
    const Secret root = site.login_token(mother({uses(limit, {})}));
    std::vector<Secret> tree{root};
    for (int i = 0; i < 3; ++i) {
      tree.push_back(child_of(root));
      tree.push_back(child_of(tree.back()));
      tree.push_back(child_of(tree.back()));
    }
    const auto answers = site.run_all<Result<service::AccessAnswer>>(attempts, [&](std::size_t i) {
      return service::access_token(server(i), site.access(tree[i % tree.size()]));
    });
    EXPECT_EQ(successes(answers, "usage_restricted"), static_cast<std::size_t>(limit));
  }
}

TEST_P(Races, a_sub_tree_shares_the_usages_other_of_its_ancestor) {
  for (int round = 0; round < rounds; ++round) {
    // Six of thirty are used for the tree itself, each charged to the root.
    const Secret root = site.login_token(mother({uses({}, 30)}));
    std::vector<Secret> tree{root};
    for (int i = 0; i < 3; ++i) {
      tree.push_back(child_of(root));
      tree.push_back(child_of(tree.back()));
    }
    const std::int64_t before = site.count("SELECT count(*) FROM mytokens");
    const auto answers = site.run_all<Result<service::IssueAnswer>>(attempts, [&](std::size_t i) {
      return service::make_subtoken(server(i), subtoken(tree[i % tree.size()]));
    });
    EXPECT_EQ(successes(answers, "usage_restricted"), 24u);
    EXPECT_EQ(site.count("SELECT count(*) FROM mytokens") - before, 24);
  }
}

TEST_P(Races, a_budget_survives_the_revocation_of_the_token_in_the_middle) {
  for (int round = 0; round < rounds; ++round) {
    const Secret root = site.login_token(mother({uses(20, {})}));
    const Secret middle = child_of(root);
    std::vector<Secret> leaves;
    for (int i = 0; i < 4; ++i)
      leaves.push_back(child_of(middle));
    const auto answers = site.run_all<Result<service::AccessAnswer>>(
        attempts, [&](std::size_t i) -> Task<Result<service::AccessAnswer>> {
          if (i == 60) {
            auto revoked = co_await revoke(server(i), middle, false);
            EXPECT_TRUE(revoked) << revoked.error().cause;
          }
          co_return co_await service::access_token(server(i),
                                                   site.access(leaves[i % leaves.size()]));
        });
    EXPECT_EQ(successes(answers, "usage_restricted"), 20u);
  }
}

}  // namespace
}  // namespace mytoken::test
