// Passwords of template groups: guesses are counted before they are looked at, and comparing hashes
// holds up nobody else.
#include "api/group_passwords.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/encoding.h"

namespace mytoken::api {
namespace {

constexpr std::uint32_t tries_of_an_address = 3;

// A hash that takes some time: 16 MiB, one pass.
const std::string hash =
    "$argon2id$v=19$m=16384,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$" + std::string(43, 'A');

TemplateGroups groups() {
  TemplateGroups list;
  list.emplace_back("dteam", *crypto::Password::parse(Secret(hash)));
  list.emplace_back("own",
                    *crypto::Password::parse(Secret(*crypto::Password::hash(Secret("right")))));
  list.emplace_back("plain", crypto::Password(Secret("plain-password")));
  return list;
}

http::RateLimit limit() {
  http::RateLimit limit;
  limit.max_requests = tries_of_an_address;
  limit.always_allow = {"192.0.2.1"};
  return limit;
}

class GroupPasswordsTest : public testing::Test {
 protected:
  ~GroupPasswordsTest() override { passwords_.stop(); }

  // Starts one request; its status (0: it was let in) is appended to `statuses`.
  void ask(std::string address, std::string group, std::string password) {
    auto& request = *requests_.emplace_back(std::make_unique<http::Request>());
    request.client_address = std::move(address);
    request.code_tries = &by_address_;
    auto work = [this, &request, group = std::move(group),
                 password = std::move(password)]() -> Task<void> {
      const auto done = co_await passwords_.require(request, group, Secret(password));
      statuses_.push_back(done ? 0 : done.error().status);
    };
    asio::co_spawn(io_, std::move(work), asio::detached);
  }
  std::vector<int> answers() {
    io_.restart();
    io_.run();
    return std::exchange(statuses_, {});
  }
  int answer(std::string address, std::string group, std::string password) {
    ask(std::move(address), std::move(group), std::move(password));
    return answers().at(0);
  }

  asio::io_context io_;
  http::RateLimiter by_address_{limit()};
  GroupPasswords passwords_{groups(), limit()};
  std::vector<std::unique_ptr<http::Request>> requests_;
  std::vector<int> statuses_;
};

TEST_F(GroupPasswordsTest, the_right_password_of_each_kind_is_let_in_as_often_as_one_likes) {
  for (std::uint32_t i = 0; i <= tries_of_an_address; ++i) {
    EXPECT_EQ(answer("198.51.100.1", "own", "right"), 0);
    EXPECT_EQ(answer("198.51.100.1", "plain", "plain-password"), 0);
  }
  EXPECT_EQ(answer("198.51.100.1", "own", "wrong"), 401);
  EXPECT_EQ(answer("198.51.100.1", "plain", "wrong"), 401);
}

// W1 of profiles.md: the reference takes an empty password for a group that has none.
TEST_F(GroupPasswordsTest, profiles_weakness_1_a_group_without_password_is_opened_by_none) {
  EXPECT_EQ(answer("192.0.2.1", "unknown", ""), 401);
  EXPECT_EQ(answer("192.0.2.1", "unknown", "right"), 401);
  EXPECT_EQ(answer("192.0.2.1", "", ""), 401);
  GroupPasswords none({}, limit());
  http::Request request;
  int status = 0;
  auto work = [&]() -> Task<void> {
    const auto done = co_await none.require(request, "_", Secret());
    status = done ? 0 : done.error().status;
  };
  asio::co_spawn(io_, work(), asio::detached);
  answers();
  EXPECT_EQ(status, 401);
}

TEST_F(GroupPasswordsTest, other_work_of_the_thread_goes_on_while_a_hash_is_compared) {
  std::string order;
  auto work = [&]() -> Task<void> {
    http::Request request;
    const auto done = co_await passwords_.require(request, "dteam", Secret("wrong"));
    order += done ? "admitted " : "compared ";
  };
  asio::co_spawn(io_, work(), asio::detached);
  asio::post(io_, [&] { order += "other "; });
  io_.run();
  EXPECT_EQ(order, "other compared ");
}

TEST_F(GroupPasswordsTest, guesses_at_the_same_time_are_counted_before_any_hash_is_computed) {
  for (int i = 0; i < 10; ++i)
    ask("198.51.100.1", "dteam", "guess");
  io_.poll();
  // Only those that were allowed a guess are still waiting for its outcome.
  EXPECT_EQ(statuses_, std::vector<int>(10 - tries_of_an_address, 429));
  statuses_.clear();
  EXPECT_EQ(answers(), std::vector<int>(tries_of_an_address, 401));
  EXPECT_EQ(answer("198.51.100.1", "own", "right"), 429);
  EXPECT_EQ(answer("198.51.100.2", "own", "right"), 0);
}

TEST_F(GroupPasswordsTest, guesses_from_many_addresses_are_counted_for_the_group) {
  const std::uint32_t most = tries_of_an_address * GroupPasswords::addresses_per_group;
  for (std::uint32_t i = 0; i < most; ++i)
    EXPECT_EQ(answer("198.51.100." + std::to_string(i), "plain", "guess"), 401) << i;
  EXPECT_EQ(answer("203.0.113.1", "plain", "plain-password"), 429);
  EXPECT_EQ(answer("203.0.113.1", "own", "right"), 0) << "another group";
  EXPECT_EQ(answer("192.0.2.1", "plain", "plain-password"), 0) << "an address without limit";
}

TEST_F(GroupPasswordsTest, names_of_groups_that_do_not_exist_have_one_limit_together) {
  const std::uint32_t most = tries_of_an_address * GroupPasswords::addresses_per_group;
  int refused = 0;
  for (std::uint32_t i = 0; i < most + 5; ++i) {
    if (answer("198.51.100." + std::to_string(i), "no" + std::to_string(i), "guess") == 429)
      ++refused;
  }
  EXPECT_EQ(refused, 5);
}

TEST_F(GroupPasswordsTest, few_comparisons_wait_and_the_others_are_told_to_come_again) {
  constexpr int all = 200;
  for (int i = 0; i < all; ++i)
    ask("192.0.2.1", "dteam", "guess");
  const std::vector<int> statuses = answers();
  const auto compared = std::count(statuses.begin(), statuses.end(), 401);
  const auto refused = std::count(statuses.begin(), statuses.end(), 503);
  EXPECT_EQ(compared + refused, all);
  EXPECT_GE(compared, static_cast<std::ptrdiff_t>(GroupPasswords::most_waiting));
  EXPECT_GT(refused, 0);
  EXPECT_EQ(answer("192.0.2.1", "own", "right"), 0);
}

TEST_F(GroupPasswordsTest, what_waits_when_the_server_ends_is_dropped) {
  for (std::size_t i = 0; i < GroupPasswords::most_waiting; ++i)
    ask("192.0.2.1", "dteam", "guess");
  io_.poll();
  EXPECT_TRUE(statuses_.empty());
  passwords_.stop();
}

}  // namespace
}  // namespace mytoken::api
