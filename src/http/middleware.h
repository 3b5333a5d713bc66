// What happens to every request before its handler runs and to every answer before it is written
// (spec api.md §§2.1, 2.8-2.11). Plain functions without sockets: the connection calls admit(), the
// handler, complete(), write_head(), log().
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/content_coding.h"
#include "http/message.h"
#include "http/rate_limit.h"
#include "http/router.h"
#include "http/server.h"

namespace mytoken::http {

// One request on its way through the server.
struct Exchange {
  Request request;  // method, target, headers, body as parsed; peer; arrival. The rest is filled by
                    // admit().
  Router::Match match;
  std::string local;  // path below the issuer's, lower case
  PathClass path_class = PathClass::page;
  bool shows_pages = false;  // errors are HTML
  bool is_preflight = false;
  RateLimiter::Decision rate;
};

// Thread-safe; settings, router and log outlive it.
class Middleware {
 public:
  Middleware(const ServerSettings& settings, const Router& router, Log& log);

  // Completes the request. An answer if the matter is settled without a handler, else
  // exchange.match.handler is set.
  std::optional<Response> admit(Exchange& exchange) const;
  // The answer to a request that could not be read or is not wanted; fills what is known for log
  // and headers.
  Response reject(Exchange& exchange, const Error& error) const;
  // The answer after an exception; writes the one line about it.
  Response caught(const Exchange& exchange, std::string_view what) const;

  // Turns errors into pages where they belong, answers conditional requests, compresses.
  void complete(Exchange& exchange, Response& response, EncodedBodies& encoded) const;
  // Appends status line and headers, to the empty line. `date`: IMF-fixdate.
  void write_head(const Exchange& exchange, const Response& response, std::string_view date,
                  std::string_view connection, std::string& to) const;
  // Of both limits; see Server.
  std::string own_counts(std::size_t servers) const;
  void learn_counts(const std::vector<std::string>& others) const;

  // The access log line: never query, body or headers.
  void log(const Exchange& exchange, int status) const;

 private:
  void identify(Exchange& exchange) const;
  void locate(Exchange& exchange, std::string_view path) const;
  Response failure(const Exchange& exchange, const Error& error) const;
  void write_security(const Exchange& exchange, const Response& response, std::string& to) const;

  const ServerSettings& settings_;
  const Router& router_;
  Log& log_;
  std::unique_ptr<RateLimiter> limiter_;
  std::unique_ptr<RateLimiter> metadata_limiter_;
  std::unique_ptr<RateLimiter> code_tries_;
  std::string hsts_;
};

}  // namespace mytoken::http
