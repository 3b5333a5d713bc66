// Reading JSON that strangers wrote (Boost.JSON): depth at most 32 unless a caller knows better,
// valid UTF-8 only, nothing after the value. Writing is boost::json::serialize. Errors never repeat
// the input.
#pragma once
#include <boost/json.hpp>
#include <string_view>

#include "base/error.h"

namespace mytoken {

namespace json = boost::json;

// Error invalid_request, "the body is not valid JSON: <what>".
Result<json::value> parse_json(std::string_view text, std::size_t max_depth = 32);

// The string member `name`, or "" if it is missing or of another type. The view dies with the
// object.
std::string_view string_member(const json::object& object, std::string_view name);

// Indented by two blanks, members in their order; for people.
std::string pretty(const json::value& value);

}  // namespace mytoken
