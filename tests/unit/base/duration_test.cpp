// Durations and points in time that people write, up to and over their limits.
#include "base/duration.h"

#include <gtest/gtest.h>

#include <string>

namespace mytoken {
namespace {

std::int64_t seconds(std::string_view text) {
  const auto duration = parse_duration(text);
  return duration ? duration->count() : -1;
}

TEST(Duration, every_unit_has_its_length) {
  EXPECT_EQ(seconds("90s"), 90);
  EXPECT_EQ(seconds("2m"), 120);
  EXPECT_EQ(seconds("3h"), 10800);
  EXPECT_EQ(seconds("1d"), 86400);
  EXPECT_EQ(seconds("1w"), 604800);
  EXPECT_EQ(seconds("1y"), 31536000);
  EXPECT_EQ(seconds("2000ms"), 2);
  EXPECT_EQ(seconds("3000000us"), 3);
  EXPECT_EQ(seconds("3000000\xC2\xB5s"), 3);
  EXPECT_EQ(seconds("3000000\xCE\xBCs"), 3);
  EXPECT_EQ(seconds("4000000000ns"), 4);
  EXPECT_EQ(seconds("1d12h"), 129600);
  EXPECT_EQ(seconds("1y2w3d4h5m6s"), 31536000 + 2 * 604800 + 3 * 86400 + 4 * 3600 + 5 * 60 + 6);
}

TEST(Duration, decimals_are_exact_and_the_sum_is_cut_to_seconds) {
  EXPECT_EQ(seconds("1.5h"), 5400);
  EXPECT_EQ(seconds(".5m"), 30);
  EXPECT_EQ(seconds("2.s"), 2);
  EXPECT_EQ(seconds("500ms"), 0);
  EXPECT_EQ(seconds("500ms500ms"), 1);
  EXPECT_EQ(seconds("0.1s0.2s0.7s"), 1);
  EXPECT_EQ(seconds("0.5ms999.5ms"), 1);
  EXPECT_EQ(seconds("0s"), 0);
  EXPECT_EQ(seconds("0.999999999999999999999999s"), 0);
  // No hundredth of a minute is lost to binary fractions.
  for (int i = 0; i < 100; ++i) {
    const std::string text = "7." + std::string(i < 10 ? "0" : "") + std::to_string(i) + "m";
    EXPECT_EQ(seconds(text), 420 + i * 60 / 100) << text;
  }
}

TEST(Duration, anything_else_is_refused) {
  for (const char* bad :
       {"",    "5",    "s",     "h5",     "1d5",  "5 s",  " 5s",    "5s ",
        "-5s", "+5s",  "1..5s", "1.5.5s", ".",    ".s",   "1e3s",   "0x10s",
        "5S",  "5min", "5mo",   "1d,2h",  "infs", "nans", "5\xC2s", "five minutes"}) {
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  }
}

TEST(Duration, more_than_a_thousand_years_are_refused_and_nothing_overflows) {
  EXPECT_EQ(seconds("1000y"), 31536000000);
  EXPECT_EQ(seconds("999y365d"), 31536000000);
  for (const std::string& bad :
       {std::string("1000y1s"), std::string("1001y"), std::string("9223372036854775807s"),
        std::string("9223372036854775807y"), std::string("9223372036854775808s"),
        std::string("99999999999999999999999999ns"), std::string(400, '9') + "h",
        std::string("600y600y"), std::string("1000.001y")}) {
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  }
}

const Time now = from_unix(1700000000);

std::int64_t point(std::string_view text) {
  const auto time = parse_time(text, now);
  return time ? to_unix(*time) : -1;
}

TEST(PointInTime, has_four_forms) {
  EXPECT_EQ(point("1700000123"), 1700000123);
  EXPECT_EQ(point("0"), 0);
  EXPECT_EQ(point("+300"), 1700000300);
  EXPECT_EQ(point("+1d12h"), 1700129600);
  EXPECT_EQ(point("+1.5h"), 1700005400);
  EXPECT_EQ(point("2024-02-29 12:30"), 1709209800);
  EXPECT_EQ(point("9999-12-31 23:59"), 253402300740);
}

TEST(PointInTime, anything_else_is_refused) {
  for (const char* bad : {"",
                          " ",
                          "-5",
                          "+",
                          "++5",
                          "+-5",
                          "+1d5",
                          "+5 s",
                          "5s",
                          "1.5",
                          "1e9",
                          " 5",
                          "5 ",
                          "now",
                          "2023-02-29 12:30",
                          "2024-13-01 00:00",
                          "2024-00-01 00:00",
                          "2024-01-00 00:00",
                          "2024-01-32 00:00",
                          "2024-01-01 24:00",
                          "2024-01-01 00:60",
                          "2024-1-01 00:00",
                          "2024-01-01T00:00",
                          "2024-01-01 00:00:00",
                          "2024-01-01",
                          "2024-01-01 0 :00",
                          "2024-01-01 +1:00",
                          "-024-01-01 00:00",
                          "9223372036854775808",
                          "+9223372036854775807",
                          "+31536000001",
                          "+1001y"}) {
    EXPECT_EQ(parse_time(bad, now), std::nullopt) << bad;
  }
}

TEST(PointInTime, a_date_that_would_count_as_not_set_is_refused) {
  // 0 means "no expiry" in a clause, so a past date must not become 0 or less.
  for (const char* bad : {"1970-01-01 00:00", "1969-12-31 23:59", "0000-01-01 00:00"}) {
    EXPECT_EQ(parse_time(bad, now), std::nullopt) << bad;
  }
  EXPECT_EQ(point("1970-01-01 00:01"), 60);
}

}  // namespace
}  // namespace mytoken
