// Calls with client authentication to one provider. A POST that may have been seen is never
// repeated (RFC 9700 §4.14: a refresh token used twice ends the session at providers that rotate);
// after five transport failures in a row the provider is left alone for ten seconds (spec oidc.md
// §21.13). Thread-safe.
#pragma once
#include <atomic>
#include <mutex>

#include "oidc/wire.h"

namespace mytoken::oidc {

class TokenEndpoint {
 public:
  // All references outlive this object, and this object its calls.
  TokenEndpoint(const ProviderSettings& settings, net::HttpClient& http, const Clock& clock,
                Log& log);

  // `secrets` of the form are kept out of error texts.
  Task<ProviderResult<TokenAnswer>> request(std::shared_ptr<const Metadata> metadata, Form form,
                                            std::vector<Secret> secrets);
  // A POST with client authentication, repeated once if nothing was sent (unless the process ends).
  Task<net::HttpResponse> post(std::shared_ptr<const Metadata> metadata, std::string url,
                               Form form);
  // From now on nothing is repeated.
  void stop_repeating() { repeats_.store(false); }

 private:
  bool is_left_alone();
  void note(const net::HttpResponse& response);

  const ProviderSettings& settings_;
  net::HttpClient& http_;
  const Clock& clock_;
  Log& log_;
  std::mutex mutex_;
  int failures_ = 0;  // in a row
  std::atomic<bool> repeats_{true};
  Time closed_until_{};
};

}  // namespace mytoken::oidc
