// Reading `restrictions`: strictly from requests, where a member that is dropped or misread would
// leave the token wider than its owner wanted, and tolerantly towards old tokens of ours, whose
// signature vouches for them.
#include <algorithm>
#include <limits>

#include "base/duration.h"
#include "base/encoding.h"
#include "token/host_entry.h"
#include "token/json_members.h"
#include "token/restriction.h"

namespace mytoken::token {
namespace {

constexpr std::size_t most_entries = 1000;  // of one list, and words of a scope
constexpr std::size_t most_entries_together =
    10000;  // more would not fit into a token that can be presented
constexpr std::size_t longest_text = 64 * 1024;

// "restrictions[2]: exp is not …"
Error bad(const std::string& where, std::string_view member, std::string_view what) {
  return invalid_request(where + ": " + std::string(member) + ' ' + std::string(what));
}

// Keeps the text: further blanks become empty words, so that join() gives it back. All blanks: no
// words.
std::vector<std::string> scope_words(std::string_view text) {
  std::vector<std::string> result;
  if (text.find_first_not_of(' ') == text.npos) return result;
  while (true) {
    const auto blank = text.find(' ');
    result.emplace_back(text.substr(0, blank));
    if (blank == text.npos) return result;
    text.remove_prefix(blank + 1);
  }
}

bool is_country(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return text.size() == 2 && is_letter(text[0]) && is_letter(text[1]);
}

bool is_host(std::string_view text) {
  return equals_ignoring_case(text, "this") || HostEntry::parse(text).has_value();
}

// One clause of a request.
class ClauseReader {
 public:
  ClauseReader(std::string where, Time now) : where_(std::move(where)), now_(now) {}

  Result<Clause> read(const json::object& object) {
    for (const auto& entry : object) {
      if (auto done = member(entry.key(), entry.value()); !done)
        return fail(std::move(done.error()));
    }
    return std::move(clause_);
  }
  std::size_t entries() const { return entries_; }

 private:
  Result<void> member(std::string_view given, const json::value& value) {
    const std::string_view name = known(given);
    if (name.empty()) {
      return fail(invalid_request(where_ + ": unknown member '" + shown(given) + "'"));
    }
    if (value.is_null()) return {};
    if (std::find(seen_.begin(), seen_.end(), name) != seen_.end()) {
      return fail(bad(where_, given, "is given twice"));
    }
    seen_.push_back(name);
    if (name == "include") return no_templates(value);
    if (name == "nbf") return time(name, value, clause_.nbf);
    if (name == "exp") return time(name, value, clause_.exp);
    if (name == "scope") return scope(value);
    if (name == "audience") return list(name, value, clause_.audience, nullptr, "");
    if (name == "hosts") {
      return list(given, value, clause_.hosts, is_host,
                  "must hold addresses, networks or host names");
    }
    if (name == "geoip_allow") return countries(name, value, clause_.geoip_allow);
    if (name == "geoip_disallow") return countries(name, value, clause_.geoip_disallow);
    if (name == "usages_AT") return count(name, value, clause_.usages_at);
    return count(name, value, clause_.usages_other);
  }

  // The name in our spelling: exact, else ignoring case (api.md §2.2), `ip` as `hosts`; "" if
  // unknown.
  static std::string_view known(std::string_view given) {
    static constexpr std::string_view names[] = {
        "nbf",       "exp",          "scope",  "audience", "hosts", "geoip_allow", "geoip_disallow",
        "usages_AT", "usages_other", "include"};
    for (const std::string_view name : names) {
      if (equals_ignoring_case(name, given)) return name;
    }
    return equals_ignoring_case("ip", given) ? "hosts" : "";
  }

  Result<void> no_templates(const json::value& value) const {
    const json::string* text = value.if_string();
    const json::array* array = value.if_array();
    if (array && !array->empty()) text = array->front().if_string();
    if ((array && array->empty()) || (!array && text && text->empty())) return {};
    if (!text) return fail(bad(where_, "include", "must be a template name or a list of them"));
    return fail(unknown_template(*text));
  }

  Result<void> time(std::string_view name, const json::value& value,
                    std::optional<Time>& to) const {
    constexpr std::string_view forms =
        "must be Unix seconds, '+<seconds>', '+<duration>' such as '+1d12h', or 'YYYY-MM-DD HH:MM'";
    std::optional<Time> time;
    if (const json::string* text = value.if_string()) {
      if (text->empty()) return {};
      if (text->size() > 100) return fail(bad(where_, name, forms));
      time = parse_time(*text, now_);
      // "0" means absent like the number; a date or sum that comes out as 0 is no way to lift the
      // limit.
      const bool zeros = std::all_of(text->begin(), text->end(), [](char c) { return c == '0'; });
      if (!time || (to_unix(*time) <= 0 && !zeros)) return fail(bad(where_, name, forms));
    } else {
      const auto number = integer(value);
      if (!number) return fail(bad(where_, name, forms));
      if (*number < 0) return fail(bad(where_, name, "must not be negative"));
      time = from_unix(*number);
    }
    if (to_unix(*time) != 0) to = time;
    return {};
  }

  Result<void> scope(const json::value& value) {
    const json::string* text = value.if_string();
    if (!text) return fail(bad(where_, "scope", "must be a string of scopes separated by blanks"));
    if (text->size() > longest_text) return fail(bad(where_, "scope", "is too long"));
    clause_.scope = scope_words(*text);
    if (clause_.scope.size() > most_entries)
      return fail(bad(where_, "scope", "has too many words"));
    entries_ += clause_.scope.size();
    return {};
  }

