// One table of clause members drives the checking of clauses.
#include "client/restrictions.h"

#include <array>
#include <ctime>

#include <mytoken/restrictions.h>
#include "base/duration.h"
#include "client/durable_file.h"
#include "token/capability.h"

namespace mytoken::client {
namespace {

enum class Form { time, words, texts, count };
struct Member {
  std::string_view name;
  Form form;
};
constexpr std::array<Member, 11> members{{{"nbf", Form::time},
                                          {"exp", Form::time},
                                          {"scope", Form::words},
                                          {"audience", Form::texts},
                                          {"hosts", Form::texts},
                                          {"ip", Form::texts},
                                          {"geoip_allow", Form::texts},
                                          {"geoip_disallow", Form::texts},
                                          {"usages_AT", Form::count},
                                          {"usages_other", Form::count},
                                          {"include", Form::texts}}};

Failure bad(const std::string& text) {
  return failure(ErrorKind::usage, text);
}

Outcome<json::value> checked(const json::value& value, const Member& member, Time now) {
  const std::string name(member.name);
  switch (member.form) {
    case Form::time:
      if (value.is_int64() && value.get_int64() >= 0) return value;
      if (const auto* text = value.if_string()) {
        if (const auto time = parse_local_time(std::string(std::string_view(*text)), now))
          return json::value(*time);
      }
      return bad("restriction '" + name +
                 "': not a time like 1790000000, +1d or '2026-12-31 18:00'");
    case Form::words:
      if (value.is_string()) return value;
      return bad("restriction '" + name + "': must be a string");
    case Form::texts: {
      if (value.is_string()) return json::value(json::array{value});
      const auto* array = value.if_array();
      if (!array) return bad("restriction '" + name + "': must be a list of strings");
      for (const auto& entry : *array) {
        if (!entry.is_string() || entry.get_string().empty()) {
          return bad("restriction '" + name + "': must be a list of strings");
        }
      }
      return value;
    }
    case Form::count:
      if (value.is_int64() && value.get_int64() >= 0) return value;
      return bad("restriction '" + name + "': must be a number of 0 or more");
  }
  return value;
}

Outcome<json::object> checked_clause(const json::value& value, Time now) {
  const auto* object = value.if_object();
  if (!object) return bad("each restriction must be a JSON object");
  if (object->contains("hosts") && object->contains("ip")) {
    return bad("restriction members 'hosts' and 'ip' mean the same, give one");
  }
  json::object clause;
  for (const auto& entry : *object) {
    const Member* member = nullptr;
    for (const Member& known : members) {
      if (known.name == std::string_view(entry.key())) member = &known;
    }
    if (!member) return bad("unknown restriction member '" + sanitised(entry.key()) + "'");
    if (entry.value().is_null()) continue;
    auto accepted = checked(entry.value(), *member, now);
    if (!accepted) return failure(std::move(accepted.error()));
    clause[entry.key()] = std::move(*accepted);
  }
  return clause;
}

}  // namespace

Outcome<json::array> checked_restrictions(const json::value& value, Time now) {
  json::array list;
  if (value.is_object()) {
    list.push_back(value);
  } else if (const auto* array = value.if_array()) {
    list = *array;
  } else {
    return bad("the restrictions are neither a JSON object nor an array");
  }
  json::array clauses;
  for (const auto& entry : list) {
    auto clause = checked_clause(entry, now);
    if (!clause) return failure(std::move(clause.error()));
    clauses.emplace_back(std::move(*clause));
  }
  return clauses;
}

std::optional<std::int64_t> parse_local_time(const std::string& text, Time now) {
  const auto time = mytoken::parse_time(text, now);
  if (!time) return std::nullopt;
  const bool is_calendar = text.size() == 16 && text[4] == '-';
  if (!is_calendar) return to_unix(*time);
  // parse_time read it as UTC; take the same fields as local time.
  const std::time_t utc = static_cast<std::time_t>(to_unix(*time));
  std::tm fields{};
  if (!::gmtime_r(&utc, &fields)) return std::nullopt;
  fields.tm_isdst = -1;
  const std::time_t local = std::mktime(&fields);
  if (local == static_cast<std::time_t>(-1)) return std::nullopt;
  return static_cast<std::int64_t>(local);
}

std::optional<std::chrono::sys_seconds> parse_time(std::string_view text,
                                                   std::chrono::sys_seconds now) {
  const auto time = parse_local_time(std::string(text), now);
  if (!time) return std::nullopt;
  return from_unix(*time);
}

Outcome<std::string> parse_restrictions(std::string_view text, std::chrono::sys_seconds now) {
  const auto value = parse_json(text);
  if (!value) return bad("the restrictions are not valid JSON");
  auto clauses = checked_restrictions(*value, now);
  if (!clauses) return failure(std::move(clauses.error()));
  return json::serialize(*clauses);
}

bool permits(const std::vector<std::string>& held, std::string_view asked) {
  return token::has(held, asked);
}

}  // namespace mytoken::client
