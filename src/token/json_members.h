// Small readings that requests and claims share: integers that are integers, texts of strangers in
// error messages, the refusal of template names. Internal to this floor.
#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "base/error.h"
#include "base/json.h"

namespace mytoken::token {

// A JSON integer within 64 bits; 2.0 is none.
inline std::optional<std::int64_t> integer(const json::value& value) {
  if (const auto* number = value.if_int64()) return *number;
  if (const auto* number = value.if_uint64()) {
    if (*number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return static_cast<std::int64_t>(*number);
    }
  }
  return std::nullopt;
}

// A name from a request as it may stand in a message: at most 64 bytes, printable ASCII only.
inline std::string shown(std::string_view text) {
  std::string result(text.substr(0, 64));
  for (char& c : result) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  if (text.size() > result.size()) result += "...";
  return result;
}

// invalid_request for the first of the blank-separated template names.
inline Error unknown_template(std::string_view names) {
  return invalid_request("unknown template '" + shown(names.substr(0, names.find(' '))) + "'");
}

}  // namespace mytoken::token
