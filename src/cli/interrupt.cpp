// A thread that reads the signals from a descriptor: no handler, hence nothing that must be
// async-signal-safe.
#include "cli/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>

namespace mytoken::cli {

Interrupt::Interrupt() {
  sigemptyset(&signals_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action {};
    if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_IGN)
      sigaddset(&signals_, signal);
  }
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  end_ = ::eventfd(0, EFD_CLOEXEC);
  listener_ = std::thread([this] { listen(); });
}

Interrupt::~Interrupt() {
  const std::uint64_t one = 1;
  // An eventfd that counts to one never refuses.
  (void)!::write(end_, &one, sizeof one);
  listener_.join();
  ::close(end_);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Interrupt::listen() {
  const int arrived = ::signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
  for (;;) {
    std::array<pollfd, 2> ready{{{arrived, POLLIN, 0}, {end_, POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), -1) < 0) continue;
    if (ready[1].revents != 0) break;
    signalfd_siginfo info{};
    if (::read(arrived, &info, sizeof info) == static_cast<ssize_t>(sizeof info))
      source_.request_stop();
  }
  ::close(arrived);
}

}  // namespace mytoken::cli
