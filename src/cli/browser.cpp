// The browser is a session of its own, so that Ctrl-C at the command does not reach it.
#include "cli/browser.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <string_view>
#include <vector>

namespace mytoken::cli {
namespace {

std::string find_program(const Context& context, const std::string& name) {
  std::istringstream path(context.variable("PATH"));
  for (std::string folder; std::getline(path, folder, ':');) {
    if (!folder.starts_with('/')) continue;
    const std::string program = folder + "/" + name;
    if (::access(program.c_str(), X_OK) == 0) return program;
  }
  return "";
}

bool is_local_desktop(const Context& context) {
  if (!context.console.is_interactive()) return false;
  for (const char* remote : {"SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"}) {
    if (!context.variable(remote).empty()) return false;
  }
  return !context.variable("WAYLAND_DISPLAY").empty() || !context.variable("DISPLAY").empty();
}

// What a browser may see of the environment.
std::vector<char*> environment_without_tokens() {
  std::vector<char*> kept;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text(*entry);
    if (!text.starts_with("MYTOKEN") && !text.starts_with("BEARER_TOKEN")) kept.push_back(*entry);
  }
  kept.push_back(nullptr);
  return kept;
}

}  // namespace

bool open_browser(const Context& context, const std::string& address) {
  if (!is_local_desktop(context)) return false;
  std::string program = find_program(context, "xdg-open");
  if (program.empty()) return false;
  std::string argument = address;
  std::array<char*, 3> arguments{program.data(), argument.data(), nullptr};
  auto variables = environment_without_tokens();

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  for (const int stream : {1, 2})
    posix_spawn_file_actions_addopen(&files, stream, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(
      &attributes,
      static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  pid_t child = 0;
  const bool is_started = ::posix_spawn(&child, program.c_str(), &files, &attributes,
                                        arguments.data(), variables.data()) == 0;
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return is_started;
}

}  // namespace mytoken::cli
