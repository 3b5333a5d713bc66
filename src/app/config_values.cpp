// Types were checked before (config_check.cpp); here are the ranges.
#include "app/config_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/duration.h"
#include "base/encoding.h"

namespace mytoken::app {
namespace {

constexpr Seconds thousand_years{std::int64_t{1000} * 365 * 86400};

// The node of "a.b.c", and the last one on the way to it.
std::pair<const Node*, const Node*> follow(const Node& from, std::string_view path) {
  const Node* at = &from;
  for (;;) {
    const std::size_t dot = path.find('.');
    const Node* next = at->member(path.substr(0, dot));
    if (!next || dot == std::string_view::npos) return {next, next ? next : at};
    at = next;
    path.remove_prefix(dot + 1);
  }
}

}  // namespace

std::optional<bool> parse_boolean(std::string_view text) {
  const std::string word = lower(std::string(text));
  if (word == "true" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "no" || word == "off") return false;
  return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Seconds> parse_config_duration(std::string_view text) {
  if (const auto seconds = parse_integer(text)) {
    if (*seconds < 0 || Seconds(*seconds) > thousand_years) return std::nullopt;
    return Seconds(*seconds);
  }
  std::string dense;
  for (const char c : text) {
    if (c != ' ') dense += c;
  }
  return parse_duration(dense);
}

const Node* Values::find(std::string_view path) const {
  return follow(node_, path).first;
}

Problem Values::problem(std::string_view path, std::string text) const {
  const std::string key = prefix_.empty() ? std::string(path)
                          : path.empty()  ? prefix_
                                          : fmt::format("{}.{}", prefix_, path);
  return {follow(node_, path).second->origin, key, std::move(text)};
}

std::string Values::text(std::string_view path, std::string_view otherwise) const {
  const Node* node = find(path);
  return node ? node->text : std::string(otherwise);
}

bool Values::boolean(std::string_view path, bool otherwise) const {
  const Node* node = find(path);
  return node ? parse_boolean(node->text).value_or(otherwise) : otherwise;
}

std::int64_t Values::integer(std::string_view path, std::int64_t otherwise, std::int64_t least,
                             std::int64_t most) {
  const Node* node = find(path);
  if (!node) return otherwise;
  const auto number = parse_integer(node->text);
  if (number && *number >= least && *number <= most) return *number;
  error(path, fmt::format("must be from {} to {}", least, most));
  return otherwise;
}

Seconds Values::duration(std::string_view path, Seconds otherwise, Seconds least, Seconds most) {
  const Node* node = find(path);
  if (!node) return otherwise;
  const auto length = parse_config_duration(node->text);
  if (length && *length >= least && *length <= most) return *length;
  error(path, fmt::format("must be from {} to {} seconds", least.count(), most.count()));
  return otherwise;
}

std::vector<std::string> Values::texts(std::string_view path) const {
  std::vector<std::string> result;
  if (const Node* node = find(path)) {
    for (const Node& item : node->items)
      result.push_back(item.text);
  }
  return result;
}

std::vector<std::pair<std::string, std::string>> Values::pairs(std::string_view path) const {
  std::vector<std::pair<std::string, std::string>> result;
  if (const Node* node = find(path)) {
    for (const auto& [key, value] : node->members)
      result.emplace_back(key, value.text);
  }
  return result;
}

std::string Values::required(std::string_view path, std::string_view what_to_do) {
  std::string value = text(path);
  if (!value.empty()) return value;
  // What was given and refused is not missing.
  Problem missing = problem(path, fmt::format("missing; {}", what_to_do));
  const bool given = std::any_of(errors_.begin(), errors_.end(), [&](const Problem& known) {
    return known.key == missing.key || known.key == missing.key + "_file";
  });
  if (!given) errors_.push_back(std::move(missing));
  return value;
}

std::size_t Values::choice(std::string_view path, std::size_t otherwise,
                           std::initializer_list<std::string_view> names) {
  const Node* node = find(path);
  if (!node) return otherwise;
  std::string list;
  std::size_t place = 0;
  for (const std::string_view name : names) {
    if (equals_ignoring_case(node->text, name)) return place;
    list += list.empty() ? "" : ", ";
    list += name.empty() ? "\"\"" : name;
    ++place;
  }
  error(path, "must be one of " + list);
  return otherwise;
}

Values Values::entry(std::string_view path, std::size_t index) const {
  const std::string key = fmt::format(
      "{}[{}]", prefix_.empty() ? std::string(path) : prefix_ + "." + std::string(path), index);
  return {find(path)->items[index], key, errors_, warnings_};
}

}  // namespace mytoken::app
