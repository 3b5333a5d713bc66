// posix_spawn, one pipe, and a way to stop: the child is always waited for.
#include "client/ssh_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

#include "client/secret_text.h"

namespace mytoken::client {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds longest{120};     // somebody may have to type a passphrase
constexpr std::chrono::seconds time_to_end{2};   // between SIGTERM and SIGKILL
constexpr milliseconds pause_between_looks{10};  // at a child that says nothing more
constexpr milliseconds longest_wait{50};         // until a stop is seen
// Tokens in variables are for this program: ssh may be configured to send variables on.
constexpr std::array<std::string_view, 3> hidden{"MYTOKEN=", "MYTOKEN_TC=", "BEARER_TOKEN="};

class Descriptor {
 public:
  explicit Descriptor(int value = -1) : value_(value) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void close() {
    if (value_ >= 0) ::close(value_);
    value_ = -1;
  }
  int get() const { return value_; }

 private:
  int value_;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 1);
  for (std::string& text : texts)
    list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

std::vector<char*> environment_of_child() {
  std::vector<char*> list;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text(*entry);
    if (std::none_of(hidden.begin(), hidden.end(),
                     [&](std::string_view name) { return text.starts_with(name); }))
      list.push_back(*entry);
  }
  list.push_back(nullptr);
  return list;
}

std::string cannot_run(int problem) {
  return "cannot run ssh: " + std::generic_category().message(problem);
}

// 0, or why it could not be started.
int start(const std::string& host, const std::vector<std::string>& words, int output, pid_t& pid) {
  std::vector<std::string> arguments{"ssh", "--", host};
  arguments.insert(arguments.end(), words.begin(), words.end());
  auto argv = pointers(arguments);
  auto envp = environment_of_child();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // Programs that use this library block signals to read them; ssh must see its own.
  sigset_t none, pipe;
  sigemptyset(&none);
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &pipe);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int problem = ::posix_spawnp(&pid, "ssh", &actions, &attributes, argv.data(), envp.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return problem;
}

// A running ssh, ended at the latest with this object.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (is_over()) return;
    ::kill(pid_, SIGTERM);
    const auto end = std::chrono::steady_clock::now() + time_to_end;
    while (!is_over()) {
      if (std::chrono::steady_clock::now() >= end) ::kill(pid_, SIGKILL);
      ::poll(nullptr, 0, static_cast<int>(pause_between_looks.count()));
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool is_over() {
    if (is_over_) return true;
    const pid_t got = ::waitpid(pid_, &status_, WNOHANG);
    // An error: somebody else has waited for it (SIGCHLD is ignored).
    is_over_ = got == pid_ || (got < 0 && errno != EINTR);
    return is_over_;
  }
  int exit_status() const {
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  }

 private:
  pid_t pid_;
  int status_ = 0;
  bool is_over_ = false;
};

}  // namespace

Outcome<SshOutput> run_ssh(const std::string& host, const std::vector<std::string>& words,
                           std::size_t limit, const Call& call) {
  if (call.stop.stop_requested()) return failure(ErrorKind::cancelled, "interrupted");
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failure(ErrorKind::network, cannot_run(errno));
  Descriptor from(ends[0]);
  Descriptor to(ends[1]);
  pid_t pid = -1;
  if (const int problem = start(host, words, to.get(), pid); problem != 0)
    return failure(ErrorKind::usage, cannot_run(problem));
  to.close();
  Child child(pid);
  auto end = std::chrono::steady_clock::now() + longest;
  if (call.deadline) end = std::min(end, *call.deadline);

  std::string text;
  const auto ended = [&](ErrorKind kind, const std::string& why, const char* code = "") {
    const Secret wiped(std::move(text));
    return failure(kind, why, code);
  };
  for (bool is_open = true; is_open || !child.is_over();) {
    if (call.stop.stop_requested()) return ended(ErrorKind::cancelled, "interrupted");
    const auto left = std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0)
      return ended(ErrorKind::timeout, "no answer of ssh " + host + " in time");
    pollfd ready{is_open ? from.get() : -1, POLLIN, 0};
    const auto wait = std::min(left, is_open ? longest_wait : pause_between_looks);
    if (::poll(&ready, 1, static_cast<int>(wait.count())) <= 0) continue;
    std::array<char, 8192> buffer{};
    const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      is_open = false;
      continue;
    }
    if (text.size() + static_cast<std::size_t>(got) > limit)
      return ended(ErrorKind::protocol, "the answer of ssh " + host + " is too long");
    append_wiping(text, {buffer.data(), static_cast<std::size_t>(got)});
    ::explicit_bzero(buffer.data(), static_cast<std::size_t>(got));
  }
  const int status = child.exit_status();
  // Ctrl-C goes to both, and the other one may be faster.
  if (call.stop.stop_requested() || status == 128 + SIGINT)
    return ended(ErrorKind::cancelled, "interrupted");
  if (status >= 128) {  // ssh itself, or a signal
    return ended(
        ErrorKind::network,
        "ssh " + host + " " + words.front() + " failed with exit status " + std::to_string(status),
        "ssh_failed");
  }
  return SshOutput{status, Secret(std::move(text))};
}

}  // namespace mytoken::client
