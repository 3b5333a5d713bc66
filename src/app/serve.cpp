// Signals are taken by an io_context of this thread's own; the server runs on others.
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

#include "app/keys.h"
#include "app/server.h"

namespace mytoken::app {
namespace {

class SignalWatch {
 public:
  SignalWatch(Instance& instance, std::chrono::milliseconds limit)
      : instance_(instance),
        limit_(limit),
        ends_(context_, SIGTERM, SIGINT),
        others_(context_, SIGHUP, SIGUSR1) {
    await_end();
    await_other();
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
      drain_ = std::thread([this] {
        instance_.stop(limit_);
        asio::post(context_, [this] {
          ends_.cancel();
          others_.cancel();
        });
      });
      await_end();
    });
  }

  void await_other() {
    others_.async_wait([this](boost::system::error_code error, int number) {
      if (error) return;
      instance_.log().warning("this version does not act on the signal; restart the server",
                              {{"signal", number}});
      await_other();
    });
  }

  Instance& instance_;
  std::chrono::milliseconds limit_;
  asio::io_context context_{1};
  asio::signal_set ends_;
  asio::signal_set others_;
  std::thread drain_;
};

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

int serve(Config config) {
  const std::chrono::milliseconds limit = config.drain_timeout;
  auto instance = Instance::start(std::move(config));
  if (!instance) {
    fmt::print(stderr, "mytoken-server: error: {}\n", instance.error().cause);
    return 1;
  }
  Log& log = (*instance)->log();
  const std::string& key = (*instance)->config().signing.file;
  if (is_exposed(key))
    log.warning("others may read the signing key; chmod 600 it", {{"file", key}});
  SignalWatch watch(**instance, limit);
  fmt::print("mytoken-server: ready at {} (listening on {})\n",
             (*instance)->config().service.issuer, (*instance)->address());
  std::fflush(stdout);
  watch.run();
  return 0;
}

}  // namespace mytoken::app
