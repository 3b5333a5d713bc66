// The fixed-window limit (spec api.md §2.10).
#include "http/rate_limit.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace mytoken::http
