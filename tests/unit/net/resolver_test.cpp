// Confirmed names of client addresses: cache, shared look-ups, time limit, bounded queue.
#include "net/resolver.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/detached.hpp>
#include <future>

#include "net/resolver_core.h"
#include "support/manual_clock.h"
#include "support/run_task.h"

namespace mytoken::net {
namespace {

using test::ManualClock;
using test::run;
using Names = std::vector<std::string>;
using namespace std::chrono_literals;

TEST(Resolver, what_is_no_address_has_no_names) {
  const ManualClock clock;
  std::atomic<int> calls = 0;
  const auto resolver = make_resolver(clock, [&](const std::string&) {
    ++calls;
    return Names{"x"};
  });
  EXPECT_EQ(run(resolver->confirmed_names("example.org", AddressOf::client)), Names{});
  EXPECT_EQ(run(resolver->confirmed_names("", AddressOf::client)), Names{});
  EXPECT_EQ(calls, 0);
}

TEST(Resolver, an_answer_is_kept_for_300_seconds) {
  ManualClock clock;
  std::atomic<int> calls = 0;
  const auto resolver = make_resolver(clock, [&](const std::string& address) {
    ++calls;
    return Names{"host-" + address};
  });
  EXPECT_EQ(run(resolver->confirmed_names("192.0.2.1", AddressOf::client)),
            Names{"host-192.0.2.1"});
  EXPECT_EQ(run(resolver->confirmed_names("::ffff:192.0.2.1", AddressOf::client)),
            Names{"host-192.0.2.1"});
  clock.advance(299s);
  EXPECT_EQ(run(resolver->confirmed_names("192.0.2.1", AddressOf::client)),
            Names{"host-192.0.2.1"});
  EXPECT_EQ(calls, 1);
  clock.advance(1s);
  EXPECT_EQ(run(resolver->confirmed_names("192.0.2.1", AddressOf::client)),
            Names{"host-192.0.2.1"});
  EXPECT_EQ(calls, 2);
}

TEST(Resolver, a_slow_look_up_gives_no_names_after_two_seconds_and_others_go_on) {
  const ManualClock clock;
  auto gate = std::make_shared<std::promise<void>>();
  auto opened = gate->get_future().share();
  const auto resolver = make_resolver(clock, [opened](const std::string& address) {
    if (address == "192.0.2.1") opened.wait();
    return Names{"host"};
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(run(resolver->confirmed_names("192.0.2.1", AddressOf::client)), Names{});
  EXPECT_GE(std::chrono::steady_clock::now() - start, 2s);
  EXPECT_EQ(run(resolver->confirmed_names("192.0.2.2", AddressOf::client)), Names{"host"});
  gate->set_value();
}

TEST(Resolver, callers_share_one_look_up_and_the_queue_is_bounded) {
  const ManualClock clock;
  auto gate = std::make_shared<std::promise<void>>();
  auto opened = gate->get_future().share();
  auto calls = std::make_shared<std::atomic<int>>(0);
  const auto resolver = make_resolver(clock, [opened, calls](const std::string&) {
    ++*calls;
    opened.wait();
    return Names{"host"};
  });
  asio::io_context context(1);
  int with_name = 0;
  int without = 0;
  auto ask = [&](std::string address) -> Task<void> {
    const Names names = co_await resolver->confirmed_names(std::move(address), AddressOf::client);
    ++(names.empty() ? without : with_name);
  };
  for (int i = 0; i < 100; ++i)
    asio::co_spawn(context, ask("192.0.2.1"), asio::detached);
  context.poll();
  for (int i = 0; i < 1500; ++i) {
    asio::co_spawn(context, ask("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250)),
                   asio::detached);
  }
  context.poll();
  EXPECT_GE(without, 498) << "beyond the queue the answer is immediate";
  EXPECT_LE(without, 501);  // the first look-up may still stand in the queue
  gate->set_value();
  context.run_for(10s);
  EXPECT_EQ(with_name + without, 1600);
  EXPECT_EQ(*calls, 1 + 1500 - without);
}

TEST(Resolver, slow_zones_of_addresses_in_requests_do_not_delay_clients) {
  const ManualClock clock;
  auto gate = std::make_shared<std::promise<void>>();
  auto opened = gate->get_future().share();
  auto calls = std::make_shared<std::atomic<int>>(0);
  const auto resolver = make_resolver(clock, [opened, calls](const std::string& address) {
    ++*calls;
    if (address.starts_with("10.")) opened.wait();
    return Names{"host"};
  });
  asio::io_context context(1);
  for (int i = 0; i < 32; ++i) {
    asio::co_spawn(context,
                   resolver->confirmed_names("10.0.0." + std::to_string(i), AddressOf::request),
                   asio::detached);
  }
  context.poll();
  EXPECT_EQ(run(resolver->confirmed_names("192.0.2.1", AddressOf::client)), Names{"host"});
  gate->set_value();
}

TEST(Resolver, what_everybody_gave_up_waiting_for_is_not_looked_up) {
  const ManualClock clock;
  auto gate = std::make_shared<std::promise<void>>();
  auto opened = gate->get_future().share();
  auto calls = std::make_shared<std::atomic<int>>(0);
  const auto resolver = make_resolver(clock, [opened, calls](const std::string& address) {
    ++*calls;
    if (address == "10.0.0.0") opened.wait();
    return Names{"host"};
  });
  {
    asio::io_context context(1);
    for (int i = 0; i < 20; ++i) {
      asio::co_spawn(context,
                     resolver->confirmed_names("10.0.0." + std::to_string(i), AddressOf::request),
                     asio::detached);
    }
    context.poll();
  }  // all of them vanish
  gate->set_value();
  EXPECT_EQ(run(resolver->confirmed_names("192.0.2.1", AddressOf::request)), Names{"host"});
  EXPECT_LE(*calls, 2) << "the one that had begun, and the last";
}

TEST(Resolver, a_waiting_caller_may_vanish) {
  const ManualClock clock;
  auto gate = std::make_shared<std::promise<void>>();
  auto opened = gate->get_future().share();
  const auto resolver = make_resolver(clock, [opened](const std::string&) {
    opened.wait();
    return Names{"host"};
  });
  {
    asio::io_context context(1);
    asio::co_spawn(context, resolver->confirmed_names("192.0.2.1", AddressOf::client),
                   asio::detached);
    context.poll();
  }
  gate->set_value();
  EXPECT_EQ(run(resolver->confirmed_names("192.0.2.1", AddressOf::client)), Names{"host"});
}

TEST(Resolver, the_system_confirms_the_name_of_loopback) {
  const ManualClock clock;
  const auto resolver = make_system_resolver(clock);
  EXPECT_EQ(run(resolver->confirmed_names("127.0.0.1", AddressOf::client)), Names{"localhost"});
}

}  // namespace
}  // namespace mytoken::net
