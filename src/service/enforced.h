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
// access_denied (403: the user's claims allow nothing of it), unavailable (503:
// a source of claims did not answer, or see look_ups.h), oidc_error (555: a claim of a kind that
// cannot be compared), internal_error (a template that cannot be used).
Task<Result<Enforced>> enforce(Context& context, oidc::Provider& provider,
                               const oidc::TokenAnswer& answer, const oidc::Identity& identity,
                               token::Restrictions requested, std::string client_address);

// Where the browser goes after a login that was reduced: over the page /reduced with the help of
// the provider's operator, if there is some, to `location`. The page's query is signed, so nobody
// else can make it lead anywhere.
std::string by_way_of_help(const Context& context, const oidc::ProviderSettings& provider,
                           std::string location);
// Whether by_way_of_help made a query with these values.
bool is_way_of_help(const Context& context, const std::string& issuer, const std::string& to,
                    const std::string& sig);

}  // namespace mytoken::service
