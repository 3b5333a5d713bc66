// The metadata of one provider, fetched when first needed and kept (spec oidc.md §1.2): concurrent
// callers share one request, a failure keeps the last good copy and is retried with back-off.
// Thread-safe.
#pragma once
#include <memory>
#include <mutex>

#include "oidc/provider.h"
#include "oidc/refresh_queue.h"

namespace mytoken::oidc {

class Discovery {
 public:
  // All references outlive this object, and this object its calls.
  Discovery(const ProviderSettings& settings, net::HttpClient& http, const Clock& clock, Log& log);

  // Error: unavailable.
  Task<ProviderResult<std::shared_ptr<const Metadata>>> get();

 private:
  using Copy = std::shared_ptr<const Metadata>;
  // What is known without asking: a copy that is fresh or may not be renewed yet, or the error of
  // the last attempt.
  std::optional<ProviderResult<Copy>> known();
  ProviderError unavailable() const;
  void keep(const net::HttpResponse& response);

  const ProviderSettings& settings_;
  net::HttpClient& http_;
  const Clock& clock_;
  Log& log_;
  RefreshQueue turns_;
  std::mutex mutex_;  // for what follows
  Copy copy_;
  Time renew_at_{};   // no request before; also the time of the next attempt after a failure
  int failures_ = 0;  // in a row
  bool renewing_ = false;
  std::string problem_;
};

}  // namespace mytoken::oidc
