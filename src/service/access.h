// Access tokens: the main job (DESIGN §7, spec api.md §5, oidc.md §15 and §21.10).
//
// A request reads once (token, counters, refresh token), waits for its turn on the refresh token,
// reserves the usage and takes the lease in one write, asks the provider outside any transaction,
// and stores what came back: a new refresh token first and by itself, then history, and the
// mytoken's own rotation. A refused request gives the usage back.
#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "service/authenticate.h"

namespace mytoken::service {

struct AccessRequest {
  Presentation presentation;
  std::string oidc_issuer;          // "" = not given
  std::vector<std::string> scopes;  // requested; empty = none
  std::vector<std::string> audiences;
  std::string comment;
  bool as_oauth_refresh =
      false;  // grant_type=refresh_token: a rotated token is repeated as refresh_token
};

struct AccessAnswer {
  json::object body;  // api.md §5
  Secret rotated;     // empty: the mytoken was not rotated
};

Task<Result<AccessAnswer>> access_token(Context& context, AccessRequest request);

}  // namespace mytoken::service
