// The health check listener: the reference's JSON at / (spec operations.md §6), and /livez and
// /readyz for supervisors and balancers (§19.3). Its own thread, so that a busy server still
// answers. Never asks anything but the database, and waits for that one second at most.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "http/server.h"
#include "sql/database.h"

namespace mytoken::app {

class Health {
 public:
  // `listen`: "host:port", or the `sockets` that were inherited. `database` and `log` outlive
  // stop(). `clock_is_right` is called on the health check's thread. Error: address in use.
  static Result<std::unique_ptr<Health>> start(const std::string& listen, std::vector<int> sockets,
                                               sql::Database& database,
                                               std::function<bool()> clock_is_right, Log& log);
  ~Health();
  Health(const Health&) = delete;
  Health& operator=(const Health&) = delete;

  std::uint16_t port() const { return server_->ports().front(); }
  std::vector<int> sockets() const { return server_->sockets(); }
  // Another process has the sockets: the one that ends is no longer asked.
  void hand_over();
  // From now on the server is not ready.
  void draining() { draining_ = true; }
  // Ends the listener and its thread. The object outlives the database, which may still have an
  // answer for it.
  void stop();

 private:
  using Moment = std::chrono::steady_clock::time_point;
  // Whether the database answers; shared with a question that nobody waits for any more.
  struct Probe {
    bool asking = false;
    bool up = false;
    Moment at{};  // when it was answered
  };

  Health(sql::Database& database, std::function<bool()> clock_is_right)
      : database_(database), clock_is_right_(std::move(clock_is_right)) {}
  Task<bool> database_up();
  static Task<void> ask(sql::Database& database, std::shared_ptr<Probe> probe);
  Task<http::Response> report(bool only_readiness);

  sql::Database& database_;
  const std::function<bool()> clock_is_right_;
  std::atomic<bool> draining_{false};
  std::shared_ptr<Probe> probe_ = std::make_shared<Probe>();  // of the listener's thread
  http::Router router_;
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

}  // namespace mytoken::app
