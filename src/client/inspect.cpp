// Unverified reading of tokens.
#include "client/inspect.h"

#include <algorithm>

#include "base/encoding.h"

namespace mytoken::client {
namespace {

constexpr std::size_t longest_token = 16384;
constexpr std::size_t shortest_token = 32;

std::optional<json::object> decode_part(std::string_view part) {
  const auto bytes = decode_base64url(part);
  if (!bytes) return std::nullopt;
  auto value = parse_json(*bytes);
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(value->get_object());
}

}  // namespace

std::optional<Jwt> decode_jwt(std::string_view text) {
  if (text.size() > longest_token) return std::nullopt;
  const std::size_t first = text.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = text.find('.', first + 1);
  if (second == std::string_view::npos || second + 1 == text.size()) return std::nullopt;
  if (!decode_base64url(text.substr(second + 1)))
    return std::nullopt;  // a fourth part fails here too
  auto header = decode_part(text.substr(0, first));
  auto payload = decode_part(text.substr(first + 1, second - first - 1));
  if (!header || !payload) return std::nullopt;
  return Jwt{std::move(*header), std::move(*payload)};
}

TokenKind classify(std::string_view text) {
  const auto is_printable = [](char c) { return c > ' ' && c < 0x7f; };
  if (text.empty() || text.size() > longest_token ||
      !std::all_of(text.begin(), text.end(), is_printable)) {
    return TokenKind::malformed;
  }
  if (const auto jwt = decode_jwt(text)) {
    // Tokens older than version 0.2 lack the claim, those of other issuers may have another header
    // type.
    const bool is_mytoken = equals_ignoring_case(string_member(jwt->header, "typ"), "MT+JWT") ||
                            string_member(jwt->payload, "token_type") == "mytoken";
    return is_mytoken ? TokenKind::mytoken_jwt : TokenKind::foreign_jwt;
  }
  return text.size() < shortest_token ? TokenKind::code : TokenKind::short_token;
}

std::string issuer_of(std::string_view token) {
  if (classify(token) != TokenKind::mytoken_jwt) return "";
  const auto jwt = decode_jwt(token);
  return std::string(string_member(jwt->payload, "iss"));
}

}  // namespace mytoken::client
