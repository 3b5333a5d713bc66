// Transfer codes: made for an existing token, redeemed once (spec tokens.md §2.3, api.md §4.6 and
// §8).
#pragma once
#include "base/json.h"
#include "service/authenticate.h"

namespace mytoken::service {

// Any valid token will do: no capability, no clause, nothing counted. Answer: mytoken_type,
// transfer_code, expires_in.
Task<Result<json::object>> make_transfer_code(Context& context, Presentation presentation);

// Exactly one caller gets the token, in the representation stored with the code. Errors:
// invalid_token (unknown), expired_token.
Task<Result<json::object>> redeem_transfer_code(Context& context, Secret code, ClientInfo client);

// The claims of a stored JWT of ours: signature and identity are checked, and that it is the JWT of
// the token whose row it was found in; times are not. Errors invalid_token, unknown_code().
Result<token::Claims> claims_of_stored_jwt(const Context& context, const Secret& jwt,
                                           const std::string& mytoken_id);

Error unknown_code();
bool is_unknown_code(const Error& error);
Error expired_code();

}  // namespace mytoken::service
