// The checks of an id token's claims after its signature (OpenID Connect Core §3.1.3.7). Pure,
// thread-safe.
#pragma once
#include <string>
#include <string_view>

#include "oidc/provider.h"

namespace mytoken::oidc {

struct IdTokenExpectation {
  std::string issuer;  // as the metadata spells it
  std::string client_id;
  std::string nonce;  // of the authorization request
  std::string_view access_token;
  std::string_view algorithm;  // of the token's header, for at_hash
  Time now;
};

// Clocks of provider and server may differ by this much.
inline constexpr Seconds clock_skew{60};

// Issuer, audience, azp, exp, iat, nbf, nonce, at_hash, sub. Error access_denied with a reason.
Result<Identity> check_id_token(std::string_view payload, const IdTokenExpectation& expected);

// Subject, e-mail and auth_time of claims that need no check. Error access_denied: no usable
// subject.
Result<Identity> read_identity(const json::object& claims, std::string_view client_id);

// Sets e-mail and email_verified if `claims` has them.
void read_email(const json::object& claims, Identity& identity);

}  // namespace mytoken::oidc
