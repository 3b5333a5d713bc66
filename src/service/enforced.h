// Restrictions that a provider's operator enforces on its users by their claims
// (spec oidc.md §1.6, tokens.md §5.11), when the root token is made.
#pragma once
#include <string>

#include "service/context.h"
#include "token/restriction.h"

namespace mytoken::service {

struct Enforced {
  token::Restrictions restrictions;
  bool reduced = false;  // something that was asked for is not allowed
};

// What of `requested` the user may have; all of it if the provider enforces
// nothing. `client_address` stands for `this` in a template. Errors:
// access_denied (403: the user's claims allow nothing), oidc_error (555: a
// claim of a kind that cannot be compared), internal_error (a template that
// cannot be used).
Task<Result<Enforced>> enforce(Context& context, oidc::Provider& provider,
                               const oidc::TokenAnswer& answer, const oidc::Identity& identity,
                               token::Restrictions requested, std::string client_address);

}  // namespace mytoken::service
