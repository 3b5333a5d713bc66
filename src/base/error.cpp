// The codes, statuses and standard texts of failures in one place (spec api.md §2.8), so that every
// floor says the same thing in the same words.
#include "base/error.h"

namespace mytoken {

Error invalid_request(std::string description) {
  return {"invalid_request", 400, std::move(description), {}};
}

Error invalid_token(std::string description) {
  return {"invalid_token", 401, std::move(description), {}};
}

Error invalid_grant(std::string description, int status) {
  return {"invalid_grant", status, std::move(description), {}};
}

Error insufficient_capabilities() {
  return {"insufficient_capabilities",
          403,
          "The provided token does not have the required capability for this operation",
          {}};
}

Error usage_restricted() {
  return {"usage_restricted", 403, "The restrictions of this token do not allow this usage", {}};
}

Error access_denied(std::string description, int status) {
  return {"access_denied", status, std::move(description), {}};
}

Error not_found(std::string description) {
  return {"not_found", 404, std::move(description), {}};
}

Error oidc_error(int status, std::string description, std::string cause) {
  Error error{"oidc_error", status, std::move(description), std::move(cause)};
  if (status == 503) error.retry_after = std::chrono::seconds(5);
  return error;
}

Error internal_error(std::string cause) {
  return {"internal_server_error", 500, "an internal error occurred", std::move(cause)};
}

Error unavailable(std::string cause, std::chrono::seconds retry_after) {
  return {"internal_server_error", 503, "the service is temporarily unavailable, please try again",
          std::move(cause), retry_after};
}

}  // namespace mytoken
