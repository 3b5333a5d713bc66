// What an outage covers: promises that ran out while nobody could ask.
#include "service/outages.h"

#include <gtest/gtest.h>

namespace mytoken::service {
namespace {

using namespace std::chrono_literals;

struct OutageTimes : testing::Test {
  Outages outages;
  Time now = from_unix(1'000'000);
  Outages::Moment moment{std::chrono::hours(5)};

  void pass(Seconds time) {
    now += time;
    moment += time;
  }
  void observe(bool works) { outages.observe(works, now, moment); }
  bool covers(Time then) const { return outages.covers(then, moment); }
};

TEST_F(OutageTimes, without_an_outage_nothing_is_covered) {
  observe(true);
  pass(5s);
  observe(true);
  EXPECT_FALSE(covers(now));
}

TEST_F(OutageTimes, what_ended_during_an_outage_is_covered_for_a_minute_after_it) {
  observe(true);
  const Time last = now;
  pass(5s);
  observe(false);
  pass(300s);
  observe(true);
  EXPECT_TRUE(covers(last));
  EXPECT_TRUE(covers(now - 10s));
  EXPECT_FALSE(covers(last - 1s)) << "could have been asked for before";
  pass(60s);
  observe(true);
  EXPECT_TRUE(covers(last));
  pass(1s);
  EXPECT_FALSE(covers(last));
}

TEST_F(OutageTimes, the_time_before_the_start_is_an_outage_since_the_last_sign_of_life) {
  const Time last = now;
  outages.start(last);
  pass(3600s);
  observe(true);
  EXPECT_TRUE(covers(last));
  EXPECT_FALSE(covers(last - 1s));
}

TEST_F(OutageTimes, a_clock_that_jumps_ahead_is_an_outage) {
  observe(true);
  const Time last = now;
  now += 3600s;
  moment += 1s;
  observe(true);
  EXPECT_TRUE(covers(last + 10s));
  EXPECT_FALSE(covers(last - 1s));
}

}  // namespace
}  // namespace mytoken::service
