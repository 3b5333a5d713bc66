// The command that `mytoken exec` runs. It stays in the caller's process group: what the terminal
// sends (Ctrl-C, Ctrl-Z, a hang-up) reaches it directly, and job control of the shell sees both as
// one job; what is sent to this process alone is passed on.
#pragma once
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"

namespace mytoken::cli {

// `all` ("NAME=value") without the variables `without`, without those whose value is or contains
// one of `secrets` or is a mytoken JWT, and with `added`.
std::vector<std::string> child_environment(const std::vector<std::string>& all,
                                           const std::vector<std::string>& without,
                                           const std::vector<Secret>& secrets,
                                           const std::string& added);

// What a shell says when a command cannot be started.
inline constexpr int not_executable = 126;
inline constexpr int not_found = 127;

class Child {
 public:
  // Searched in PATH. 0, or one of the codes above with `problem` set.
  int start(const std::vector<std::string>& command, const std::vector<std::string>& environment,
            const sigset_t& mask, std::string& problem);

  // Unless the kernel sent it to the whole group already.
  void pass_on(const signalfd_siginfo& signal) const;
  // To be called on SIGCHLD. The exit code (128 + n if signal n killed it) once it has ended. A
  // child with a process group of its own (a shell) that stopped stops this process too, and is
  // continued with it, in the foreground if this process is.
  std::optional<int> look_after();

 private:
  bool has_own_group() const;
  void stop_and_continue() const;

  pid_t pid_ = -1;
};

}  // namespace mytoken::cli
