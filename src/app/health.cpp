// One question at a time is on its way to the database; an answer counts for a moment, and no
// answer within a second is one, too.
#include "app/health.h"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>

namespace mytoken::app {
namespace {

using std::chrono::milliseconds;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

constexpr milliseconds longest_wait{1000};
constexpr milliseconds good_for{200};
constexpr milliseconds look_every{5};

}  // namespace

Task<void> Health::ask(sql::Database& database, std::shared_ptr<Probe> probe) {
  auto one = [](sql::Connection& db) -> Result<bool> {
    auto row = db.one("SELECT 1", [](const sql::Row&) { return true; });
    if (!row) return tl::unexpected(row.error());
    return row->has_value();
  };
  const auto answer = co_await database.read(one);
  probe->up = answer && *answer;
  probe->at = std::chrono::steady_clock::now();
  probe->asking = false;
}

Task<bool> Health::database_up() {
  const Moment begin = std::chrono::steady_clock::now();
  const std::shared_ptr<Probe> probe = probe_;
  if (probe->at + good_for > begin) co_return probe->up;
  const Executor executor = co_await asio::this_coro::executor;
  if (!probe->asking) {
    probe->asking = true;
    asio::co_spawn(executor, ask(database_, probe), asio::detached);
  }
  Timer timer(executor);
  while (probe->asking && std::chrono::steady_clock::now() < begin + longest_wait) {
    boost::system::error_code ignored;
    timer.expires_after(look_every);
    co_await timer.async_wait(asio::redirect_error(use_task, ignored));
  }
  co_return !probe->asking && probe->up;
}

Task<http::Response> Health::report(bool only_readiness) {
  const bool is_up = co_await database_up();
  const bool open = !draining_;
  const bool clock = clock_is_right_();
  const bool operational = is_up && open && clock;
  const int status = operational ? 200 : 503;
  if (only_readiness) {
    const json::object answer{{"ready", operational},
                              {"database_up", is_up},
                              {"clock_right", clock},
                              {"draining", !open}};
    co_return http::Response::json(status, answer);
  }
  const Time now = std::chrono::floor<Seconds>(std::chrono::system_clock::now());
  const json::object components{
      {"server_up", true}, {"server_reachable", open}, {"database_up", is_up}, {"cache_up", true}};
  const json::object answer{{"healthy", operational},
                            {"operational", operational},
                            {"components", components},
                            {"version", MYTOKEN_VERSION},
                            {"timestamp", to_unix(now)}};
  co_return http::Response::json(status, answer);
}

Result<std::unique_ptr<Health>> Health::start(const std::string& listen, std::vector<int> sockets,
                                              sql::Database& database,
                                              std::function<bool()> clock_is_right, Log& log) {
  std::unique_ptr<Health> health(new Health(database, std::move(clock_is_right)));
  Health* self = health.get();
  health->router_.add({"GET", "/", [self](http::Request&) { return self->report(false); }});
  health->router_.add({"GET", "/readyz", [self](http::Request&) { return self->report(true); }});
  health->router_.add({"GET", "/livez", [](http::Request&) -> Task<http::Response> {
                         const json::object answer{{"live", true}};
                         co_return http::Response::json(200, answer);
                       }});
  http::ServerSettings settings;
  settings.listen = {listen};
  settings.sockets = std::move(sockets);
  settings.limits.connections = 100;
  health->server_ = std::make_unique<http::Server>(std::move(settings), health->router_, log);
  if (auto listening = health->server_->listen(); !listening) return fail(listening.error());
  health->thread_ = std::thread([self] { self->server_->run(); });
  return health;
}

void Health::hand_over() {
  server_->leave_connections();
  stop();
}

void Health::stop() {
  if (!thread_.joinable()) return;
  server_->drain(milliseconds(0));
  thread_.join();
}

Health::~Health() {
  stop();
}

}  // namespace mytoken::app
