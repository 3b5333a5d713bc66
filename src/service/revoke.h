// Revocation (spec tokens.md §9, api.md §7): of the presented token or code, of another token named
// by its mom_id, and of a family whose rotated-away token was reused. Refresh tokens that lost
// their last mytoken are revoked at the provider through the outbox.
#pragma once
#include <string>

#include "service/operation.h"
#include "store/tokens.h"

namespace mytoken::service {

struct RevocationRequest {
  Presentation presentation;  // text: JWT, short token, transfer code or polling code
  std::string oidc_issuer;
  bool recursive = false;
};
// Success also for what is unknown, expired, revoked or no token at all (RFC 7009 §2.2). Error
// invalid_request: the token is not of the given issuer.
Task<Result<void>> revoke_presented(Context& context, RevocationRequest request);

// Revokes the token named by `mom_id`, which the presented one may do as its ancestor or with
// manage_mytokens:revoke; restrictions are not looked at and nothing is counted; rotates on other.
// A token that names itself, or falls with its ancestor, is not rotated.
struct OtherRevocation {
  std::string mom_id;
  std::string oidc_issuer;
  bool recursive = false;
};
Task<Result<OperationAnswer>> revoke_other(Context& context, OperationRequest request,
                                           OtherRevocation wanted);

// Inside the transaction that deleted its last mytoken: queues the revocation of a refresh token
// that the family key opens. False: it cannot be opened; the log says so.
Result<bool> queue_orphan(sql::Transaction& db, const Context& context, const store::Orphan& orphan,
                          const Secret& family_key);

// Deletes the token of which an outdated string was presented, and its subtree (auto_revoke). The
// provider's refresh token is revoked with it if the string is the one before the current and was
// replaced within about a day: its holder can open what replaced it.
Task<void> revoke_family(Context& context, Authenticated outdated);

}  // namespace mytoken::service
