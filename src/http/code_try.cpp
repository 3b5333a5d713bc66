// Counting and taking back; see code_try.h.
#include "http/code_try.h"

#include "http/status.h"

namespace mytoken::http {

Result<CodeTry> CodeTry::begin(const Request& request) {
  CodeTry attempt;
  if (!request.code_tries) return attempt;
  const std::string& address =
      request.client_address.empty() ? request.peer : request.client_address;
  const RateLimiter::Decision decision = request.code_tries->count(address, request.arrival);
  if (!decision.allowed) {
    Error error = http_error(429, "too many wrong codes from your address, try again later");
    error.retry_after = decision.reset;
    return fail(std::move(error));
  }
  if (!decision.counted) return attempt;
  attempt.limiter_ = request.code_tries;
  attempt.address_ = address;
  attempt.at_ = request.arrival;
  return attempt;
}

void CodeTry::was_no_guess() {
  if (limiter_) std::exchange(limiter_, nullptr)->give_back(address_, at_);
}

}  // namespace mytoken::http
