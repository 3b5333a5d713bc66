// The built-in provider for trying the service without any other (spec api.md §12, oidc.md §17):
// everybody is let in, as a new guest for every login. Its tokens open nothing anywhere.
//
//   code    := base64url( sealed under the installation's secret: {"sub", "exp", "challenge"} )
//   subject := "guest-" 32 random letters and digits
//
// A code needs no row until it is used, and every server of the installation can redeem it; used
// ones are remembered in the database. Id tokens are unsigned: the server takes them from its own
// process without looking at a signature, and from no other issuer an id token without one is
// accepted.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "service/context.h"

namespace mytoken::service {

inline constexpr std::string_view guest_path = "/api/v0/guests";
inline constexpr std::string_view guest_client_id = "mytoken";

// The issuer of all guests, also while guest mode is off.
std::string guest_issuer(const Settings& settings);

// The guest provider as one of the providers; nothing is sent to it over a network.
oidc::ProviderSettings guest_provider(const Settings& settings, Seconds mytokens_max_lifetime);

// The authorization code for a new guest. `code_challenge`: S256 (RFC 7636), "" = none.
std::string guest_code(const Context& context, std::string_view code_challenge);

struct GuestTokens {
  Secret access_token;
  Secret refresh_token;
  Secret id_token;
  Seconds expires_in{600};
};
// Who exchanges a code. Logins of this server always send a challenge (RFC 7636), so theirs needs
// one, and they are not kept out by the number of codes that others have used.
enum class Redeemer { own_login, anybody };
// Exchanges a code. Errors: invalid_grant (unknown, expired, used before, another code_verifier),
// unavailable (store::most_guest_codes).
Task<Result<GuestTokens>> redeem_guest_code(Context& context, Secret code, Secret code_verifier,
                                            Redeemer redeemer);
// New dummy tokens. A refresh token of ours stays the same, so nothing rotates; one that is none is
// answered, too, for it means nothing.
GuestTokens refresh_guest(const Context& context, const Secret& refresh_token);

}  // namespace mytoken::service
