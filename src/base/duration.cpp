#include "base/duration.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace mytoken {
namespace {

constexpr double thousand_years = 1000.0 * 365 * 86400;

struct Unit {
  std::string_view name;
  double seconds;
};

// Longer names first, so that "ms" is not read as "m".
constexpr std::array<Unit, 12> units{{{"ns", 1e-9},
                                      {"us", 1e-6},
                                      {"\xC2\xB5s", 1e-6},
                                      {"\xCE\xBCs", 1e-6},
                                      {"ms", 1e-3},
                                      {"s", 1},
                                      {"m", 60},
                                      {"h", 3600},
                                      {"d", 86400},
                                      {"w", 7 * 86400},
                                      {"y", 365 * 86400.0},
                                      {"", 0}}};

std::optional<std::int64_t> digits(std::string_view text) {
  std::int64_t value = 0;
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
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
  if (!year || !month || !day || !hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute);
}

}  // namespace

std::optional<Seconds> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  double sum = 0;
  while (!text.empty()) {
    std::size_t length = 0;
    std::size_t points = 0;
    while (length < text.size() && ((text[length] >= '0' && text[length] <= '9') || text[length] == '.')) {
      points += text[length] == '.' ? 1 : 0;
      ++length;
    }
    if (length == points || points > 1) return std::nullopt;  // no digit, or two points
    double number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + length, number);
    if (problem != std::errc() || end != text.data() + length) return std::nullopt;
    text.remove_prefix(length);
    const Unit* found = nullptr;
    for (const Unit& unit : units) {
      if (!unit.name.empty() && text.starts_with(unit.name)) {
        found = &unit;
        break;
      }
    }
    if (!found) return std::nullopt;
    text.remove_prefix(found->name.size());
    sum += number * found->seconds;
    if (sum > thousand_years) return std::nullopt;
  }
  return Seconds(static_cast<std::int64_t>(sum));
}

std::optional<Time> parse_time(std::string_view text, Time now) {
  if (const auto absolute = digits(text)) return from_unix(*absolute);
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (const auto seconds = digits(text)) {
      if (static_cast<double>(*seconds) > thousand_years) return std::nullopt;
      return now + Seconds(*seconds);
    }
    if (const auto duration = parse_duration(text)) return now + *duration;
    return std::nullopt;
  }
  return calendar_time(text);
}

}  // namespace mytoken
