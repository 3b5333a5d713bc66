// Counting and taking back; see code_try.h.
#include "http/code_try.h"

#include "http/status.h"

namespace mytoken::http {

Result<CodeTry> CodeTry::begin(const Request& request) {
  if (!request.code_tries) return CodeTry();
  return begin(*request.code_tries,
               request.client_address.empty() ? request.peer : request.client_address,
               request.arrival);
}

Result<CodeTry> CodeTry::begin(RateLimiter& limiter, std::string key, RateLimiter::Instant at) {
  CodeTry attempt;
  const RateLimiter::Decision decision = limiter.count(key, at);
  if (!decision.allowed) {
    Error error = http_error(429, "too many wrong codes from your address, try again later");
    error.retry_after = decision.reset;
    return fail(std::move(error));
  }
  if (!decision.counted) return attempt;
  attempt.limiter_ = &limiter;
  attempt.key_ = std::move(key);
  attempt.at_ = at;
  return attempt;
}

void CodeTry::was_no_guess() {
  if (limiter_) std::exchange(limiter_, nullptr)->give_back(key_, at_);
}

}  // namespace mytoken::http
