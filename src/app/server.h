// One server put together from its configuration: keys, database, journal, providers, use cases,
// routes, listeners. The program runs one; tests and benchmarks run as many as they like inside
// their process.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>

#include "app/config.h"
#include "app/handover.h"
#include "app/logs.h"
#include "net/http_client.h"

namespace mytoken::app {

// What tests replace. Everything given outlives the Instance.
struct Overrides {
  net::HttpClient* http = nullptr;  // towards providers
  const Clock* clock = nullptr;
  net::Resolver* resolver = nullptr;
  Log* log = nullptr;  // instead of both logs of the configuration
};

class Instance {
 public:
  // Accepts connections when it returns. Blocks for the database's migrations; providers are not
  // asked. Errors: the cause says what to do.
  static Result<std::unique_ptr<Instance>> start(Config config, Overrides overrides = {});
  // stop(), if that was not done.
  ~Instance();

  const Config& config() const;
  // Of the first listener.
  std::uint16_t port() const;
  // "127.0.0.1:8000": address of the first listener with its real port.
  std::string address() const;
  // 0: no health check listener.
  std::uint16_t health_port() const;
  service::Context& context();
  Log& log();

  // Reads anew what can change while the server runs: the countries of addresses. False: nothing of
  // this kind is configured. Thread-safe.
  bool reload();

  // For a successor: the listening sockets, which stay this server's until stop().
  ListeningSockets sockets() const;
  // Before stop(): a successor serves the sockets. Connections that wait are left to it, and the
  // health check no longer answers here. Thread-safe.
  void hand_over();

  // Stops accepting, begins no call to a provider any more (503), lets requests in flight finish
  // for at most `limit`, and ends everything; a call to a provider that is under way is waited for
  // beyond it, until its outcome is stored (service::longest_exchange). Blocks. Thread-safe, once.
  void stop(std::chrono::milliseconds limit);
  void stop();  // with server.drain_timeout

 private:
  struct Impl;
  explicit Instance(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Opens the database of the configuration; changes nothing in it.
Result<std::unique_ptr<sql::Database>> connect_database(const Config& config, Log& log);
// The same, and brings its schema up to date.
Result<std::unique_ptr<sql::Database>> open_database(const Config& config, Log& log);

}  // namespace mytoken::app
