// Signals and successors are waited for by an io_context of this thread's own; the server runs on
// others.
#include "app/serve.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "app/handover.h"
#include "app/keys.h"
#include "app/server.h"

namespace mytoken::app {
namespace {

// Waits for what ends the server.
class Watch {
 public:
  Watch(Instance& instance, std::chrono::milliseconds limit, const Environment& environment)
      : instance_(instance),
        limit_(limit),
        environment_(environment),
        ends_(context_, SIGTERM, SIGINT),
        others_(context_, SIGHUP, SIGUSR1) {
    await_end();
    await_other();
  }

  // From now on a successor may take the sockets over.
  Result<void> await_successor(const std::string& path) {
    auto made = Handover::listen(
        context_, path,
        [this] { return drain_.joinable() ? ListeningSockets() : instance_.sockets(); },
        [this] {
          if (drain_.joinable()) return;
          instance_.log().info("a successor serves from now on");
          instance_.hand_over();
          end();
        });
    if (!made) return fail(made.error());
    handover_ = std::move(*made);
    return {};
  }

  // Until the server has ended.
  void run() {
    context_.run();
    drain_.join();
  }

 private:
  void await_end() {
    ends_.async_wait([this](boost::system::error_code error, int number) {
      if (error) return;
      if (drain_.joinable()) std::_Exit(128 + number);
      instance_.log().info("ending", {{"signal", number}});
      end();
      await_end();
    });
  }

  void end() {
    notify_supervisor(environment_, "STOPPING=1");
    if (handover_) handover_->close();
    drain_ = std::thread([this] {
      instance_.stop(limit_);
      asio::post(context_, [this] {
        ends_.cancel();
        others_.cancel();
        context_.stop();
      });
    });
  }

  void await_other() {
    others_.async_wait([this](boost::system::error_code error, int number) {
      if (error) return;
      if (number != SIGHUP || !instance_.reload()) {
        instance_.log().warning("this version does not act on the signal; restart the server",
                                {{"signal", number}});
      }
      await_other();
    });
  }

  Instance& instance_;
  std::chrono::milliseconds limit_;
  const Environment& environment_;
  asio::io_context context_{1};
  asio::signal_set ends_;
  asio::signal_set others_;
  std::unique_ptr<Handover> handover_;
  std::thread drain_;
};

// The sockets of the former server; it ends before this one opens an embedded database, which has
// one server at a time (connections wait in the kernel meanwhile), or else as soon as this one
// serves.
Result<std::optional<Predecessor>> follow(Config& config, std::chrono::milliseconds limit) {
  if (config.handover.empty()) {
    return fail(internal_error(
        "--take-over needs server.handover, the path where the running server waits"));
  }
  auto found = Predecessor::ask(config.handover);
  if (!found || !*found) return found;
  if (config.database_url.empty()) {
    // What can be known before there is no way back.
    if (auto keys = load_keys(config); !keys) return fail(keys.error());
    (*found)->end();
    if (!(*found)->wait(limit + service::longest_exchange)) {
      return fail(internal_error("the former server does not end: nothing is taken over"));
    }
  }
  config.http.sockets = (*found)->take_http();
  if (!config.health_listen.empty()) config.health_sockets = (*found)->take_health();
  return found;
}

int refuse(const Error& error) {
  fmt::print(stderr, "mytoken-server: error: {}\n", error.cause);
  return 1;
}

}  // namespace

void harden_process() {
  ::umask(077);
#ifndef __SANITIZE_ADDRESS__  // whose search for leaks is a tracer
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
  ::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
}

int serve(Config config, const Environment& environment, bool take_over) {
  const std::chrono::milliseconds limit = config.drain_timeout;
  const bool embedded = config.database_url.empty();
  const std::string handover = config.handover;
  auto given = sockets_of_supervisor(environment);
  if (!given) return refuse(given.error());
  std::optional<Predecessor> predecessor;
  if (!given->http.empty()) {
    // The supervisor keeps them open: who waits is served by the next process.
    config.http.sockets = std::move(given->http);
    config.http.leaves_connections = true;
    config.health_sockets = std::move(given->health);
  } else if (take_over) {
    auto found = follow(config, limit);
    if (!found) return refuse(found.error());
    if (*found) predecessor.emplace(std::move(**found));
  }
  if (config.http.sockets.empty() && config.http.listen.empty()) {
    return refuse(
        internal_error("server.listen says fd, but no supervisor passed a socket (LISTEN_FDS)"));
  }
  auto instance = Instance::start(std::move(config));
  if (!instance) return refuse(instance.error());
  Log& log = (*instance)->log();
  const std::string& key = (*instance)->config().signing.file;
  if (is_exposed(key))
    log.warning("others may read the signing key; chmod 600 it", {{"file", key}});
  Watch watch(**instance, limit, environment);
  if (!handover.empty()) {
    if (auto waiting = watch.await_successor(handover); !waiting) return refuse(waiting.error());
  }
  if (predecessor && !embedded) predecessor->end();
  fmt::print("mytoken-server: ready at {} (listening on {})\n",
             (*instance)->config().service.issuer, (*instance)->address());
  std::fflush(stdout);
  notify_supervisor(environment, "READY=1");
  watch.run();
  return 0;
}

}  // namespace mytoken::app
