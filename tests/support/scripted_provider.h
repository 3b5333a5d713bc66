// An OpenID provider that does what a test tells it: discovery, keys, an authorization endpoint
// without pages, token endpoint (code with PKCE, refresh), userinfo and revocation on a loopback
// port, with knobs for every fault the server must survive, and a ledger of what it issued and saw.
// Runs on a thread of its own; all functions are thread-safe.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"

namespace mytoken::test {

// May change while the provider runs. What is said of "token requests" holds for codes and refresh
// tokens.
struct ProviderKnobs {
  enum class Rotation {
    off,                // one refresh token for ever
    single_use,         // a used one is refused, the session goes on
    family_revocation,  // a used one ends the session
    loose,              // every use gives another one, and used ones stay good
    grace,              // the last but one gives the current one for `grace`; else as above that
  };
  Rotation rotation = Rotation::off;
  std::chrono::milliseconds grace{0};
  bool repeat_refresh_token =
      false;  // with rotation off: the answer names the unchanged refresh token

  // Faults of token requests.
  std::chrono::milliseconds delay{0};  // between acting and answering
  int drop_after_acting = 0;  // so many next requests are acted on, then the connection is closed
  int drop_before_acting =
      0;  // so many next requests are not acted on, and the connection is closed
  struct ErrorAnswer {
    std::string error;
    std::string description;
    int status = 400;
  };
  std::optional<ErrorAnswer> error;       // instead of acting
  bool html_502 = false;                  // instead of acting
  std::optional<int> too_many_requests;   // 429 with this Retry-After instead of acting
  std::optional<std::string> raw_answer;  // 200 with this body, after acting

  // Token answers.
  std::optional<std::vector<std::string>> narrow_scopes;  // nothing else is granted
  bool echo_scopes = true;                                // the answer has `scope`
  enum class Audience { ignore, echo, fixed };  // echo, fixed: the access token is a JWT with `aud`
  Audience audience = Audience::ignore;
  std::vector<std::string> fixed_audience;
  int expires_in = 3600;
  bool expires_in_as_text = false;
  bool token_type = true;
  bool refresh_token = true;  // a code gives a refresh token, if offline_access was granted

  // Who logs in, and what is said about the user.
  std::string user = "user-1";
  std::optional<std::string> email = "user-1@example.org";
  bool email_in_id_token = true;  // else in userinfo only
  bool email_verified_as_text = false;
  std::optional<std::string> userinfo_subject;  // instead of the user
  bool at_hash = true;
  // More claims, each in one place; an access token has some only if it is a JWT.
  json::object id_token_claims;
  json::object access_token_claims;
  json::object userinfo_claims;
  std::optional<std::string>
      attributes;  // body of /attributes, which takes access tokens; else 404

  // Id tokens and keys.
  std::chrono::seconds clock_offset{0};  // of iat and exp
  enum class IdToken {
    right,
    bad_signature,
    wrong_audience,
    wrong_issuer,
    wrong_nonce,
    wrong_at_hash,
    subject_is_client,
    empty_subject,
    several_audiences,
    expired,
    alg_none,
    hs256_with_public_key,
    missing
  };
  IdToken id_token = IdToken::right;
  enum class Jwks { normal, without_kid, two_keys, down };
  Jwks jwks = Jwks::normal;

  // Redirect and discovery.
  enum class Iss { right, missing, wrong };
  Iss redirect_iss = Iss::right;
  bool announce_iss = true;
  std::optional<std::string> redirect_error;  // instead of a code
  enum class Discovery { up, down, wrong_issuer, insecure_endpoint };
  Discovery discovery = Discovery::up;
  std::vector<std::string> auth_methods = {"client_secret_basic",
                                           "client_secret_post"};  // announced and accepted
  std::optional<std::vector<std::string>>
      announced_algorithms;  // unset: that of the key; empty: not announced
  bool revocation_endpoint = true;
  std::optional<ErrorAnswer> revocation_error;
  bool pkce_required = true;
};

struct ProviderOptions {
  std::uint16_t port = 0;
  std::string client_id = "client";
  std::string client_secret = "client-secret";
  bool rsa_key = false;          // RS256 instead of ES256
  const Clock* clock = nullptr;  // null: the system's
  // Tests in other processes set the knobs and read the ledger over HTTP (scripted_control.cpp).
  bool control = false;
};

class ScriptedProvider {
 public:
  explicit ScriptedProvider(ProviderOptions options = {}, ProviderKnobs knobs = {});
  ~ScriptedProvider();
  ScriptedProvider(const ScriptedProvider&) = delete;
  ScriptedProvider& operator=(const ScriptedProvider&) = delete;

  // "http://127.0.0.1:<port>"
  const std::string& issuer() const;

  void set(const std::function<void(ProviderKnobs&)>& change);
  ProviderKnobs knobs() const;
  // A new signing key; the old one is gone from the key set.
  void rotate_key();

  // A session as a login would make it; result: its refresh token.
  std::string new_session(const std::string& user = "user-1",
                          std::vector<std::string> scopes = {"openid", "offline_access", "email"});

  struct Session {
    std::string user;
    std::vector<std::string> scopes;
    std::string current_refresh_token;
    std::vector<std::string> refresh_tokens;  // every one issued, in order
    std::uint64_t refreshes = 0;              // answers acted on, delivered or not
    std::uint64_t repeats = 0;       // of them: for the token before the current one, in its grace
    std::uint64_t lost_replies = 0;  // of them: dropped on purpose after acting
    bool reuse_detected = false;
    bool ended = false;  // by reuse or revocation
  };
  // In order of login.
  std::vector<Session> sessions() const;
  std::optional<Session> session_of(std::string_view refresh_token) const;

  struct Counters {
    std::uint64_t discovery = 0;
    std::uint64_t jwks = 0;
    std::uint64_t authorizations = 0;
    std::uint64_t token_requests = 0;  // all POSTs to the token endpoint
    std::uint64_t codes = 0;           // codes redeemed
    std::uint64_t refreshes = 0;       // refresh tokens honoured
    std::uint64_t refused = 0;         // invalid_grant
    std::uint64_t reuse_detected = 0;
    std::uint64_t userinfo = 0;
    std::uint64_t revocations = 0;  // sessions ended by the revocation endpoint
    std::uint64_t dropped = 0;
  };
  Counters counters() const;

  // The last request to a path: decoded form or query (repeated fields keep all values) and the
  // Authorization header.
  struct Seen {
    std::multimap<std::string, std::string> fields;
    std::string authorization;
    std::string field(const std::string& name) const;  // the first, "" if absent
  };
  Seen last(const std::string& path) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mytoken::test
