// Signals for commands that stay: read from a descriptor in the command's own loop, so that nothing
// must be async-signal-safe and each signal is seen with its sender.
#pragma once
#include <signal.h>
#include <sys/signalfd.h>

#include <initializer_list>
#include <optional>

namespace mytoken::cli {

// Blocked from construction on, in this thread and those it starts. Signals that the parent ignores
// (nohup) stay ignored. Not together with Interrupt.
class Signals {
 public:
  explicit Signals(std::initializer_list<int> signals);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int descriptor() const { return descriptor_; }
  std::optional<signalfd_siginfo> next();
  // The mask before, for a child.
  const sigset_t& before() const { return before_; }

 private:
  sigset_t before_;
  int descriptor_ = -1;
};

}  // namespace mytoken::cli
