// What can go wrong between a program and a mytoken server, as a value. The kind decides what a
// program does next (exit code, retry, new login); code and description are the server's own words
// and safe to show, never a secret. Source: spec cli.md §2.2.
#pragma once
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "base/clock.h"

namespace mytoken::client {

enum class ErrorKind {
  usage,             // the caller asked for something impossible
  network,           // no connection, or it broke
  timeout,           // the deadline or the total time of a request passed
  tls,               // certificate or handshake
  protocol,          // the answer is not what a mytoken server says
  server,            // the server refused, see code
  cancelled,         // the stop token of the call fired
  polling_expired,   // nobody approved in time
  consent_declined,  // somebody declined
  token_source       // the mytoken could not be read, locked or stored
};

struct ClientError {
  ErrorKind kind = ErrorKind::protocol;
  std::string code;         // member `error` of the answer, or ours for token_source; may be empty
  std::string description;  // for people
  int http_status = 0;      // 0: there was no answer
  Seconds retry_after{0};   // > 0: the server said when to come again

  // True if the same call may succeed later without anybody changing anything.
  bool is_transient() const {
    return kind == ErrorKind::network || kind == ErrorKind::timeout || http_status == 429 ||
           http_status >= 500;
  }
  // "code: description", or the one that is there.
  std::string text() const {
    if (code.empty() || kind != ErrorKind::server) return description;
    return description.empty() ? code : code + ": " + description;
  }
};

// A value or the reason why there is none.
template <class T>
using Outcome = tl::expected<T, ClientError>;

inline tl::unexpected<ClientError> failure(ErrorKind kind, std::string description,
                                           std::string code = {}) {
  return tl::unexpected<ClientError>(
      ClientError{kind, std::move(code), std::move(description), 0, Seconds(0)});
}
inline tl::unexpected<ClientError> failure(ClientError error) {
  return tl::unexpected<ClientError>(std::move(error));
}

}  // namespace mytoken::client
