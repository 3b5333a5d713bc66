// The first mytoken of a family: made of what the provider answered to a login's code, and stored
// together with the end of the login (spec oidc.md §10).
#pragma once
#include <memory>
#include <string>

#include "service/flow_request.h"
#include "service/login.h"
#include "store/flows.h"

namespace mytoken::service {

// A login between the claim of its redirect and its end.
struct LoginExchange {
  Context& context;
  Redirect redirect;
  store::FlowRow flow;
  FlowRequest request;
  std::shared_ptr<oidc::Provider> provider;
  Secret flow_key;
  Secret verifier;
  std::string nonce;
  bool may_be_stored = false;  // a commit was asked for
  bool reduced = false;        // the user's claims allow less than was asked for
  bool forbidden = false;      // they allow no token
};

// From the provider's tokens to a stored mytoken: within what was asked for, what the provider
// granted, and what the user's claims allow. Sets the flags of `exchange`. Errors: access_denied
// (the claims allow no token), invalid_request (it would have expired already, the login went on
// without this redirect), those of the database.
Task<Result<LoginEnd>> make_root(LoginExchange& exchange, const oidc::TokenAnswer& answer,
                                 oidc::Identity identity);

}  // namespace mytoken::service
