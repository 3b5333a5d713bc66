// One OpenID provider as this server sees it (spec oidc.md §§1, 2, 9, 10, 15, 16, 21): discovery
// (lazy, cached), the authorization request, the code exchange with id-token validation, refresh
// and revocation. Thread-safe. Here is the protocol only; who may refresh when, and where refresh
// tokens are kept, is decided in service/.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/task.h"
#include "net/http_client.h"

namespace mytoken::oidc {

struct AudienceParameter {
  enum class Mode {
    resource,
    parameter,
    none
  };  // RFC 8707 `resource` repeated; named parameter; never sent
  Mode mode = Mode::resource;
  std::string name = "resource";
  bool space_separated = false;
};

enum class ClientAuthentication { automatic, basic, post };

// What a user may at most, by what the provider says of him (oidc.md §1.6). Lists are in the order
// of the configuration, where the first match counts.
struct EnforcedRestrictions {
  // Where to look for which claim; see Provider::claim. Empty: nothing is enforced.
  std::vector<std::pair<std::string, std::string>> claim_sources;
  // Value of the claim -> names of templates, or JSON of restrictions; "" = no restrictions.
  std::vector<std::pair<std::string, std::string>> mapping;
  std::string default_template;    // for users that match nothing
  bool forbid_on_default = false;  // these get no token
  std::string help_html;           // shown to those and to whom got less than was asked for
};

// providers[] of the configuration (oidc.md §1.1 and quirks of §19.2; unset quirks follow the
// issuer's host).
struct ProviderSettings {
  std::string issuer;
  std::string name;
  std::string client_id;
  Secret client_secret;
  std::vector<std::string> scopes;
  Seconds mytokens_max_lifetime{0};
  AudienceParameter audience;
  ClientAuthentication authentication = ClientAuthentication::automatic;
  bool rotating_refresh_tokens =
      true;  // false only where parallel use of one refresh token is known to be harmless
  std::string offline_access = "scope";  // scope | access_type | none
  std::string prompt = "consent";        // "" = not sent
  enum class OfflineOnRefresh { automatic, yes, no };
  OfflineOnRefresh refresh_offline_access = OfflineOnRefresh::automatic;
  std::vector<std::pair<std::string, std::string>> extra_auth_params;
  std::vector<std::pair<std::string, std::string>> extra_refresh_params;
  std::vector<std::string> rt_invalid_errors = {"invalid_grant"};
  EnforcedRestrictions enforced;
  bool validate_id_token = true;  // false: claims are read without checks (guest provider only)
};

// What is known of the provider at this issuer (oidc.md §19.2), for settings that hold the
// defaults; whatever is configured is set afterwards.
ProviderSettings with_builtin_quirks(ProviderSettings settings);

struct Metadata {
  std::string issuer;
  std::string authorization_endpoint;
  std::string token_endpoint;
  std::string userinfo_endpoint;
  std::string revocation_endpoint;
  std::string jwks_uri;
  std::vector<std::string> token_endpoint_auth_methods;
  std::vector<std::string> id_token_algorithms;
  bool iss_parameter = false;  // authorization_response_iss_parameter_supported
};

// Why a call to the token endpoint gave no token.
struct ProviderError {
  enum class Kind {
    refused,      // OAuth error object, status 400: `error` says why
    misbehaved,   // other status, no JSON, no token in a success
    not_reached,  // nothing was sent; may be repeated
    unknown,      // sent, no usable answer: the provider may have acted
    unavailable,  // metadata not available yet
  };
  Kind kind = Kind::misbehaved;
  std::string error;  // OAuth error code
  std::string
      description;    // OAuth error_description, cut to 500 characters, control characters removed
  std::string cause;  // for the log
  int status = 0;     // HTTP status, 0 if none
  Secret refresh_token{};  // of a success that was unusable otherwise: it may be the only valid one
                           // now
};
// As the API shows it: refused -> 400 oidc_error "<error>: <description>", unavailable -> 503, the
// rest -> 502.
Error to_error(const ProviderError& error);

struct TokenAnswer {
  Secret access_token;
  std::string token_type = "Bearer";
  std::optional<std::int64_t> expires_in;            // seconds
  std::optional<std::vector<std::string>> scope;     // as granted, if the provider said so
  std::optional<std::vector<std::string>> audience;  // `aud` if the access token is a JWT with one
  Secret refresh_token;                              // empty: none in the answer
  Secret id_token;                                   // empty: none in the answer
};
template <class T>
using ProviderResult = tl::expected<T, ProviderError>;

// What the id token (and userinfo) says about the user.
struct Identity {
  std::string subject;
  std::optional<Time> auth_time;
  std::optional<std::string> email;
  bool email_verified = false;
  json::object claims;  // of the id token
};

struct AuthorizationRequest {
  std::string redirect_uri;
  std::string state;
  std::string nonce;
  std::string code_challenge;       // S256
  std::vector<std::string> scopes;  // without the additions of §9
  std::vector<std::string> audiences;
};

class Provider {
 public:
  Provider(ProviderSettings settings, net::HttpClient& http, const Clock& clock, Log& log);
  ~Provider();
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;

