// Unverified reading of tokens.
#include <mytoken/inspect.h>

#include <algorithm>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/json.h"
#include "client/reading.h"

namespace mytoken::client {
namespace {

constexpr std::size_t longest_token = 16384;
constexpr std::size_t shortest_token = 32;

struct Parts {
  json::object header;
  json::object payload;
};

std::optional<json::object> decode_part(std::string_view part) {
  const auto bytes = decode_base64url(part);
  if (!bytes) return std::nullopt;
  auto value = parse_json(*bytes);
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(value->get_object());
}

std::optional<Parts> parts_of(std::string_view text) {
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
  return Parts{std::move(*header), std::move(*payload)};
}

std::optional<Time> time_member(const json::object& object, std::string_view name) {
  constexpr std::int64_t latest = 253402300799;  // the end of the year 9999
  const auto seconds = integer_member(object, name);
  if (!seconds || *seconds < 0 || *seconds > latest) return std::nullopt;
  return from_unix(*seconds);
}

}  // namespace

std::optional<Jwt> decode_jwt(std::string_view text) {
  const auto parts = parts_of(text);
  if (!parts) return std::nullopt;
  return Jwt{json::serialize(parts->header), json::serialize(parts->payload)};
}

TokenKind classify(std::string_view text) {
  const auto is_printable = [](char c) { return c > ' ' && c < 0x7f; };
  if (text.empty() || text.size() > longest_token ||
      !std::all_of(text.begin(), text.end(), is_printable)) {
    return TokenKind::malformed;
  }
  if (const auto jwt = parts_of(text)) {
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
  return std::string(string_member(parts_of(token)->payload, "iss"));
}

std::optional<Claims> claims_of(std::string_view token) {
  if (classify(token) != TokenKind::mytoken_jwt) return std::nullopt;
  const json::object payload = parts_of(token)->payload;
  Claims claims;
  claims.issuer = string_member(payload, "iss");
  claims.name = string_member(payload, "name");
  claims.issued = time_member(payload, "iat");
  claims.not_before = time_member(payload, "nbf");
  claims.expires = time_member(payload, "exp");
  if (const auto number = integer_member(payload, "seq_no")) claims.sequence_number = *number;
  return claims;
}

}  // namespace mytoken::client
