// Failures as values. An Error carries what the API shows (code, status, description) and, apart
// from it, what the log shows (cause); the cause never reaches a user. Exceptions are left for bugs
// and broken infrastructure. Codes and statuses: spec api.md §2.8.
#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace mytoken {

struct Error {
  std::string code;         // API member `error`, e.g. "invalid_token"
  int status = 500;         // HTTP status
  std::string description;  // API member `error_description`; for people, without secrets
  std::string cause;        // for the log only; without secrets
  std::chrono::seconds retry_after{0};  // > 0: answer carries Retry-After
};

// A value or the reason why there is none.
template <class T>
using Result = tl::expected<T, Error>;

// `return fail(invalid_request("..."));`
inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

// 400: malformed body, missing or ill-typed parameter.
Error invalid_request(std::string description);
// 401: the mytoken is missing, unknown, expired, revoked or no longer current.
Error invalid_token(std::string description);
// 400 by default: unsupported grant type; 403: mom_id unknown or of another user.
Error invalid_grant(std::string description, int status = 400);
// 403: the token lacks the capability.
Error insufficient_capabilities();
// 403: no clause of the token's restrictions permits this use.
Error usage_restricted();
// 401 or 403: the user or the service said no.
Error access_denied(std::string description, int status = 401);
// 404.
Error not_found(std::string description);
// The provider failed: 400 it refused, 502 it misbehaved, 503 its metadata is not available yet.
Error oidc_error(int status, std::string description, std::string cause = {});
// 500; the description is completed with the request id where the answer is written.
Error internal_error(std::string cause);
// 503 with Retry-After: overload, shutdown, store down.
Error unavailable(std::string cause, std::chrono::seconds retry_after = std::chrono::seconds(2));

}  // namespace mytoken
