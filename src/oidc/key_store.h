// The signing keys of one provider (its jwks_uri): fetched when first needed, again when a token
// names an unknown key or no key fits, but at most once a minute (spec oidc.md §21.1), so that
// forged tokens cause no traffic. Thread-safe.
#pragma once
#include <memory>
#include <mutex>

#include "crypto/jose.h"
#include "oidc/provider.h"
#include "oidc/refresh_queue.h"

namespace mytoken::oidc {

// Our algorithms among those the provider announces for id tokens; RS256 if it announces none
// (OpenID Connect Core §3.1.3.7 no. 7). Never `none`, never HS*.
std::vector<crypto::Algorithm> accepted_algorithms(const Metadata& metadata);

class KeyStore {
 public:
  // All references outlive this object, and this object its calls.
  KeyStore(const ProviderSettings& settings, net::HttpClient& http, const Clock& clock, Log& log);

  // Verifies the signature of `token` and returns its payload. Error: access_denied (no key fits),
  // oidc_error 502 (keys cannot be had).
  Task<Result<std::string>> verify(Secret token, std::shared_ptr<const Metadata> metadata);

 private:
  using Keys = std::shared_ptr<const crypto::KeySet>;
  // The keys, fetched if there are none, they are old or `renew` is set, as far as the limit
  // allows. nullptr: none.
  Task<Keys> get(std::shared_ptr<const Metadata> metadata, bool renew);
  bool may_fetch(bool renew);
  void keep(const net::HttpResponse& response, const Metadata& metadata);

  const ProviderSettings& settings_;
  net::HttpClient& http_;
  const Clock& clock_;
  Log& log_;
  RefreshQueue turns_;
  std::mutex mutex_;  // for what follows
  Keys keys_;
  std::string uri_;
  Time expires_{};
  Time next_fetch_{};
};

}  // namespace mytoken::oidc
