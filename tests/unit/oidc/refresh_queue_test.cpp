// Single flight by key: order, hand-over between threads, time limit, and no lost wake-ups.
#include "oidc/refresh_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <thread>

#include "support/run_task.h"

namespace mytoken::oidc {
namespace {

using test::run;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;
using namespace std::chrono_literals;

// So many threads with an io_context each, as in the server.
class Threads {
 public:
  explicit Threads(int count) {
    for (int i = 0; i < count; ++i)
      contexts_.push_back(std::make_unique<asio::io_context>(1));
    for (auto& context : contexts_)
      guards_.emplace_back(context->get_executor());
  }
  ~Threads() { finish(); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  asio::io_context& of(std::size_t number) { return *contexts_[number % contexts_.size()]; }
  void start() {
    for (auto& context : contexts_)
      threads_.emplace_back([&context] { context->run(); });
  }
  // Waits until all coroutines are done.
  void finish() {
    guards_.clear();
    for (std::thread& thread : threads_)
      thread.join();
    threads_.clear();
  }

 private:
  std::vector<std::unique_ptr<asio::io_context>> contexts_;
  std::vector<asio::executor_work_guard<Executor>> guards_;
  std::vector<std::thread> threads_;
};

TEST(RefreshQueue, a_free_turn_is_given_at_once_and_other_keys_do_not_wait) {
  RefreshQueue queue;
  asio::io_context context(1);
  auto first = run(context, queue.wait("a", 0ms));
  auto second = run(context, queue.wait("b", 0ms));
  EXPECT_TRUE(first.has_value());
  EXPECT_TRUE(second.has_value());
}

TEST(RefreshQueue, a_taken_turn_is_refused_after_the_limit_and_free_again_afterwards) {
  RefreshQueue queue;
  asio::io_context context(1);
  auto first = run(context, queue.wait("a", 0ms));
  ASSERT_TRUE(first.has_value());
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(run(context, queue.wait("a", 30ms)).has_value());
  EXPECT_GE(std::chrono::steady_clock::now() - start, 30ms);
  first.reset();
  EXPECT_TRUE(run(context, queue.wait("a", 0ms)).has_value());
}

TEST(RefreshQueue, turns_are_given_in_order_of_arrival) {
  RefreshQueue queue;
  asio::io_context context(1);
  std::vector<int> order;
  auto take = [&](int number) -> Task<void> {
    const auto turn = co_await queue.wait("key", 10s);
    if (turn) order.push_back(number);
  };
  auto first = run(context, queue.wait("key", 0ms));
  for (int i = 0; i < 50; ++i)
    asio::co_spawn(context, take(i), asio::detached);
  context.restart();
  context.poll();
  EXPECT_TRUE(order.empty());
  first.reset();
  context.restart();
  context.run_for(10s);
  std::vector<int> expected(50);
  for (int i = 0; i < 50; ++i)
    expected[static_cast<std::size_t>(i)] = i;
  EXPECT_EQ(order, expected);
}

TEST(RefreshQueue, thousand_waiters_on_two_threads_all_get_one_turn_alone) {
  RefreshQueue queue;
  Threads threads(2);
  int inside = 0;  // no atomic: the turn itself must order the accesses (thread sanitizer)
  int done = 0;
  int overlaps = 0;
  std::atomic<int> refused = 0;
  auto take = [&]() -> Task<void> {
    auto turn = co_await queue.wait("key", 60s);
    if (!turn) {
      ++refused;
      co_return;
    }
    overlaps += inside != 0 ? 1 : 0;
    ++inside;
    const Executor executor = co_await asio::this_coro::executor;
    Timer pause(executor, 1us);
    co_await pause.async_wait(use_task);
    --inside;
    ++done;
  };
  for (std::size_t i = 0; i < 1000; ++i)
    asio::co_spawn(threads.of(i), take(), asio::detached);
  threads.start();
  threads.finish();
  EXPECT_EQ(done, 1000);
  EXPECT_EQ(overlaps, 0);
  EXPECT_EQ(refused, 0);
}

TEST(RefreshQueue, hand_over_and_time_limit_at_the_same_moment_lose_no_turn) {
  RefreshQueue queue;
  Threads threads(2);
  std::atomic<int> ended = 0;
  auto take = [&](int number) -> Task<void> {
    const auto turn = co_await queue.wait("key", std::chrono::milliseconds(number % 4));
    if (turn) {
      const Executor executor = co_await asio::this_coro::executor;
      Timer pause(executor, 200us);
      co_await pause.async_wait(use_task);
    }
    ++ended;
  };
  for (int i = 0; i < 400; ++i)
    asio::co_spawn(threads.of(static_cast<std::size_t>(i)), take(i), asio::detached);
  threads.start();
  threads.finish();
  EXPECT_EQ(ended, 400);
  EXPECT_TRUE(run(queue.wait("key", 0ms)).has_value()) << "the turn is free at the end";
}

TEST(RefreshQueue, a_destroyed_waiter_does_not_keep_the_turn) {
  RefreshQueue queue;
  asio::io_context context(1);
  auto first = run(context, queue.wait("key", 0ms));
  {
    asio::io_context other(1);
    asio::co_spawn(other, queue.wait("key", 10s), asio::detached);
    other.poll();  // stands in line
    auto second = std::make_unique<asio::io_context>(1);
    asio::co_spawn(*second, queue.wait("key", 10s), asio::detached);
    second->poll();
    first.reset();  // hands over to the first in line, which will never run
  }
  EXPECT_TRUE(run(context, queue.wait("key", 0ms)).has_value());
}

TEST(RefreshQueue, a_turn_may_outlive_the_queue) {
  auto queue = std::make_unique<RefreshQueue>();
  auto turn = run(queue->wait("key", 0ms));
  queue.reset();
  EXPECT_TRUE(turn.has_value());
}

}  // namespace
}  // namespace mytoken::oidc
