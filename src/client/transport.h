// HTTP as the client needs it: one request at a time per connection, bounded in size and time,
// stoppable at once, and never repeated behind the caller's back once any of a POST body was handed
// out (a repeated token request can look like theft to the server, or lose a rotated token).
// Source: spec cli.md §2.2.
#pragma once
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/secret.h"
#include "client/call.h"
#include "client/error.h"

namespace mytoken::client {

struct HttpAnswer {
  int status = 0;
  Seconds retry_after{0};
  Secret body;
};

struct TransportOptions {
  std::string user_agent;
  std::string ca_file;       // PEM bundle; "" = the system's
  std::string ca_directory;  // hashed directory; "" = none
  std::string
      proxy;  // "" = what the environment says (HTTPS_PROXY, NO_PROXY); never used for this machine
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds total_timeout{20000};
};

// Thread-safe: each running request has a connection of its own; idle ones are kept.
class Transport {
 public:
  explicit Transport(TransportOptions options);
  ~Transport();

  // Any status is an answer. Errors: network, timeout, tls, cancelled, protocol (longer than
  // `limit` bytes). Redirects are not followed. A GET that failed without an answer is tried once
  // more.
  Outcome<HttpAnswer> get(const std::string& url, std::size_t limit, const Call& call);
  // `body` is JSON. Tried once more only if no connection came about.
  Outcome<HttpAnswer> post(const std::string& url, const Secret& body, std::size_t limit,
                           const Call& call);

 private:
  struct Session;
  struct Attempt;
  Outcome<HttpAnswer> perform(const std::string& url, const Secret* body, std::size_t limit,
                              const Call& call);
  Outcome<HttpAnswer> run(Session& session, Attempt& attempt, const std::string& url,
                          const Call& call);
  std::unique_ptr<Session> take();

  TransportOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_;
};

}  // namespace mytoken::client
