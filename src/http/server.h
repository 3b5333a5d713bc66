// The HTTP/1.1 server: Beast parser, limits where the bytes come in, keep-alive, pipelining,
// time-outs by one coarse sweep per thread, TLS, graceful drain. One io_context per thread with a
// listening socket each (SO_REUSEPORT). Middleware (spec api.md §§2.1, 2.8–2.11): request id,
// client address, content decoding, CORS and preflight, security headers, 404/405/413/415/431, HTML
// or JSON errors, response compression, access log, exceptions into one logged 500.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/task.h"
#include "http/rate_limit.h"
#include "http/router.h"
#include "net/address.h"

namespace mytoken::http {

struct Limits {
  std::size_t header_bytes = 16 * 1024;
  std::size_t body_bytes = 1 << 20;  // after decoding
  std::size_t connections = 10'000;  // more are answered 503 (a few) or closed
  // Checked by a sweep every second (more often if one of them is shorter than 4 s).
  std::chrono::milliseconds request_timeout{30'000};  // from first byte to complete request: 408
  std::chrono::milliseconds write_timeout{90'000};    // of one answer
  std::chrono::milliseconds idle_timeout{120'000};    // between requests, and for the TLS handshake
};

struct Tls {
  std::string certificate_file;  // PEM chain
  std::string key_file;          // PEM
};

struct ServerSettings {
  std::vector<std::string> listen = {"127.0.0.1:0"};  // "host:port", "[::1]:8000"; port 0 = any
  // Listening sockets of a former process or of a supervisor, instead of `listen`. The server owns
  // and closes its descriptors.
  std::vector<int> sockets;
  // Somebody else keeps the sockets open or serves them, too: at the end connections that wait for
  // this process are left to them. Else the server takes every connection that the kernel let in.
  bool leaves_connections = false;
  unsigned threads = 1;
  Limits limits;
  std::optional<Tls> tls;
  std::string proxy_header;  // "" = socket address
  net::TrustedProxies trusted_proxies;
  std::string issuer;                             // for HSTS (https)
  std::chrono::seconds hsts_max_age{63'072'000};  // 0 = no HSTS
  std::optional<RateLimit> rate_limit;            // unset = none
  std::optional<RateLimit> code_tries;            // wrong codes, see CodeTry; unset = no limit
  // An error while the server as a whole cannot serve: then every request but metadata gets it.
  // Called for each request, on all threads.
  std::function<std::optional<Error>()> closed;
  // Page for errors on paths outside the API: (status, heading, text) -> HTML. Unset: a plain page.
  std::function<std::string(int, std::string_view, std::string_view)> error_page;
};

class Server {
 public:
  // The router must not change afterwards. `log` and the router outlive the server.
  Server(ServerSettings settings, const Router& router, Log& log);
  ~Server();

  // Opens the listening sockets. Error: address in use, certificate unreadable, …
  Result<void> listen();
  // Ports the sockets got, in order of `listen`.
  std::vector<std::uint16_t> ports() const;
  // The same with their addresses: "127.0.0.1:8000".
  std::vector<std::string> addresses() const;
  // Thread-safe: the rate limits of several servers as one (RateLimiter). `servers`: how many there
  // are; `others`: what their own_counts() gave.
  std::string own_counts(std::size_t servers) const;
  void learn_counts(const std::vector<std::string>& others);
  // Descriptors of the listening sockets, which belong to the server; until drain().
  std::vector<int> sockets() const;
  // Thread-safe, before drain(): from now on as if settings.leaves_connections.
  void leave_connections();
  // Runs the threads; returns when stopped. Call once.
  void run();
  // Thread-safe: stops accepting, lets requests in flight finish (answers carry Connection: close),
  // ends idle connections, and makes run() return after at most `limit`. While `must_wait` (called
  // on a thread of the server) says so it goes on, but not for longer than `longest` in all.
  void drain(std::chrono::milliseconds limit, std::function<bool()> must_wait = {},
             std::chrono::milliseconds longest = {});
  // The io_contexts of the threads, for work that belongs beside the connections.
  std::vector<asio::io_context*> contexts();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mytoken::http
