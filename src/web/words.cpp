// Sentences about tokens; see words.h.
#include "web/words.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "token/capability.h"

namespace mytoken::web {
namespace {

constexpr std::int64_t minute = 60;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t day = 24 * hour;

bool is_in_calendar(Time time) {
  constexpr std::int64_t end_of_year_9999 = 253402300799;
  return to_unix(time) >= 0 && to_unix(time) <= end_of_year_9999;
}

std::string count_of(std::int64_t count, std::string_view unit) {
  return fmt::format("{} {}{}", count, unit, count == 1 ? "" : "s");
}

// "3 days", rounded.
std::string about(std::int64_t seconds) {
  if (seconds >= 2 * day) return count_of((seconds + day / 2) / day, "day");
  if (seconds >= 2 * hour) return count_of((seconds + hour / 2) / hour, "hour");
  if (seconds >= minute) return count_of((seconds + minute / 2) / minute, "minute");
  return count_of(seconds, "second");
}

// "2026-01-31 12:00 UTC (in 7 days)"
std::string date_seen_from(Time time, Time now) {
  if (!is_in_calendar(time) || time == now) return date(time);
  const std::int64_t distance = to_unix(time) - to_unix(now);
  return fmt::format("{} ({})", date(time),
                     distance > 0 ? "in " + about(distance) : about(-distance) + " ago");
}

std::string list(const std::vector<std::string>& entries) {
  std::string text;
  for (const auto& entry : entries) {
    if (!entry.empty()) text += (text.empty() ? "" : ", ") + entry;
  }
  return text;
}

std::string times(std::int64_t count, std::string_view what) {
  if (count == 0) return fmt::format("never for {}", what);
  return fmt::format("at most {} for {}", count_of(count, "time"), what);
}

}  // namespace

std::string date_text(Time time) {
  if (!is_in_calendar(time)) return std::to_string(to_unix(time));
  return fmt::format("{:%Y-%m-%d %H:%M}", fmt::gmtime(time.time_since_epoch().count()));
}

std::string date(Time time) {
  return is_in_calendar(time) ? date_text(time) + " UTC" : "the end of the calendar";
}

std::string duration_text(Seconds duration) {
  const std::int64_t seconds = duration.count();
  if (seconds % day == 0) return fmt::format("{}d", seconds / day);
  if (seconds % hour == 0) return fmt::format("{}h", seconds / hour);
  if (seconds % minute == 0) return fmt::format("{}m", seconds / minute);
  return fmt::format("{}s", seconds);
}

std::vector<std::string> conditions(const token::Clause& clause, Time now) {
  std::vector<std::string> sentences;
  if (clause.nbf) sentences.push_back("from " + date_seen_from(*clause.nbf, now) + " on");
  if (clause.exp) sentences.push_back("until " + date_seen_from(*clause.exp, now));
  if (!clause.hosts.empty()) sentences.push_back("from the hosts " + list(clause.hosts));
  if (!clause.geoip_allow.empty())
    sentences.push_back("from the countries " + list(clause.geoip_allow));
  if (!clause.geoip_disallow.empty())
    sentences.push_back("not from the countries " + list(clause.geoip_disallow));
  if (!clause.scope.empty()) sentences.push_back("for the scopes " + list(clause.scope));
  if (!clause.audience.empty()) sentences.push_back("for the services " + list(clause.audience));
  if (clause.usages_at) sentences.push_back(times(*clause.usages_at, "access tokens"));
  if (clause.usages_other) sentences.push_back(times(*clause.usages_other, "everything else"));
  return sentences;
}

std::vector<std::string> sentences_of(const token::Rotation& rotation) {
  std::vector<std::string> sentences;
  if (rotation.on_at) sentences.emplace_back("It is replaced whenever it gets an access token.");
  if (rotation.on_other)
    sentences.emplace_back("It is replaced whenever it is used for something else.");
  if (rotation.lifetime.count() > 0) {
    sentences.push_back(
        fmt::format("It ends {} after its last replacement.", about(rotation.lifetime.count())));
  }
  if (rotation.auto_revoke)
    sentences.emplace_back("If a replaced token is used again, all of them are revoked.");
  return sentences;
}

std::string danger_text(std::string_view capability) {
  switch (token::danger(capability)) {
    case token::Danger::normal:
      return "";
    case token::Danger::powerful:
      return "powerful";
    case token::Danger::very_powerful:
      return "very powerful";
  }
  return "";
}

}  // namespace mytoken::web
