// HTTP as the client needs it: one request at a time per connection, bounded in size and time,
// stoppable at once, and never repeated behind the caller's back once any of a body was handed out
// (a repeated token request can look like theft to the server, or lose a rotated token). Source:
// spec cli.md §2.2.
#pragma once
#include <mytoken/call.h>
#include <mytoken/client.h>
#include <mytoken/error.h>
#include <mytoken/secret.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace mytoken::client {

struct HttpRequest {
  Exchange::Method method = Exchange::Method::get;
  std::string url;
  Secret body;                                    // empty: none
  std::string content_type = "application/json";  // of the body
  Secret authorization;                           // the header's value; empty: none
  std::string etag;                               // for If-None-Match; empty: none
  // A GET may be repeated without asking anybody. False if it presents a token that it may replace.
  bool is_repeatable = true;
  // The answer may hold the only copy of a successor: once the request is out, a stop waits for it
  // for some seconds.
  bool outlives_stop = false;
  std::chrono::milliseconds longest{0};  // 0: Options::total_timeout
  std::size_t limit = 0;                 // bytes of the answer
};

struct HttpAnswer {
  int status = 0;
  std::chrono::seconds retry_after{0};
  std::string etag;
  Secret body;
};

// Thread-safe: each running request has a connection of its own; idle ones are kept.
class Transport {
 public:
  explicit Transport(const Options& options);  // a copy is kept
  ~Transport();

  // Any status is an answer. Errors: network, timeout, tls, cancelled, protocol (longer than the
  // limit). Redirects are not followed. Tried once more if there was no answer and nothing that
  // could change anything was sent: a repeatable GET, or a request without a connection.
  // `is_unknown` is set if there is no answer to something that may have been received.
  Outcome<HttpAnswer> send(const HttpRequest& request, const Call& call, bool& is_unknown);

 private:
  struct Session;
  struct Attempt;
  Outcome<HttpAnswer> run(Session& session, Attempt& attempt, const Call& call);
  std::unique_ptr<Session> take();

  Options options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_;
};

}  // namespace mytoken::client
