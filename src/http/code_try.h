// Codes are short, so whoever guesses them gets few tries: wrong transfer, polling and consent
// codes, and passwords of template groups, of a client address are counted in a limit of their own
// (ServerSettings::code_tries). A try counts from its beginning on, so that many at the same time
// are no way around it.
#pragma once
#include <string>

#include "base/error.h"
#include "http/message.h"
#include "http/rate_limit.h"

namespace mytoken::http {

class CodeTry {
 public:
  // Before a code of the request is looked up. Error 429 with Retry-After: the address has given
  // too many wrong ones.
  static Result<CodeTry> begin(const Request& request);
  // The same in another limit, which outlives the try; `key`: whose tries are counted.
  static Result<CodeTry> begin(RateLimiter& limiter, std::string key, RateLimiter::Instant at);
  // The code was right, or its failure says nothing about it: the try does not count. Once.
  void was_no_guess();
  // False: no limit applies to the address.
  bool is_counted() const { return limiter_ != nullptr; }

 private:
  RateLimiter* limiter_ = nullptr;
  std::string key_;
  RateLimiter::Instant at_{};
};

}  // namespace mytoken::http
