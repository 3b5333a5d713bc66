// The health check listener: the reference's JSON at / (spec operations.md §6), and /livez and
// /readyz for supervisors (§19.3). Its own thread, so that a busy server still answers. Never asks
// anything outside this host.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "http/server.h"
#include "sql/database.h"

namespace mytoken::app {

class Health {
 public:
  // `listen`: "host:port". `database` and `log` outlive it. Error: address in use.
  static Result<std::unique_ptr<Health>> start(const std::string& listen, sql::Database& database,
                                               Log& log);
  ~Health();
  Health(const Health&) = delete;
  Health& operator=(const Health&) = delete;

  std::uint16_t port() const { return server_->ports().front(); }
  // From now on the server is not ready.
  void draining() { draining_ = true; }

 private:
  Health(sql::Database& database, Log& log) : database_(database), log_(log) {}
  http::Response report(bool only_readiness);

  sql::Database& database_;
  Log& log_;
  std::atomic<bool> draining_{false};
  http::Router router_;
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

}  // namespace mytoken::app
