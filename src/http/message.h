// Requests and responses as handlers see them: no parser types, sizes already limited, bodies
// decoded.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace mytoken::http {

class RateLimiter;

class Headers {
 public:
  // First value of the header, names compared without case; "" if absent.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  void set(std::string_view name, std::string value);  // replaces
  void add(std::string_view name, std::string value);  // appends another line
  void remove(std::string_view name);
  const std::vector<std::pair<std::string, std::string>>& all() const { return list_; }

 private:
  std::vector<std::pair<std::string, std::string>> list_;
};

struct Request {
  std::string method;  // "GET", …; HEAD arrives as "GET" with head = true
  bool head = false;
  std::string path;    // decoded, repeated and trailing slashes removed, case kept; "/" at least
  std::string target;  // as received
  std::vector<std::pair<std::string, std::string>> query;  // decoded
  Headers headers;
  std::string body;                          // content encoding removed
  std::vector<std::string> path_parameters;  // values of {…} segments, in order
  std::string peer;                          // address of the socket's other end, canonical
  std::string client_address;                // behind trusted proxies; "" = unknown
  std::string request_id;
  std::chrono::steady_clock::time_point arrival;
  RateLimiter* rate_limiter = nullptr;  // see charge; nullptr: no limit
  RateLimiter* code_tries = nullptr;    // see CodeTry; nullptr: no limit

  std::optional<std::string> query_value(std::string_view name) const;
  // Value of the cookie, nullopt if absent (RFC 6265 §5.4; the first of several).
  std::optional<std::string> cookie(std::string_view name) const;
};

struct Response {
  int status = 200;
  Headers headers;  // Content-Type included; Content-Length is the server's
  std::string body;
  std::shared_ptr<const std::string>
      shared;                // used instead of body if set: a body that many answers share
  std::string problem;       // text of an error made by error(): paths of pages show it as a page
                             // instead of JSON
  bool rate_counted = true;  // false: this request does not use up the rate limit of its client

  std::string_view content() const {
    return shared ? std::string_view(*shared) : std::string_view(body);
  }

  static Response json(int status, const json::value& body);
  static Response text(int status, std::string_view content_type, std::string body);
  static Response no_content();       // 204
  static Response empty(int status);  // no body, Content-Length: 0
  static Response redirect(int status, std::string location);
  // The error object of spec api.md §2.8, with Retry-After and WWW-Authenticate where they belong.
  static Response error(const Error& error, std::string_view request_id);
};

}  // namespace mytoken::http
