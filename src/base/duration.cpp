// Times and durations in exact integer arithmetic, bounded before every multiplication: the texts
// come from requests and decide how long a token lives.
#include "base/duration.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace mytoken {
namespace {

constexpr std::int64_t thousand_years = std::int64_t{1000} * 365 * 86400;
constexpr std::int64_t nanoseconds = 1'000'000'000;  // in a second

// A unit is either so many seconds, or so many of it are a second.
struct Unit {
  std::string_view name;
  std::int64_t seconds;
  std::int64_t per_second;
};

// Longer names first, so that "ms" is not read as "m".
constexpr std::array<Unit, 11> units{{{"ns", 0, nanoseconds},
                                      {"us", 0, 1'000'000},
                                      {"\xC2\xB5s", 0, 1'000'000},  // micro sign
                                      {"\xCE\xBCs", 0, 1'000'000},  // Greek mu
                                      {"ms", 0, 1'000},
                                      {"s", 1, 0},
                                      {"m", 60, 0},
                                      {"h", 3600, 0},
                                      {"d", 86400, 0},
                                      {"w", 7 * 86400, 0},
                                      {"y", 365 * 86400, 0}}};

std::optional<std::int64_t> digits(std::string_view text) {
  std::int64_t value = 0;
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A decimal number without sign or exponent: its whole part, and its fraction in nanounits (more
// digits are cut).
struct Decimal {
  std::int64_t whole = 0;
  std::int64_t nanos = 0;
};

// Takes the number from the front of `text`; nullopt if there is none or it does not fit.
std::optional<Decimal> take_decimal(std::string_view& text) {
  const std::size_t length = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, length);
  const std::size_t point = std::min(number.find('.'), length);
  const std::string_view whole = number.substr(0, point);
  const std::string_view fraction = number.substr(std::min(point + 1, length));
  if (whole.empty() && fraction.empty()) return std::nullopt;
  Decimal decimal;
  if (!whole.empty()) {
    const auto value = digits(whole);
    if (!value) return std::nullopt;
    decimal.whole = *value;
  }
  std::int64_t weight = nanoseconds / 10;
  for (const char c : fraction) {
    if (c == '.') return std::nullopt;
    decimal.nanos += (c - '0') * weight;
    weight /= 10;
  }
  text.remove_prefix(length);
  return decimal;
}

std::optional<Time> calendar_time(std::string_view text) {
  if (text.size() != 16 || text[4] != '-' || text[7] != '-' || text[10] != ' ' || text[13] != ':') {
    return std::nullopt;
  }
  const auto year = digits(text.substr(0, 4));
  const auto month = digits(text.substr(5, 2));
  const auto day = digits(text.substr(8, 2));
  const auto hour = digits(text.substr(11, 2));
  const auto minute = digits(text.substr(14, 2));
  if (!year || !month || !day || !hour || !minute || *hour > 23 || *minute > 59)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const Time time =
      std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute);
  if (to_unix(time) <= 0) return std::nullopt;  // 0 means "not set" in clauses and claims
  return time;
}

}  // namespace

std::optional<Seconds> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  // Integers throughout: 1.15m are 69 s, which binary fractions cut to 68.
  std::int64_t seconds = 0;
  std::int64_t nanos = 0;
  while (!text.empty()) {
    const auto number = take_decimal(text);
    if (!number) return std::nullopt;
    const auto* const unit = std::find_if(
        units.begin(), units.end(), [&](const Unit& each) { return text.starts_with(each.name); });
    if (unit == units.end()) return std::nullopt;
    text.remove_prefix(unit->name.size());
    if (unit->seconds > 0) {
      if (number->whole > thousand_years / unit->seconds) return std::nullopt;
      seconds += number->whole * unit->seconds;
      nanos += number->nanos * unit->seconds;
    } else {
      const std::int64_t each = nanoseconds / unit->per_second;
      if (number->whole / unit->per_second > thousand_years) return std::nullopt;
      seconds += number->whole / unit->per_second;
      nanos += number->whole % unit->per_second * each + number->nanos / unit->per_second;
    }
    seconds += nanos / nanoseconds;
    nanos %= nanoseconds;
    if (seconds > thousand_years) return std::nullopt;
  }
  return Seconds(seconds);
}

std::optional<Time> parse_time(std::string_view text, Time now) {
  if (const auto absolute = digits(text)) return from_unix(*absolute);
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (const auto seconds = digits(text)) {
      if (*seconds > thousand_years) return std::nullopt;
      return now + Seconds(*seconds);
    }
    if (const auto duration = parse_duration(text)) return now + *duration;
    return std::nullopt;
  }
  return calendar_time(text);
}

}  // namespace mytoken
