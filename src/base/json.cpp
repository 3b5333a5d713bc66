// Boost.JSON with the limits that hostile input needs, and the pretty printer that it lacks.
// Problems are named by Boost's own message, which never quotes the text.
#include "base/json.h"

#include <algorithm>
#include <cmath>

namespace mytoken {
namespace {

void append_pretty(std::string& to, const json::value& value, std::size_t depth) {
  const auto indent = [&to](std::size_t levels) { to.append(levels * 2, ' '); };
  if (const auto* object = value.if_object(); object && !object->empty()) {
    to += "{\n";
    std::size_t left = object->size();
    for (const auto& [key, member] : *object) {
      indent(depth + 1);
      to += json::serialize(key);
      to += ": ";
      append_pretty(to, member, depth + 1);
      to += --left > 0 ? ",\n" : "\n";
    }
    indent(depth);
    to += '}';
  } else if (const auto* array = value.if_array(); array && !array->empty()) {
    to += "[\n";
    std::size_t left = array->size();
    for (const auto& element : *array) {
      indent(depth + 1);
      append_pretty(to, element, depth + 1);
      to += --left > 0 ? ",\n" : "\n";
    }
    indent(depth);
    to += ']';
  } else {
    to += json::serialize(value);
  }
}

// Numbers too large for a double come out of the parser as infinity, which is no JSON.
bool is_finite(const json::value& value) {
  if (const auto* number = value.if_double()) return std::isfinite(*number);
  if (const auto* array = value.if_array()) {
    return std::all_of(array->begin(), array->end(), is_finite);
  }
  if (const auto* object = value.if_object()) {
    return std::all_of(object->begin(), object->end(),
                       [](const auto& member) { return is_finite(member.value()); });
  }
  return true;
}

}  // namespace

Result<json::value> parse_json(std::string_view text, std::size_t max_depth) {
  json::parse_options options;
  options.max_depth = max_depth;
  boost::system::error_code problem;
  json::value value = json::parse(text, problem, {}, options);
  if (problem) return fail(invalid_request("the body is not valid JSON: " + problem.message()));
  if (!is_finite(value)) {
    return fail(invalid_request("the body is not valid JSON: a number is too large"));
  }
  return value;
}

std::string_view string_member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* text = value ? value->if_string() : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

std::string pretty(const json::value& value) {
  std::string text;
  append_pretty(text, value, 0);
  return text;
}

}  // namespace mytoken
