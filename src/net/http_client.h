// Outgoing HTTP for the server: one awaitable call. The real one (curl_client.h) is libcurl's multi
// interface on asio; tests and benchmarks bring their own. No cookies, no redirects, no retries:
// the caller decides.
#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/task.h"

namespace mytoken::net {

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // absolute; http and https only
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  // sent if not empty or method is POST
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds timeout{20000};  // whole call
  std::size_t max_response_bytes = 1 << 20;
  bool refuse_private_addresses = false;  // for URLs that come from users
};

struct HttpResponse {
  // What is known of a call without an answer. `not_sent`: no byte of the request reached the peer,
  // so it may be repeated; `unknown`: the peer may have acted.
  enum class Outcome { answered, not_sent, unknown };
  Outcome outcome = Outcome::answered;
  int status = 0;                                            // only if answered
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::string problem;  // for the log: why there is no answer

  std::string_view header(std::string_view lower_case_name) const;  // "" if absent
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Never fails otherwise than through `outcome`. May be called on any io_context thread; resumes
  // on the caller's.
  virtual Task<HttpResponse> send(HttpRequest request) = 0;
};

}  // namespace mytoken::net
