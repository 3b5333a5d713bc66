// Which of the four representations a presented string is, and which one to hand out (spec
// tokens.md §2).
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace mytoken::token {

enum class Presented { malformed, jwt, short_token };
inline constexpr std::size_t shortest_token = 32;  // anything shorter is a code
inline constexpr std::size_t longest_token = 16384;

// §2.1: < 32 characters malformed; three non-empty base64url parts: JWT; anything else a short
// token. A string longer than longest_token or with characters outside the printable ASCII range is
// malformed.
Presented classify(std::string_view text);

enum class ResponseType { token, short_token, transfer_code };
std::string_view name(ResponseType type);
// "" = token; unknown: invalid_request naming response_type.
Result<ResponseType> parse_response_type(std::string_view text);

struct RepresentationOptions {
  bool short_tokens = true;
  bool transfer_codes = true;
  std::size_t short_token_length = 64;
};
// §2.2, api.md §4.8.
ResponseType choose_representation(ResponseType requested, std::int64_t max_token_len,
                                   std::size_t jwt_length, const RepresentationOptions& options);

}  // namespace mytoken::token
