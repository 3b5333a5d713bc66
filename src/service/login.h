// Logging in at a provider to get a first mytoken: the authorization code flow from its start over
// consent and redirect to the collection of the result (spec oidc.md §§4–13, api.md §4.4, 4.5, 13).
//
// Every flow has a random key. It is sealed under the consent code, the polling code and the
// current state, each known to one party only; the result is sealed under the flow's key. So the
// redirect (which knows the state) can leave a token for the poller (who knows the polling code),
// and nothing stored opens it.
#pragma once
#include <optional>
#include <string>

#include "base/json.h"
#include "service/authenticate.h"
#include "service/issue.h"

namespace mytoken::service {

struct LoginRequest {
  TokenWish wish;
  bool web = false;          // client_type web; otherwise the result is polled for
  std::string redirect_uri;  // web only
  ClientInfo client;
};

struct LoginStart {
  std::string consent_uri;        // "" if consent is skipped
  std::string authorization_uri;  // "" unless consent is skipped (trusted redirect URI)
  Secret browser;                 // with authorization_uri: binding secret for the starting browser
  Secret polling_code;            // empty for web flows
};
// Errors: invalid_request, oidc_error 503 (trusted flows only).
Task<Result<LoginStart>> start_login(Context& context, LoginRequest request);

// What a consent page shows.
struct ConsentView {
  std::string issuer;
  std::string provider_name;
  std::vector<std::string> provider_scopes;
  json::object request;  // application_name, name, restrictions, capabilities, rotation
  std::string created_ip;
  Time created{};
  Time expires_at{};
  std::string request_hash;  // SHA-256 of the request as it is shown
};
// Error not_found: unknown, expired, declined or finished.
Task<Result<ConsentView>> consent_view(Context& context, Secret consent_code);

// What the user decided. Values replace the request's; an absent rotation is left as it is.
struct ConsentEdits {
  std::optional<std::string>
      shown;  // request_hash of what the user saw: something else is not accepted
  std::string oidc_issuer;
  std::optional<token::Restrictions> restrictions;
  std::optional<token::Capabilities> capabilities;
  std::optional<std::string> name;
  bool has_rotation = false;
  std::optional<token::Rotation> rotation;
  std::optional<std::vector<token::TagWish>> tags;
};
// The request is not the one that the user saw.
Error changed_meanwhile();
// Result: URL of the authorization request. `browser`: the browser's binding secret, which must
// come back with the redirect. Errors: not_found, invalid_request, oidc_error.
Task<Result<std::string>> accept_consent(Context& context, Secret consent_code, ConsentEdits edits,
                                         Secret browser);
// Result: where the browser goes ("/native/abort?application=…" or "/").
Task<Result<std::string>> decline_consent(Context& context, Secret consent_code);

// The provider sent the browser back.
struct Redirect {
  std::string state;
  std::string code;
  std::string error;
  std::string error_description;
  std::string iss;
  Secret browser;  // empty: no binding cookie
  ClientInfo client;
};
struct LoginEnd {
  std::string location;  // where the browser goes now
  std::optional<std::string>
      cookie;  // name of the cookie to set: "mytoken" or "mytoken-transfercode"
  Secret cookie_value;
  // The user's claims allow no token (403). Nothing else is set but the operator's help for such
  // users, HTML, "" = none.
  std::optional<Error> refusal;
  std::string help_html;
};
// An error's status is that of the page (555: the provider reported an error); its description is
// the page's text.
Task<Result<LoginEnd>> finish_login(Context& context, Redirect redirect);

// Collects the result of a native flow. Errors: invalid_token, access_denied, expired_token,
// authorization_pending.
Task<Result<json::object>> poll(Context& context, Secret polling_code, ClientInfo client);

}  // namespace mytoken::service
