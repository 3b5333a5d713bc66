// Revocation (spec tokens.md §9, api.md §7): of the presented token or code, and of a family whose
// rotated-away token was reused. Refresh tokens that lost their last mytoken are revoked at the
// provider through the outbox.
#pragma once
#include <string>

#include "service/authenticate.h"

namespace mytoken::service {

struct RevocationRequest {
  Presentation presentation;  // text: JWT, short token, transfer code or polling code
  std::string oidc_issuer;
  bool recursive = false;
};
// Success also for what is unknown, expired, revoked or no token at all (RFC 7009 §2.2). Error
// invalid_request: the token is not of the given issuer.
Task<Result<void>> revoke_presented(Context& context, RevocationRequest request);

// Deletes the token and its subtree (auto_revoke). The provider's refresh token cannot be opened
// without a token.
Task<void> revoke_family(Context& context, std::string mytoken_id);

}  // namespace mytoken::service
