// A mytoken server as an object: one Client per server address, nothing global. Every call that
// presents a mytoken takes a lease; a rotated token is committed to it before the call returns.
// Metadata is fetched at the first need and kept in memory and, if wanted, on disk. Sources: spec
// cli.md §2.2, api.md §3 to §8.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "client/answers.h"
#include "client/call.h"
#include "client/metadata.h"
#include "client/token_source.h"
#include "client/transport.h"

namespace mytoken::client {

struct Options {
  TransportOptions transport;             // an empty user_agent becomes "mytoken client <version>"
  std::size_t longest_answer = 1 << 20;   // bytes
  std::size_t longest_list = 16 << 20;    // bytes; tokeninfo answers
  std::filesystem::path cache_directory;  // "" = metadata is not kept on disk
  Seconds cache_lifetime{3600};
  std::shared_ptr<const Clock> clock = std::make_shared<SystemClock>();
  std::shared_ptr<Timer> timer = std::make_shared<SystemTimer>();
};

struct AccessTokenRequest {
  std::vector<std::string> scope;     // empty: what the mytoken allows
  std::vector<std::string> audience;  // empty: likewise
  std::string comment;
};

struct MytokenRequest {
  std::string oidc_issuer;  // needed for an authorization; for a sub-token "" = that of the mytoken
  json::array restrictions;
  std::optional<std::vector<std::string>> capabilities;  // absent: the server's default
  std::string name;
  std::string response_type;  // "", token, short_token, transfer_code
  std::optional<json::object> rotation;
  int max_token_len = 0;  // 0: no limit
  std::string application_name;
  bool error_on_restrictions = true;  // sub-tokens: refuse rather than tighten silently
};

struct Revocation {
  std::string mom_id;  // "" = the presented token itself
  bool recursive = false;
};

// Thread-safe.
class Client {
 public:
  // Error usage: see parse_server_url.
  static Outcome<std::unique_ptr<Client>> open(std::string_view server_url, Options options);

  const std::string& server_url() const { return server_url_; }

  // All calls: errors network, timeout, tls, protocol, server, cancelled; with a lease also what
  // the server says about the mytoken. usage: the server does not offer the function.

  Outcome<std::shared_ptr<const Metadata>> metadata(const Call& call);

  Outcome<AccessToken> access_token(TokenLease& lease, const AccessTokenRequest& request,
                                    const Call& call);

  Outcome<Mytoken> sub_token(TokenLease& lease, const MytokenRequest& request, const Call& call);
  Outcome<Mytoken> redeem_transfer_code(const Secret& code, const Call& call);
  // For an existing token; only transfer_code and expires_in are set.
  Outcome<Mytoken> create_transfer_code(TokenLease& lease, const Call& call);

  // Starts a login in a browser. Show consent_uri to the user, then wait.
  Outcome<Authorization> start_authorization(const MytokenRequest& request, const Call& call);
  // Told the remaining time a few times per second.
  using Progress = std::function<void(Seconds remaining)>;
  // Polls until the user decided or the code expired (errors consent_declined, polling_expired).
  // Network trouble and server failures are waited out; slow_down adds 5 s to the interval (RFC
  // 8628 §3.5).
  Outcome<Mytoken> wait_for_authorization(const Authorization& authorization,
                                          const Progress& progress, const Call& call);

  // `action`: introspect, event_history, subtokens, list_mytokens.
  Outcome<Document> tokeninfo(TokenLease& lease, const std::string& action,
                              const std::vector<std::string>& mom_ids, const Call& call);
  Outcome<Done> revoke(TokenLease& lease, const Revocation& revocation, const Call& call);

 private:
  Client(std::string server_url, Options options);

  // Posts `body` to the endpoint `which` of the metadata; `lease` (may be null) gets a successor.
  Outcome<json::object> post(std::string Metadata::*which, const json::object& body,
                             std::size_t limit, TokenLease* lease,
                             std::optional<TokenUpdate>* update, const Call& call);
  Outcome<std::shared_ptr<const Metadata>> fetch_metadata(const Call& call);
  Outcome<Mytoken> poll(const Secret& polling_code, const Call& call);

  const std::string server_url_;
  const Options options_;
  Transport transport_;
  MetadataCache cache_;
  std::mutex mutex_;
  std::shared_ptr<const Metadata> metadata_;
  bool is_from_disk_ = false;
};

}  // namespace mytoken::client
