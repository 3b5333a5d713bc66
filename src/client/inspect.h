// Looking at a presented string without asking anybody: which kind of token it is, and what a JWT
// says. Nothing here is verified; only the server can tell whether a token is genuine. Source: spec
// cli.md §1.4, tokens.md §1 and §2.1.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace mytoken::client {

struct Jwt {
  json::object header;
  json::object payload;
};

// Three unpadded base64url parts whose first two are JSON objects, nullopt otherwise.
std::optional<Jwt> decode_jwt(std::string_view text);

enum class TokenKind {
  mytoken_jwt,  // a JWT that says it is a mytoken
  foreign_jwt,  // a JWT that says it is something else, e.g. an access token
  short_token,  // 32 or more printable characters
  code,         // 1 to 31 printable characters: a transfer code
  malformed     // empty, blanks inside, not printable ASCII, or longer than 16 KiB
};
TokenKind classify(std::string_view text);

// Claim `iss` of a mytoken JWT; "" for everything else.
std::string issuer_of(std::string_view token);

}  // namespace mytoken::client