  const ProviderSettings& settings() const;

  // Cached (Cache-Control, else 24 h); a failure keeps the last good copy and is retried with
  // back-off 5 s … 10 min; concurrent callers share one request. Error: ProviderError unavailable.
  Task<ProviderResult<Metadata>> metadata();

  // URL of the authorization request with every parameter of §9.
  Task<ProviderResult<std::string>> authorization_url(AuthorizationRequest request);
  // RFC 9207: `iss` of the redirect ("" = absent) against metadata. Error invalid_request "State
  // mismatched"-like text.
  Task<Result<void>> check_redirect_issuer(std::string iss);

  // Authorization code grant (RFC 6749 §4.1.3) with PKCE.
  Task<ProviderResult<TokenAnswer>> exchange_code(Secret code, Secret code_verifier,
                                                  std::string redirect_uri);
  // OpenID Connect Core §3.1.3.7: signature by jwks (refetched on an unknown kid at most once a
  // minute), iss, aud, azp, exp, iat, nonce, at_hash; then e-mail from userinfo if missing and
  // userinfo's sub is equal. An answer without id token is an error. Error: access_denied /
  // oidc_error with a reason.
  Task<Result<Identity>> identify(const TokenAnswer& answer, std::string nonce);

  // A top-level claim about the user from one source. `op`, `issuer`, `default`, `userinfo`: the id
  // token, else the access token if it is a JWT, else the userinfo endpoint. Anything else is a URL
  // that is asked like one. null: not there. nullopt: no answer, or not within `timeout`.
  Task<std::optional<json::value>> claim(const TokenAnswer& answer, const Identity& identity,
                                         std::string source, std::string name,
                                         std::chrono::milliseconds timeout);

  // Refresh grant (RFC 6749 §6). `granted_offline_access`: the code answer granted it (quirk
  // `automatic`).
  Task<ProviderResult<TokenAnswer>> refresh(Secret refresh_token, std::vector<std::string> scopes,
                                            std::vector<std::string> audiences,
                                            bool granted_offline_access);
  // RFC 7009. True: done or not supported; false: worth another try.
  Task<bool> revoke(Secret refresh_token);

  // From now on a request that was not sent is not sent again: the process ends.
  void stop_repeating();
  // Whether uses of one refresh token must take turns: as configured, or since a rotation was seen
  // in spite of it.
  bool rotates_refresh_tokens() const;
  // A successor came. True: that was not expected, and from now on it is.
  bool note_rotation();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The configured providers, in order.
class Providers {
 public:
  void add(std::shared_ptr<Provider> provider) { list_.push_back(std::move(provider)); }
  const std::vector<std::shared_ptr<Provider>>& all() const { return list_; }
  // One trailing slash more or less does not matter. nullptr: not configured.
  std::shared_ptr<Provider> find(std::string_view issuer) const;

 private:
  std::vector<std::shared_ptr<Provider>> list_;
};

}  // namespace mytoken::oidc
