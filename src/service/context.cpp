// What is derived from the settings and keys of a context; see context.h.
#include "service/context.h"

#include "crypto/hash.h"

namespace mytoken::service {

Secret derive_installation_secret(const crypto::Key& signing_key) {
  const Secret der = signing_key.private_der();
  return crypto::hkdf_sha512(der.reveal(), "", "mytoken installation secret v1", 32);
}

void log_refusal(const Context& context, const Error& error, const std::string& request_id,
                 const std::string& client_address) {
  const LogLevel level = error.status >= 500 ? LogLevel::error : LogLevel::info;
  if (!context.log.enabled(level)) return;
  context.log.write(level, "a request was refused",
                    {{"request_id", request_id},
                     {"status", error.status},
                     {"error", error.code},
                     {"reason", error.description},
                     {"cause", error.cause},
                     {"ip", client_address}});
}

std::string origin(const Settings& settings) {
  const std::string url = base_url(settings);
  const std::size_t scheme = url.find("://");
  return scheme == std::string::npos ? url : url.substr(0, url.find('/', scheme + 3));
}

Result<ProviderCall> ProviderCall::begin(Context& context) {
  // Counted before the look at `draining`: whoever waits for the count to fall misses nobody.
  context.provider_calls.fetch_add(1);
  ProviderCall call(context.provider_calls);
  if (context.draining.load()) return fail(ending());
  return call;
}

void start_draining(Context& context) {
  context.draining.store(true);
  for (const auto& provider : context.providers.all())
    provider->stop_repeating();
  context.refresh_queue.close();
}

Error ending() {
  return unavailable("the server is ending", Seconds(5));
}

std::string base_url(const Settings& settings) {
  std::string url = settings.issuer;
  if (url.ends_with('/')) url.pop_back();
  return url;
}

}  // namespace mytoken::service
