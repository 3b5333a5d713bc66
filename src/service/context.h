// What every use case works with: settings, database, providers, keys, clock, and the state that
// lives as long as the server. One per server; everything reachable from it is thread-safe or
// immutable.
#pragma once
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "crypto/jose.h"
#include "net/geoip.h"
#include "net/resolver.h"
#include "oidc/provider.h"
#include "oidc/refresh_queue.h"
#include "service/journal.h"
#include "service/lease_book.h"
#include "service/look_ups.h"
#include "service/outages.h"
#include "service/verified_tokens.h"
#include "sql/database.h"
#include "store/purge.h"
#include "store/records.h"
#include "token/representation.h"

namespace mytoken::service {

using store::ClientInfo;

// Configuration of the use cases; names of the keys in spec operations.md §2.1 and oidc.md §1.8.
struct Settings {
  std::string issuer;  // exactly as configured
  token::RepresentationOptions representations;
  std::size_t transfer_code_length = 8;  // features.polling_codes.len
  Seconds transfer_code_lifetime{300};   // features.polling_codes.expires_after
  Seconds flow_lifetime{600};            // features.oidc_flows.authorization_code.expires_after
  Seconds polling_interval{5};
  bool polling_codes = true;
  bool token_rotation = true;
  bool ssh = false;  // users may switch the grant on
  std::vector<std::string> unsupported_restrictions;
  std::vector<std::string> trusted_redirect_uris;  // RE2, from the first character on
  Seconds rotation_grace{10};
  bool strict_usage_inheritance = true;
  store::Retention retention{};  // retention.events, retention.expired_tokens
  // False: this process alone uses the database, leases are not needed.
  bool several_servers = true;
  enum class BrowserBinding { strict, warn, off };
  BrowserBinding browser_binding = BrowserBinding::strict;
  Seconds clock_skew{5};     // tolerated on iat and nbf of mytokens
  Seconds lease{75};         // how long a server may hold a refresh token: longest_refresh and the
                             // writes around it
  Seconds longest_wait{25};  // for the turn on a refresh token
};

// The longest use of a refresh token at its provider: metadata (10 s, oidc/discovery.cpp), the
// token request and its one repetition (20 s each, net::HttpRequest::timeout), storing the
// successor while the database fails (2 s of pauses between its tries and the tries themselves,
// refresh.cpp): 10 + 2 x 20 + 10 s.
inline constexpr Seconds longest_refresh{60};
// The longest end of a login that began before the server drained; then nothing is repeated:
// metadata 10, code 20, keys 10, userinfo 10, claims 10 (enforced.cpp), storing 10 s. What takes
// longer than both is cut when the server ends.
inline constexpr Seconds longest_exchange{70};

struct Context {
  Settings settings;
  sql::Database& database;
  const oidc::Providers& providers;
  crypto::Key signing_key;
  crypto::KeySet verification_keys;  // the signing key first
  Secret installation_secret;        // 32 bytes for codes and the outbox, sealed in the database
  net::Resolver& resolver;
  const Clock& clock;
  Log& log;
  std::string owner;  // names this process in leases
  Journal& journal;
  VerifiedTokens verified{};
  oidc::RefreshQueue refresh_queue{};
  std::atomic<bool> outbox_waiting{false};  // see wake_outbox
  std::atomic<Time> next_purge{};           // see purge_round
  std::atomic<Time> next_presence{};        // see presence_round
  std::atomic<bool> others_are_ahead{false};
  LookUps look_ups{};
  std::atomic<bool> draining{false};   // see start_draining
  std::atomic<int> provider_calls{0};  // see ProviderCall
  LeaseBook leases{};
  Outages outages{};
  const net::GeoIp* countries = nullptr;  // nullptr: none is known
};

// A call that may change what the provider holds for us, from before it is made until its outcome
// is stored. The process does not end while there is one (app::Instance::stop). Outlived by the
// context. Thread-safe.
class ProviderCall {
 public:
  // Error unavailable (503, Retry-After): the server drains, nothing new is begun.
  static Result<ProviderCall> begin(Context& context);
  ProviderCall(ProviderCall&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
  ProviderCall& operator=(ProviderCall&&) = delete;
  ~ProviderCall() {
    if (count_ != nullptr) count_->fetch_sub(1);
  }

 private:
  explicit ProviderCall(std::atomic<int>& count) : count_(&count) {}
  std::atomic<int>* count_;
};

// From now on no call to a provider begins that could change a refresh token: requests that would
// need one, or wait for their turn, end with unavailable (503), and nothing is repeated.
// Thread-safe.
void start_draining(Context& context);
// What a request learns that came too late.
Error ending();

// The secret of a new installation, 32 bytes, from its first signing key: earlier versions derived
// it at each start, and their codes and queued revocations stay readable.
Secret derive_installation_secret(const crypto::Key& signing_key);

// One line for a request that ends with this error: warning if it is ours or the provider's, info
// if it is the client's.
void log_refusal(const Context& context, const Error& error, const std::string& request_id,
                 const std::string& client_address);

// The issuer without its trailing slash: prefix of all URLs.
std::string base_url(const Settings& settings);
// scheme://host[:port] of the issuer, as browsers send it in Origin.
std::string origin(const Settings& settings);

}  // namespace mytoken::service
