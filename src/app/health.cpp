// The database is asked with a blocking point read: this thread has nothing else to do.
#include "app/health.h"

#include <chrono>

namespace mytoken::app {

http::Response Health::report(bool only_readiness) {
  const std::function<Result<void>(sql::Connection&)> ask =
      [](sql::Connection& db) -> Result<void> {
    auto one = db.one("SELECT 1", [](const sql::Row&) { return true; });
    if (!one) return tl::unexpected(one.error());
    return {};
  };
  const bool database_up = database_.read_now(ask).has_value();
  const bool open = !draining_;
  const bool operational = database_up && open;
  const int status = operational ? 200 : 503;
  if (only_readiness) {
    const json::object answer{
        {"ready", operational}, {"database_up", database_up}, {"draining", !open}};
    return http::Response::json(status, answer);
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const json::object components{{"server_up", true},
                                {"server_reachable", open},
                                {"database_up", database_up},
                                {"cache_up", true}};
  const json::object answer{{"healthy", operational},
                            {"operational", operational},
                            {"components", components},
                            {"version", MYTOKEN_VERSION},
                            {"timestamp", std::chrono::duration<double>(now).count()}};
  return http::Response::json(status, answer);
}

Result<std::unique_ptr<Health>> Health::start(const std::string& listen, sql::Database& database,
                                              Log& log) {
  std::unique_ptr<Health> health(new Health(database, log));
  Health* self = health.get();
  health->router_.add({"GET", "/", [self](http::Request&) -> Task<http::Response> {
                         co_return self->report(false);
                       }});
  health->router_.add({"GET", "/readyz", [self](http::Request&) -> Task<http::Response> {
                         co_return self->report(true);
                       }});
  health->router_.add({"GET", "/livez", [](http::Request&) -> Task<http::Response> {
                         const json::object answer{{"live", true}};
                         co_return http::Response::json(200, answer);
                       }});
  http::ServerSettings settings;
  settings.listen = {listen};
  settings.limits.connections = 100;
  health->server_ = std::make_unique<http::Server>(std::move(settings), health->router_, log);
  if (auto listening = health->server_->listen(); !listening) return fail(listening.error());
  health->thread_ = std::thread([self] { self->server_->run(); });
  return health;
}

Health::~Health() {
  if (!thread_.joinable()) return;
  server_->drain(std::chrono::milliseconds(0));
  thread_.join();
}

}  // namespace mytoken::app
