// Looking at a presented string without asking anybody: which kind of token it is, and what a JWT
// says. decode_jwt() and classify() verify nothing; verify_mytoken() checks the signature against
// the keys of the server. Source: spec cli.md §1.4, tokens.md §1 and §2.1.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <mytoken/error.h>

namespace mytoken::client {

// Both are JSON objects as text.
struct Jwt {
  std::string header;
  std::string payload;
};

// Three unpadded base64url parts whose first two are JSON objects, nullopt otherwise.
MYTOKEN_API std::optional<Jwt> decode_jwt(std::string_view text);

enum class TokenKind {
  mytoken_jwt,  // a JWT that says it is a mytoken
  foreign_jwt,  // a JWT that says it is something else, e.g. an access token
  short_token,  // 32 or more printable characters
  code,         // 1 to 31 printable characters: a transfer code
  malformed     // empty, blanks inside, not printable ASCII, or longer than 16 KiB
};
MYTOKEN_API TokenKind classify(std::string_view text);

// Claim `iss` of a mytoken JWT; "" for everything else.
MYTOKEN_API std::string issuer_of(std::string_view token);

// What an unverified mytoken JWT says about its own life; absent members stay empty.
struct Claims {
  std::string issuer;
  std::string name;
  std::optional<std::chrono::sys_seconds> issued;
  std::optional<std::chrono::sys_seconds> not_before;
  std::optional<std::chrono::sys_seconds> expires;
  std::optional<long long> sequence_number;
};
// nullopt unless classify() says mytoken_jwt.
MYTOKEN_API std::optional<Claims> claims_of(std::string_view token);

// The payload (JSON object as text) of the mytoken JWT `token`, if one of the keys in `jwks` (RFC
// 7517 document, see Client::jwks) signed it, `iss` is `issuer` (one trailing slash ignored) and it
// is valid at `now`. Errors: usage (no mytoken JWT), protocol (unusable key set), server with code
// invalid_token and the reason. Only the server knows whether it was revoked or replaced.
MYTOKEN_API Outcome<std::string> verify_mytoken(std::string_view token, std::string_view jwks,
                                                std::string_view issuer,
                                                std::chrono::sys_seconds now);

}  // namespace mytoken::client
