// Fetching and using a provider's key set.
#include "oidc/key_store.h"

#include "base/json.h"
#include "oidc/wire.h"

namespace mytoken::oidc {

std::vector<crypto::Algorithm> accepted_algorithms(const Metadata& metadata) {
  if (metadata.id_token_algorithms.empty()) return {crypto::Algorithm::rs256};
  std::vector<crypto::Algorithm> accepted;
  for (const std::string& name : metadata.id_token_algorithms) {
    if (const auto algorithm = crypto::parse_algorithm(name)) accepted.push_back(*algorithm);
  }
  return accepted;
}

KeyStore::KeyStore(const ProviderSettings& settings, net::HttpClient& http, const Clock& clock,
                   Log& log)
    : settings_(settings), http_(http), clock_(clock), log_(log) {}

bool KeyStore::may_fetch(bool renew) {
  const bool wanted = renew || !keys_ || clock_.now() >= expires_;
  return wanted && clock_.now() >= next_fetch_;
}

Task<KeyStore::Keys> KeyStore::get(std::shared_ptr<const Metadata> metadata, bool renew) {
  {
    const std::lock_guard lock(mutex_);
    if (uri_ != metadata->jwks_uri) {
      uri_ = metadata->jwks_uri;
      keys_ = nullptr;
      next_fetch_ = Time{};
    }
    if (!may_fetch(renew)) co_return keys_;
  }
  const auto turn = co_await turns_.wait({}, std::chrono::seconds(15));
  {
    const std::lock_guard lock(mutex_);
    if (!turn || !may_fetch(renew)) co_return keys_;
    // Set before the request: a call that is given up counts as an attempt.
    next_fetch_ = clock_.now() + (keys_ ? Seconds(60) : Seconds(5));
  }
  net::HttpRequest request;
  request.url = metadata->jwks_uri;
  request.headers.emplace_back("Accept", "application/json");
  request.timeout = std::chrono::seconds(10);
  const net::HttpResponse response = co_await http_.send(std::move(request));
  keep(response, *metadata);
  const std::lock_guard lock(mutex_);
  co_return keys_;
}

void KeyStore::keep(const net::HttpResponse& response, const Metadata& metadata) {
  std::string problem;
  if (response.outcome != net::HttpResponse::Outcome::answered) {
    problem = response.problem;
  } else if (response.status != 200) {
    problem = "status " + std::to_string(response.status);
  } else if (const auto document = parse_json(response.body); !document) {
    problem = "no JSON";
  } else {
    const std::vector<crypto::Algorithm> allowed = accepted_algorithms(metadata);
    auto keys = crypto::KeySet::from_jwks(*document, allowed);
    if (keys) {
      const std::lock_guard lock(mutex_);
      keys_ = std::make_shared<const crypto::KeySet>(std::move(*keys));
      expires_ = clock_.now() + time_to_live(response.header("cache-control"));
      next_fetch_ = clock_.now() + Seconds(60);
      return;
    }
    problem = keys.error().description + " " + keys.error().cause;
  }
  log_.warning("the keys of a provider could not be fetched",
               {{"issuer", settings_.issuer}, {"problem", problem}});
}

Task<Result<std::string>> KeyStore::verify(Secret token, std::shared_ptr<const Metadata> metadata) {
  Keys keys = co_await get(metadata, false);
  if (!keys) co_return fail(oidc_error(502, "The keys of the provider are not available"));
  auto payload = keys->verify(token.reveal());
  if (payload) co_return payload;
  // A new key, with a new kid or without: the set may be out of date.
  Keys renewed = co_await get(metadata, true);
  if (renewed && renewed != keys) {
    payload = renewed->verify(token.reveal());
    if (payload) co_return payload;
  }
  co_return fail(
      access_denied("The id token of the provider is not valid: its signature cannot be verified"));
}

}  // namespace mytoken::oidc
