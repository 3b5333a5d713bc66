// Rotation and revocation while many use what is rotated or revoked.
#include <mutex>
#include <set>

#include "unit/service/races.h"

namespace mytoken::test {
namespace {

class RacesOfRotation : public RacingServers {};
INSTANTIATE_TEST_SUITE_P(Servers, RacesOfRotation,
                         ::testing::Values(Engine::sqlite, Engine::postgresql), name_of);

// Every successor that an answer brought, as its text.
template <class Answer>
std::set<std::string> successors(const std::vector<Result<Answer>>& answers) {
  std::set<std::string> texts;
  for (const auto& answer : answers) {
    if (answer) texts.emplace(answer->rotated.reveal());
  }
  return texts;
}

TEST_P(RacesOfRotation, parallel_access_tokens_from_one_rotating_token_have_one_successor) {
  for (int round = 0; round < rounds; ++round) {
    service::TokenWish wish = mother();
    wish.rotation = token::Rotation{true, false, Seconds(0), true};
    const Secret token = site.login_token(wish);
    const auto answers = site.run_all<Result<service::AccessAnswer>>(attempts, [&](std::size_t i) {
      auto request = site.access(token);
      request.comment = std::to_string(i % 40);  // some repeat each other's request
      return service::access_token(server(i), std::move(request));
    });
    EXPECT_GE(successes(answers, "invalid_token"), 1u);
    const auto next = successors(answers);
    ASSERT_EQ(next.size(), 1u);
    // Everybody acted in good faith: nobody is revoked, and the chain goes on.
    EXPECT_EQ(site.count("SELECT count(*) FROM mytokens WHERE seq_no = 2"), 1);
    EXPECT_TRUE(site.run(service::access_token(server(2), site.access(Secret(*next.begin())))));
    site.execute("UPDATE mytokens SET seq_no = 99");
  }
}

TEST_P(RacesOfRotation, parallel_sub_tokens_of_one_rotating_token_are_made_once_for_each_request) {
  for (int round = 0; round < rounds; ++round) {
    service::TokenWish wish = mother();
    wish.rotation = token::Rotation{false, true, Seconds(0), true};
    const Secret token = site.login_token(wish);
    const std::int64_t before = site.count("SELECT count(*) FROM mytokens");
    const auto answers = site.run_all<Result<service::IssueAnswer>>(attempts, [&](std::size_t i) {
      return service::make_subtoken(server(i), subtoken(token, std::to_string(i % 40)));
    });
    EXPECT_GE(successes(answers, "invalid_token"), 1u);
    const auto next = successors(answers);
    ASSERT_EQ(next.size(), 1u);
    EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), before + 1);
    std::set<std::string> children;
    for (const auto& answer : answers) {
      if (answer) children.emplace(string_member(answer->body, "mytoken"));
    }
    EXPECT_EQ(children.size(), 1u);
    EXPECT_TRUE(
        site.run(service::make_subtoken(server(2), subtoken(Secret(*next.begin()), "the next"))));
  }
}

TEST_P(RacesOfRotation,
       clients_that_share_a_rotating_token_and_pass_on_its_successor_form_one_chain) {
  service::TokenWish wish = mother();
  wish.rotation = token::Rotation{true, true, Seconds(0), true};
  Secret newest = site.login_token(wish);
  std::size_t links = 0;
  std::mutex mutex;
  const auto one = [&](std::size_t i) -> Task<Result<void>> {
    for (int use = 0; use < 4; ++use) {
      Secret mine;
      {
        const std::lock_guard lock(mutex);
        mine = newest;
      }
      Secret next;
      if ((i + static_cast<std::size_t>(use)) % 2 == 0) {
        auto request = site.access(mine);
        request.comment = std::to_string(i) + "/" + std::to_string(use);
        auto answer = co_await service::access_token(server(i), std::move(request));
        if (!answer && answer.error().code != "invalid_token") co_return fail(answer.error());
        if (answer) next = answer->rotated;
      } else {
        auto answer = co_await service::make_subtoken(
            server(i), subtoken(mine, std::to_string(i) + "/" + std::to_string(use)));
        if (!answer && answer.error().code != "invalid_token") co_return fail(answer.error());
        if (answer) next = answer->rotated;
      }
      if (next.reveal().empty()) continue;
      const std::lock_guard lock(mutex);
      newest = next;
      ++links;
    }
    co_return Result<void>();
  };
  const auto answers = site.run_all<Result<void>>(attempts, one);
  EXPECT_EQ(successes(answers, "nothing else"), attempts);
  EXPECT_GT(links, 0u);
  // One chain: as many links as were handed out, and the end of it is what the last one got.
  EXPECT_EQ(site.count("SELECT seq_no FROM mytokens WHERE parent_id IS NULL"),
            static_cast<std::int64_t>(links) + 1);
  EXPECT_TRUE(site.run(service::access_token(server(1), site.access(newest))));
}

