// posix_spawn: this process has other threads, and after fork() nearly nothing would be safe.
#include "cli/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <mytoken/inspect.h>
#include "cli/discovery.h"

namespace mytoken::cli {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const std::string& text : texts)
    list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

bool holds_a_mytoken(std::string_view value, const std::vector<Secret>& secrets) {
  return client::classify(trimmed(value).reveal()) == client::TokenKind::mytoken_jwt ||
         std::any_of(secrets.begin(), secrets.end(), [value](const Secret& secret) {
           return !secret.empty() && value.find(secret.reveal()) != std::string_view::npos;
         });
}

}  // namespace

std::vector<std::string> child_environment(const std::vector<std::string>& all,
                                           const std::vector<std::string>& without,
                                           const std::vector<Secret>& secrets,
                                           const std::string& added) {
  const std::string added_name = added.substr(0, added.find('='));
  std::vector<std::string> kept;
  for (const std::string& entry : all) {
    const std::size_t equals = entry.find('=');
    const std::string name = entry.substr(0, equals);
    const bool is_unwanted = std::find(without.begin(), without.end(), name) != without.end();
    const std::string_view value = equals == std::string::npos
                                       ? std::string_view()
                                       : std::string_view(entry).substr(equals + 1);
    if (name != added_name && !is_unwanted && !holds_a_mytoken(value, secrets))
      kept.push_back(entry);
  }
  kept.push_back(added);
  return kept;
}

int Child::start(const std::vector<std::string>& command,
                 const std::vector<std::string>& environment, const sigset_t& mask,
                 std::string& problem) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);  // which this program ignores
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setsigmask(&attributes, &mask);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  const auto arguments = pointers(command);
  const auto variables = pointers(environment);
  const int error =
      ::posix_spawnp(&pid_, arguments[0], nullptr, &attributes, arguments.data(), variables.data());
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return 0;
  pid_ = -1;
  problem = command.front() + ": " + std::generic_category().message(error);
  return error == ENOENT ? not_found : not_executable;
}

bool Child::has_own_group() const {
  const pid_t group = ::getpgid(pid_);
  return group > 0 && group != ::getpgrp();
}

void Child::pass_on(const signalfd_siginfo& signal) const {
  if (signal.ssi_code == SI_KERNEL && !has_own_group()) return;
  ::kill(pid_, static_cast<int>(signal.ssi_signo));
}

void Child::stop_and_continue() const {
  ::kill(::getpid(), SIGSTOP);
  // Here the shell continued us.
  const pid_t group = ::getpgid(pid_);
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (terminal >= 0) {
    if (::tcgetpgrp(terminal) == ::getpgrp()) ::tcsetpgrp(terminal, group);
    ::close(terminal);
  }
  ::kill(-group, SIGCONT);
}

std::optional<int> Child::look_after() {
  for (;;) {
    int status = 0;
    const pid_t changed = ::waitpid(pid_, &status, WNOHANG | WUNTRACED);
    if (changed < 0 && errno == EINTR) continue;
    if (changed <= 0) return std::nullopt;
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    if (WIFSIGNALED(status)) return 128 + WTERMSIG(status);
    if (WIFSTOPPED(status) && has_own_group()) stop_and_continue();
  }
}

}  // namespace mytoken::cli
