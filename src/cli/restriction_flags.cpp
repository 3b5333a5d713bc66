// Flags become one clause; what JSON says is checked by the client library.
#include "cli/restriction_flags.h"

#include <sstream>

#include "client/durable_file.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

constexpr std::size_t longest_file = 1 << 16;

client::Failure bad(const std::string& text) {
  return failure(ErrorKind::usage, text);
}

std::string in_quotes(std::string_view text) {
  return "'" + client::sanitised(text) + "'";
}

client::Outcome<json::array> from_text(const std::string& text, Time now) {
  const auto value = parse_json(text);
  if (!value) return bad("the restrictions are not valid JSON");
  return checked_restrictions(*value, now);
}

json::array array_of(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts)
    array.emplace_back(text);
  return array;
}

client::Outcome<json::object> from_flags(const RestrictionFlags& flags, Time now) {
  json::object clause;
  struct Point {
    const char* name;
    const std::optional<std::string>& text;
  };
  for (const Point& point : {Point{"nbf", flags.nbf}, Point{"exp", flags.exp}}) {
    if (!point.text || point.text->empty()) continue;
    const auto time = parse_local_time(*point.text, now);
    if (!time) {
      return bad("--" + std::string(point.name) + ": " + in_quotes(*point.text) +
                 " is not a time like 1790000000, +1d12h or '2026-12-31 18:00'");
    }
    clause[point.name] = *time;
  }
  std::string scope;
  for (const std::string& part : flags.scope)
    scope += (scope.empty() ? "" : " ") + part;
  if (!scope.empty()) clause["scope"] = scope;
  struct List {
    const char* name;
    const char* flag;
    const std::vector<std::string>& entries;
  };
  for (const List& list :
       {List{"audience", "--aud", flags.audience}, List{"hosts", "--host", flags.hosts},
        List{"geoip_allow", "--geo-ip-allow", flags.geoip_allow},
        List{"geoip_disallow", "--geo-ip-disallow", flags.geoip_disallow}}) {
    if (list.entries.empty()) continue;
    for (const std::string& entry : list.entries) {
      // An empty entry is a typing mistake that must not end in "anywhere".
      if (entry.empty()) return bad(std::string(list.flag) + " has an empty entry");
    }
    clause[list.name] = array_of(list.entries);
  }
  if (flags.usages_at) clause["usages_AT"] = *flags.usages_at;
  if (flags.usages_other) clause["usages_other"] = *flags.usages_other;
  return clause;
}

}  // namespace

void RestrictionFlags::declare(Command& command) {
  command.text("--restrictions,--restriction", restrictions,
               "restrictions as JSON, a file with JSON, or names of templates of the server");
  command.list("-s,--scope,--scopes", scope, "scopes that access tokens may have");
  command.list("--aud,--audience,--audiences", audience, "audiences that access tokens may have");
  command.text("--exp,--naf", exp,
               "when the token ends: Unix seconds, +1d12h, or 'YYYY-MM-DD HH:MM'");
  command.text("--nbf", nbf, "when the token begins, as --exp");
  command.list("--host,--hosts,--ip,--ips,--ip-allow", hosts,
               "from where it may be used: address, network, host name, 'this'");
  command.list("--geo-ip-allow", geoip_allow,
               "countries from which it may be used, two letters each");
  command.list("--geo-ip-disallow", geoip_disallow, "countries from which it may not be used");
  command.number("--usages-AT,--usages-at", usages_at, "how many access tokens it may get");
  command.number("--usages-other", usages_other, "how often it may be used for other things");
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> list;
  for (std::string word; stream >> word;)
    list.push_back(word);
  return list;
}

client::Outcome<std::optional<std::string>> json_argument(const Context& context,
                                                          const std::string& value,
                                                          const std::string& what) {
  const std::size_t first = value.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return bad(what + " is empty");
  if (value[first] == '{' || value[first] == '[') return std::optional<std::string>(value);
  const bool is_at = value.starts_with('@');
  const bool is_path = is_at || value.starts_with("./") || value.starts_with("../") ||
                       value.starts_with('/') || value.starts_with("~/");
  if (!is_path) return std::optional<std::string>();
  std::string problem;
  const auto content =
      client::read_file(context.expand(is_at ? value.substr(1) : value), longest_file, problem);
  if (!content) return bad(what + ": cannot read " + problem);
  return std::optional<std::string>(std::string(content->reveal()));
}

client::Outcome<json::array> build_restrictions(const Context& context,
                                                const RestrictionFlags& flags) {
  const Time now = context.clock->now();
  auto single = from_flags(flags, now);
  if (!single) return failure(std::move(single.error()));
  const bool has_single = !single->empty();
  std::string whole = flags.restrictions.value_or("");
  if (!flags.restrictions && !has_single) {
    whole = context.variable("MYTOKEN_RESTRICTIONS");
    if (whole.empty()) whole = context.variable("MYTOKEN_RESTRICTION");
    if (whole.empty()) return json::array();
  }
  if (flags.restrictions && has_single) {
    return bad("--restrictions cannot be combined with single restriction flags");
  }
  if (has_single) return json::array{json::value(std::move(*single))};
  auto text = json_argument(context, whole, "--restrictions");
  if (!text) return failure(std::move(text.error()));
  if (*text) return from_text(**text, now);
  json::object clause;
  clause["include"] = array_of(words(whole));
  return json::array{json::value(std::move(clause))};
}

}  // namespace mytoken::cli
