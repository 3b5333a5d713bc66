// Ctrl-C, SIGTERM and SIGHUP as a stop token, so that a command ends in an orderly way: terminal
// restored, a token that has arrived still stored.
#pragma once
#include <signal.h>

#include <stop_token>
#include <thread>

namespace mytoken::cli {

// From construction on the three signals are blocked in this thread and those it starts; signals
// that the parent ignores stay ignored. At most one object at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return source_.get_token(); }

 private:
  void listen();

  std::stop_source source_;
  sigset_t signals_;
  sigset_t before_;
  int end_ = -1;
  std::thread listener_;
};

}  // namespace mytoken::cli