TEST_P(RacesOfRotation, after_a_revocation_has_answered_no_use_succeeds) {
  for (int round = 0; round < rounds; ++round) {
    const Secret token = site.login_token(mother());
    const Secret stays = site.login_token(mother());
    std::atomic<bool> revoked{false};
    std::atomic<std::size_t> refused{0};
    const auto one = [&](std::size_t i) -> Task<Result<void>> {
      if (i == attempts / 2) {
        auto done = co_await revoke(server(i), token, false);
        if (done) revoked = true;
        co_return done;
      }
      for (int use = 0; use < 50; ++use) {
        const bool too_late = revoked;
        bool worked = false;
        if (i % 4 == 0) {
          worked = (co_await service::make_subtoken(server(i), subtoken(token))).has_value();
        } else if (i % 4 == 1) {
          worked =
              (co_await service::make_transfer_code(server(i), site.present(token))).has_value();
        } else {
          auto answer = co_await service::access_token(server(i), site.access(token));
          worked = answer.has_value();
          if (!answer && answer.error().status >= 500) co_return fail(answer.error());
        }
        EXPECT_FALSE(worked && too_late) << "attempt " << i;
        if (!worked) {
          ++refused;
          co_return Result<void>();
        }
      }
      co_return Result<void>();
    };
    const auto answers = site.run_all<Result<void>>(attempts, one);
    EXPECT_EQ(successes(answers, "nothing else"), attempts);
    EXPECT_TRUE(revoked);
    EXPECT_GT(refused, attempts / 2);
    EXPECT_TRUE(site.run(service::access_token(server(1), site.access(stays))));
    EXPECT_FALSE(site.run(service::access_token(server(1), site.access(token))));
    site.execute("DELETE FROM proxies");
  }
}

TEST_P(RacesOfRotation,
       after_a_revocation_by_mom_id_has_answered_nothing_below_works_and_all_else_does) {
  for (int round = 0; round < rounds; ++round) {
    const Secret root = site.login_token(mother());
    auto made = site.run(service::make_subtoken(*site.context, subtoken(root)));
    ASSERT_TRUE(made);
    const Secret child(std::string(string_member(made->body, "mytoken")));
    const std::string mom_id(string_member(made->body, "mom_id"));
    const std::vector<Secret> ending{child, child_of(child)};
    const Secret sibling = child_of(root);
    std::atomic<bool> revoked{false};
    const auto one = [&](std::size_t i) -> Task<Result<void>> {
      if (i == attempts / 2) {
        service::OperationRequest request;
        request.presentation = site.present(root);
        service::OtherRevocation wanted;
        wanted.mom_id = mom_id;
        wanted.recursive = true;
        auto done =
            co_await service::revoke_other(server(i), std::move(request), std::move(wanted));
        if (done) revoked = true;
        if (!done) co_return fail(done.error());
        co_return Result<void>();
      }
      for (int use = 0; use < 10; ++use) {
        const bool too_late = revoked;
        const Secret& token = ending[i % 2];
        Result<void> refused;
        if (i % 3 == 0) {
          auto answer = co_await service::make_subtoken(server(i), subtoken(token));
          if (!answer) refused = fail(answer.error());
        } else {
          auto answer = co_await service::access_token(server(i), site.access(token));
          if (!answer) refused = fail(answer.error());
        }
        EXPECT_FALSE(refused && too_late) << "attempt " << i;
        if (!refused && refused.error().status >= 500) co_return refused;
        if (!refused) co_return Result<void>();
      }
      co_return Result<void>();
    };
    const auto answers = site.run_all<Result<void>>(attempts, one);
    EXPECT_EQ(successes(answers, "nothing else"), attempts);
    EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 2 * (round + 1));
    EXPECT_TRUE(site.run(service::access_token(server(1), site.access(root))));
    EXPECT_TRUE(site.run(service::access_token(server(2), site.access(sibling))));
  }
}

TEST_P(RacesOfRotation,
       a_recursive_revocation_leaves_no_descendant_and_no_code_however_many_are_being_made) {
  for (int round = 1; round <= rounds; ++round) {
    const Secret root = site.login_token(mother());
    std::vector<Secret> tree{root, child_of(root), child_of(root)};
    tree.push_back(child_of(tree[1]));
    const auto one = [&](std::size_t i) -> Task<Result<void>> {
      if (i == attempts / 2) co_return co_await revoke(server(i), root, true);
      const Secret& token = tree[i % tree.size()];
      for (int use = 0; use < 10; ++use) {
        if (i % 3 == 0) {
          auto code = co_await service::make_transfer_code(server(i), site.present(token));
          if (!code && code.error().status >= 500) co_return fail(code.error());
          if (!code) co_return Result<void>();
        } else {
          auto made = co_await service::make_subtoken(server(i), subtoken(token));
          if (!made && made.error().status >= 500) co_return fail(made.error());
          if (!made) co_return Result<void>();
        }
      }
      co_return Result<void>();
    };
    const auto answers = site.run_all<Result<void>>(attempts, one);
    EXPECT_EQ(successes(answers, "nothing else"), attempts);
    EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
    EXPECT_EQ(site.count("SELECT count(*) FROM proxies"), 0);
    EXPECT_EQ(site.count("SELECT count(*) FROM clauses"), 0);
    EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens"), 0);
    EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), round);
  }
}

TEST_P(RacesOfRotation, a_revocation_is_acknowledged_to_everybody_who_asks_for_it) {
  for (int round = 1; round <= rounds; ++round) {
    const Secret token = site.login_token(mother());
    const auto answers = site.run_all<Result<void>>(
        attempts, [&](std::size_t i) { return revoke(server(i), token, i % 2 == 0); });
    EXPECT_EQ(successes(answers, "nothing else"), attempts);
    EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
    EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), round);
  }
}

}  // namespace
}  // namespace mytoken::test
