// The fixed-window limit (spec api.md §2.10).
#include "http/rate_limit.h"

#include <gtest/gtest.h>

#include <memory>

#include "http/charge.h"

namespace mytoken::http {
namespace {

using std::chrono::seconds;
const RateLimiter::Instant start{seconds(1000)};

RateLimit limit_of(std::uint32_t requests) {
  RateLimit limit;
  limit.max_requests = requests;
  limit.window = seconds(300);
  limit.always_allow = {"127.0.0.1", "10.0.0.0/8", "not an address"};
  return limit;
}

TEST(RateLimiter, admits_the_limit_within_a_window_and_starts_anew) {
  RateLimiter limiter(limit_of(3));
  for (std::uint32_t i = 0; i < 3; ++i) {
    const auto decision = limiter.count("192.0.2.1", start + seconds(i));
    EXPECT_TRUE(decision.allowed);
    EXPECT_EQ(decision.limit, 3u);
    EXPECT_EQ(decision.remaining, 2 - i);
    EXPECT_EQ(decision.reset, seconds(300 - i));
  }
  const auto refused = limiter.count("192.0.2.1", start + seconds(299));
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.remaining, 0u);
  EXPECT_EQ(refused.reset, seconds(1));
  EXPECT_TRUE(limiter.count("192.0.2.2", start).allowed);
  EXPECT_TRUE(limiter.count("192.0.2.1", start + seconds(300)).allowed);
}

TEST(RateLimiter, exempt_addresses_are_not_counted) {
  RateLimiter limiter(limit_of(1));
  for (const char* address : {"127.0.0.1", "10.200.1.1", "::ffff:10.1.1.1"}) {
    for (int i = 0; i < 5; ++i)
      EXPECT_FALSE(limiter.count(address, start).counted) << address;
  }
  EXPECT_EQ(limiter.size(), 0u);
}

TEST(RateLimiter, further_work_of_a_request_is_charged_to_its_client_up_to_the_limit) {
  RateLimiter limiter(limit_of(10));
  Request request;
  request.client_address = "192.0.2.1";
  request.arrival = start;
  EXPECT_TRUE(charge(request, 1000)) << "no limit";
  request.rate_limiter = &limiter;
  EXPECT_TRUE(charge(request, 0));
  EXPECT_TRUE(charge(request, 9));
  EXPECT_TRUE(charge(request, 1));
  const auto refused = charge(request, 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 429);
  EXPECT_EQ(refused.error().retry_after, seconds(300));
  EXPECT_FALSE(limiter.count("192.0.2.1", start).allowed);
  request.client_address = "";
  request.peer = "192.0.2.2";
  EXPECT_FALSE(charge(request, 11));
  EXPECT_FALSE(limiter.count("192.0.2.2", start).allowed);
  request.peer = "10.0.0.1";
  EXPECT_TRUE(charge(request, 11)) << "an exempt address";
}

TEST(RateLimiter, an_ipv6_network_of_64_bits_is_one_client) {
  RateLimiter limiter(limit_of(1));
  EXPECT_TRUE(limiter.count("2001:db8::1", start).allowed);
  EXPECT_FALSE(limiter.count("2001:db8::2", start).allowed);
  EXPECT_TRUE(limiter.count("2001:db8:0:1::1", start).allowed);
}

TEST(RateLimiter, a_request_given_back_may_be_made_again) {
  RateLimiter limiter(limit_of(1));
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(limiter.count("192.0.2.1", start).allowed);
    limiter.give_back("192.0.2.1", start);
  }
  EXPECT_TRUE(limiter.count("192.0.2.1", start).allowed);
  EXPECT_FALSE(limiter.count("192.0.2.1", start).allowed);
}

TEST(RateLimiter, the_table_stays_within_its_capacity) {
  RateLimiter limiter(limit_of(1), 160);
  for (int i = 0; i < 5000; ++i) {
    limiter.count("198.18." + std::to_string(i / 250) + "." + std::to_string(i % 250), start);
  }
  EXPECT_LE(limiter.size(), 160u);
  EXPECT_GE(limiter.size(), 100u);
}

TEST(RateLimiter, switched_off_counts_nothing) {
  RateLimit off = limit_of(1);
  off.enabled = false;
  RateLimiter limiter(off);
  EXPECT_FALSE(limiter.count("192.0.2.1", start).counted);
  EXPECT_TRUE(limiter.count("192.0.2.1", start).allowed);
}