  Result<void> countries(std::string_view name, const json::value& value,
                         std::vector<std::string>& to) {
    return list(name, value, to, is_country, "must hold two-letter country codes");
  }

  Result<void> list(std::string_view name, const json::value& value, std::vector<std::string>& to,
                    bool (*is_valid)(std::string_view), std::string_view rule) {
    const json::array* array = value.if_array();
    if (!array) return fail(bad(where_, name, "must be an array of strings"));
    if (array->size() > most_entries) return fail(bad(where_, name, "has too many entries"));
    to.reserve(array->size());
    for (const json::value& element : *array) {
      const json::string* text = element.if_string();
      if (!text) return fail(bad(where_, name, "must be an array of strings"));
      if (text->empty()) return fail(bad(where_, name, "must not hold an empty string"));
      if (text->size() > longest_text)
        return fail(bad(where_, name, "has an entry that is too long"));
      if (is_valid && !is_valid(*text)) return fail(bad(where_, name, rule));
      to.emplace_back(*text);
    }
    entries_ += to.size();
    return {};
  }

  Result<void> count(std::string_view name, const json::value& value,
                     std::optional<std::int64_t>& to) const {
    const auto number = integer(value);
    if (!number) return fail(bad(where_, name, "must be an integer"));
    if (*number < 0) return fail(bad(where_, name, "must not be negative"));
    to = *number;
    return {};
  }

  std::string where_;
  Time now_;
  Clause clause_;
  std::vector<std::string_view> seen_;
  std::size_t entries_ = 0;
};

Error malformed(std::string cause) {
  Error error = invalid_token("the restrictions of the token are malformed");
  error.cause = std::move(cause);
  return error;
}

// A list of a token of ours; null is an empty one.
Result<std::vector<std::string>> claimed_list(const json::value& value, std::string_view name) {
  std::vector<std::string> list;
  if (value.is_null()) return list;
  const json::array* array = value.if_array();
  if (!array) return fail(malformed(std::string(name) + " is no array"));
  list.reserve(array->size());
  for (const json::value& element : *array) {
    const json::string* text = element.if_string();
    if (!text) return fail(malformed(std::string(name) + " holds something else than strings"));
    list.emplace_back(*text);
  }
  return list;
}

Result<Clause> claimed_clause(const json::object& object) {
  Clause clause;
  for (const auto& entry : object) {
    const std::string_view name = entry.key();
    const json::value& value = entry.value();
    if (value.is_null()) continue;
    if (name == "nbf" || name == "exp" || name == "usages_AT" || name == "usages_other") {
      const auto number = integer(value);
      if (!number) return fail(malformed(std::string(name) + " is no integer"));
      if (name == "usages_AT") clause.usages_at = *number;
      if (name == "usages_other") clause.usages_other = *number;
      if (*number == 0) continue;
      if (name == "nbf") clause.nbf = from_unix(*number);
      if (name == "exp") clause.exp = from_unix(*number);
    } else if (name == "scope") {
      const json::string* text = value.if_string();
      if (!text) return fail(malformed("scope is no string"));
      clause.scope = scope_words(*text);
    } else if (name == "audience" || name == "hosts" || name == "ip" || name == "geoip_allow" ||
               name == "geoip_disallow") {
      auto list = claimed_list(value, name);
      if (!list) return fail(std::move(list.error()));
      std::vector<std::string>& to = name == "audience"         ? clause.audience
                                     : name == "geoip_allow"    ? clause.geoip_allow
                                     : name == "geoip_disallow" ? clause.geoip_disallow
                                                                : clause.hosts;
      if (!to.empty() && !list->empty()) return fail(malformed("hosts and ip are both given"));
      if (to.empty()) to = std::move(*list);
    }
  }
  return clause;
}

}  // namespace

Result<Restrictions> parse_restrictions(const json::value* value, Time now) {
  Restrictions restrictions;
  if (!value || value->is_null()) return restrictions;
  if (const json::string* text = value->if_string()) {
    if (text->empty()) return restrictions;
    return fail(unknown_template(*text));
  }
  const json::array* array = value->if_array();
  const json::object* single = value->if_object();
  if (!array && !single) return fail(invalid_request("restrictions must be an array of clauses"));
  const std::size_t count = array ? array->size() : 1;
  if (count > most_clauses) return fail(invalid_request("restrictions has too many clauses"));
  std::size_t entries = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string where = array ? "restrictions[" + std::to_string(i) + "]" : "restrictions";
    const json::object* object = array ? (*array)[i].if_object() : single;
    if (!object) {
      if (const json::string* text = (*array)[i].if_string()) return fail(unknown_template(*text));
      return fail(invalid_request(where + " must be an object"));
    }
    ClauseReader reader(where, now);
    auto clause = reader.read(*object);
    if (!clause) return fail(std::move(clause.error()));
    entries += reader.entries();
    if (entries > most_entries_together)
      return fail(invalid_request("restrictions has too many entries"));
    if (!clause->empty()) restrictions.push_back(std::move(*clause));
  }
  return restrictions;
}

Result<Restrictions> parse_restrictions_claim(const json::value& value) {
  Restrictions restrictions;
  if (value.is_null()) return restrictions;
  const json::array* array = value.if_array();
  if (!array) return fail(malformed("restrictions is no array"));
  restrictions.reserve(array->size());
  for (const json::value& element : *array) {
    const json::object* object = element.if_object();
    if (!object) return fail(malformed("a clause is no object"));
    auto clause = claimed_clause(*object);
    if (!clause) return fail(std::move(clause.error()));
    restrictions.push_back(std::move(*clause));
  }
  return restrictions;
}

}  // namespace mytoken::token
