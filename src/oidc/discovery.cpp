// When to ask a provider for its metadata, and what to do when it does not answer.
#include "oidc/discovery.h"

#include <algorithm>

#include "oidc/wire.h"

namespace mytoken::oidc {

namespace {

constexpr std::chrono::milliseconds first_timeout{10'000};
// With an old copy at hand nobody should wait long for a new one.
constexpr std::chrono::milliseconds renewal_timeout{3'000};

Seconds back_off(int failures) {
  return Seconds(std::min<std::int64_t>(600, std::int64_t{5} << std::min(failures - 1, 10)));
}

}  // namespace

Discovery::Discovery(const ProviderSettings& settings, net::HttpClient& http, const Clock& clock,
                     Log& log)
    : settings_(settings), http_(http), clock_(clock), log_(log) {}

ProviderError Discovery::unavailable() const {
  ProviderError error;
  error.kind = ProviderError::Kind::unavailable;
  error.cause = "no metadata of " + settings_.issuer + ": " + problem_;
  return error;
}

std::optional<ProviderResult<Discovery::Copy>> Discovery::known() {
  if (copy_ && (clock_.now() < renew_at_ || renewing_)) return copy_;
  if (failures_ > 0 && clock_.now() < renew_at_) return tl::unexpected(unavailable());
  return std::nullopt;
}

Task<ProviderResult<std::shared_ptr<const Metadata>>> Discovery::get() {
  {
    const std::lock_guard lock(mutex_);
    if (auto answer = known()) co_return std::move(*answer);
  }
  const auto turn = co_await turns_.wait({}, first_timeout * 2);
  net::HttpRequest request;
  // Reset even if the coroutine is destroyed while it waits for the answer.
  struct Renewing {
    explicit Renewing(Discovery& owner) : discovery(owner) {}
    ~Renewing() {
      const std::lock_guard lock(discovery.mutex_);
      discovery.renewing_ = false;
    }
    Renewing(const Renewing&) = delete;
    Renewing& operator=(const Renewing&) = delete;
    Discovery& discovery;
  };
  std::optional<Renewing> renewing;
  {
    const std::lock_guard lock(mutex_);
    // Whoever had the turn before may have fetched it.
    if (auto answer = known()) co_return std::move(*answer);
    if (!turn) co_return tl::unexpected(unavailable());
    renewing_ = true;
    renewing.emplace(*this);
    request.timeout = copy_ ? renewal_timeout : first_timeout;
  }
  std::string issuer = settings_.issuer;
  if (issuer.ends_with('/')) issuer.pop_back();
  request.url = issuer + "/.well-known/openid-configuration";
  request.headers.emplace_back("Accept", "application/json");
  const net::HttpResponse response = co_await http_.send(std::move(request));
  keep(response);
  const std::lock_guard lock(mutex_);
  if (copy_) co_return copy_;
  co_return tl::unexpected(unavailable());
}

void Discovery::keep(const net::HttpResponse& response) {
  tl::expected<Metadata, std::string> metadata = tl::unexpected(std::string());
  if (response.outcome != net::HttpResponse::Outcome::answered) {
    metadata = tl::unexpected(response.problem);
  } else if (response.status != 200) {
    metadata = tl::unexpected("status " + std::to_string(response.status));
  } else {
    metadata = read_metadata(response.body, settings_);
  }
  const std::lock_guard lock(mutex_);
  if (metadata) {
    copy_ = std::make_shared<const Metadata>(std::move(*metadata));
    failures_ = 0;
    problem_.clear();
    renew_at_ = clock_.now() + time_to_live(response.header("cache-control"));
    return;
  }
  problem_ = metadata.error();
  ++failures_;
  renew_at_ = clock_.now() + back_off(failures_);
  log_.warning("the metadata of a provider could not be fetched",
               {{"issuer", settings_.issuer}, {"problem", problem_}, {"failures", failures_}});
}

}  // namespace mytoken::oidc