// Several servers that exchange their counts, with one clock.
class Group {
 public:
  Group(std::size_t servers, std::uint32_t limit) {
    for (std::size_t i = 0; i < servers; ++i)
      limiters.push_back(std::make_unique<RateLimiter>(limit_of(limit)));
  }
  bool ask(std::size_t server, const std::string& address) {
    return limiters[server]->count(address, now).allowed;
  }
  void exchange() {
    std::vector<std::string> told;
    for (const auto& limiter : limiters)
      told.push_back(limiter->own_counts(limiters.size(), now, wall()));
    for (std::size_t i = 0; i < limiters.size(); ++i) {
      std::vector<std::string> others = told;
      others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
      limiters[i]->learn_counts(others, now, wall());
    }
  }
  std::chrono::system_clock::time_point wall() const {
    return std::chrono::system_clock::time_point(std::chrono::hours(1) * 500'000 + (now - start));
  }

  std::vector<std::unique_ptr<RateLimiter>> limiters;
  RateLimiter::Instant now = start;
};

TEST(SharedRateLimit, a_client_that_is_spread_gets_the_limit_and_a_second_of_traffic) {
  constexpr std::size_t servers = 4;
  constexpr std::uint32_t limit = 100;
  constexpr int each = 6;  // requests a second at each server
  Group group(servers, limit);
  std::size_t admitted = 0;
  for (int second = 0; second < 60; ++second) {
    for (int i = 0; i < each; ++i)
      for (std::size_t server = 0; server < servers; ++server)
        admitted += group.ask(server, "192.0.2.1") ? 1 : 0;
    group.exchange();
    group.now += seconds(1);
  }
  EXPECT_GE(admitted, limit);
  EXPECT_LE(admitted, limit + servers * each);
}

TEST(SharedRateLimit, few_requests_at_each_of_many_servers_stay_within_an_eighth) {
  constexpr std::size_t servers = 32;
  constexpr std::uint32_t limit = 1000;
  Group group(servers, limit);
  std::size_t admitted = 0;
  for (int round = 0; round < 290; ++round) {
    for (std::size_t server = 0; server < servers; ++server)
      admitted += group.ask(server, "192.0.2.1") ? 1 : 0;
    group.exchange();
    group.now += seconds(1);
  }
  EXPECT_GE(admitted, limit);
  EXPECT_LE(admitted, limit + limit / 8 + servers);
}

TEST(SharedRateLimit, a_client_that_changes_servers_is_known_at_the_next) {
  Group group(3, 10);
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(group.ask(0, "2001:db8::1"));
  group.exchange();
  EXPECT_FALSE(group.ask(1, "2001:db8::2"));
  EXPECT_TRUE(group.ask(1, "192.0.2.7"));
  const auto refused = group.limiters[2]->count("2001:db8::3", group.now);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.remaining, 0u);
}

TEST(SharedRateLimit, a_window_ends_everywhere_when_the_first_ends) {
  Group group(2, 10);
  for (int i = 0; i < 6; ++i)
    EXPECT_TRUE(group.ask(0, "192.0.2.1"));
  group.now += seconds(200);
  for (int i = 0; i < 4; ++i)
    EXPECT_TRUE(group.ask(1, "192.0.2.1"));
  for (int i = 0; i < 50; ++i) {
    group.exchange();
    group.now += seconds(1);
  }
  EXPECT_FALSE(group.ask(1, "192.0.2.1"));
  EXPECT_FALSE(group.ask(0, "192.0.2.1"));
  group.now = start + seconds(301);  // 300 s after the first request at the first server
  EXPECT_TRUE(group.ask(1, "192.0.2.1"));
  EXPECT_TRUE(group.ask(0, "192.0.2.1"));
  group.exchange();
  EXPECT_EQ(group.limiters[0]->count("192.0.2.1", group.now).remaining, 7u);
}

TEST(SharedRateLimit, what_others_told_before_is_forgotten) {
  Group group(2, 10);
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(group.ask(0, "192.0.2.1"));
  group.exchange();
  group.exchange();  // not added twice
  EXPECT_FALSE(group.ask(1, "192.0.2.1"));
  group.limiters[1]->learn_counts({}, group.now, group.wall());
  EXPECT_TRUE(group.ask(1, "192.0.2.1"));
}

TEST(SharedRateLimit, no_more_than_a_thousand_busy_clients_are_told) {
  Group group(2, 100);
  for (int client = 0; client < 3000; ++client) {
    const int requests = client < 500 ? 50 : 10;
    for (int i = 0; i < requests; ++i)
      group.ask(0, "198.18." + std::to_string(client / 250) + "." + std::to_string(client % 250));
  }
  const std::string told = group.limiters[0]->own_counts(2, group.now, group.wall());
  EXPECT_EQ(told.size(), 1000u * 17u);
  EXPECT_EQ(told, group.limiters[0]->own_counts(2, group.now, group.wall()));
  group.exchange();
  for (int i = 0; i < 50; ++i)
    EXPECT_TRUE(group.ask(1, "198.18.0.3"));
  EXPECT_FALSE(group.ask(1, "198.18.0.3"));  // the busiest are among the told
}

TEST(SharedRateLimit, texts_without_sense_do_no_harm) {
  Group group(2, 10);
  for (int i = 0; i < 10; ++i)
    group.ask(0, "192.0.2.1");
  const std::string good = group.limiters[0]->own_counts(2, group.now, group.wall());
  ASSERT_EQ(good.size(), 17u);
  for (std::size_t size = 0; size < good.size(); ++size) {
    group.limiters[1]->learn_counts({good.substr(0, size)}, group.now, group.wall());
    EXPECT_TRUE(group.ask(1, "192.0.2.1")) << size;
    group.limiters[1]->give_back("192.0.2.1", group.now);
  }
  std::string far = good;  // the end of its window lies in another century
  far[6] = '\x7f';
  group.limiters[1]->learn_counts({std::string(100, '\xff'), far, "garbage"}, group.now,
                                  group.wall());
  EXPECT_TRUE(group.ask(1, "192.0.2.1"));
  std::string much = good;
  for (std::size_t i = 13; i < 17; ++i)
    much[i] = '\xff';
  group.limiters[1]->learn_counts({much, much, much}, group.now, group.wall());
  EXPECT_FALSE(group.ask(1, "192.0.2.1"));
}

}  // namespace
}  // namespace mytoken::http
