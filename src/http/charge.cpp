// Counting; see charge.h.
#include "http/charge.h"

#include "http/rate_limit.h"
#include "http/status.h"

namespace mytoken::http {

Result<void> charge(const Request& request, std::size_t requests) {
  if (request.rate_limiter == nullptr) return {};
  const std::string& client =
      request.client_address.empty() ? request.peer : request.client_address;
  for (std::size_t i = 0; i < requests; ++i) {
    const RateLimiter::Decision decision = request.rate_limiter->count(client, request.arrival);
    if (decision.allowed) continue;
    Error error = http_error(429,
                             "the request needs more than the limit leaves to your address, "
                             "try again later");
    error.retry_after = decision.reset;
    return fail(std::move(error));
  }
  return {};
}

}  // namespace mytoken::http
