// Telling the representations apart by their shape, and picking the one an answer uses.
#include "token/representation.h"

#include <algorithm>
#include <array>

namespace mytoken::token {
namespace {

// Unpadded base64url: every signature length is possible, so no multiple of anything is asked for.
bool is_base64url(std::string_view text) {
  return !text.empty() && text.size() % 4 != 1 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

bool is_jwt(std::string_view text) {
  const auto first = text.find('.');
  if (first == text.npos) return false;
  const auto second = text.find('.', first + 1);
  if (second == text.npos) return false;
  return is_base64url(text.substr(0, first)) &&
         is_base64url(text.substr(first + 1, second - first - 1)) &&
         is_base64url(text.substr(second + 1));
}

constexpr std::array<std::string_view, 3> names{"token", "short_token", "transfer_code"};

}  // namespace

Presented classify(std::string_view text) {
  if (text.size() < shortest_token || text.size() > longest_token) return Presented::malformed;
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; })) {
    return Presented::malformed;
  }
  return is_jwt(text) ? Presented::jwt : Presented::short_token;
}

std::string_view name(ResponseType type) {
  return names[static_cast<std::size_t>(type)];
}

Result<ResponseType> parse_response_type(std::string_view text) {
  if (text.empty()) return ResponseType::token;
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    return fail(invalid_request("response_type must be token, short_token or transfer_code"));
  }
  return static_cast<ResponseType>(found - names.begin());
}

ResponseType choose_representation(ResponseType requested, std::int64_t max_token_len,
                                   std::size_t jwt_length, const RepresentationOptions& options) {
  if (max_token_len > 0) {
    const auto longest = static_cast<std::uint64_t>(max_token_len);
    if (jwt_length <= longest) return ResponseType::token;
    if (options.short_tokens && options.short_token_length <= longest)
      return ResponseType::short_token;
    return options.transfer_codes ? ResponseType::transfer_code : ResponseType::token;
  }
  if (requested == ResponseType::short_token && !options.short_tokens) return ResponseType::token;
  if (requested == ResponseType::transfer_code && !options.transfer_codes)
    return ResponseType::token;
  return requested;
}

}  // namespace mytoken::token
