// The program `mytoken`.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "cli/app.h"
#include "cli/interrupt.h"

int main(int argc, char** argv) {
  // A reader that went away shall be an error of write(), not the end of a program that still has a
  // token to store.
  signal(SIGPIPE, SIG_IGN);
  mytoken::cli::Console console;
  std::unique_ptr<mytoken::cli::Interrupt> interrupt;
  mytoken::cli::Context context{console, [](const char* name) -> std::optional<std::string> {
                                  const char* value = std::getenv(name);
                                  return value ? std::optional<std::string>(value) : std::nullopt;
                                }};
  context.interruption = [&interrupt] {
    if (!interrupt) interrupt = std::make_unique<mytoken::cli::Interrupt>();
    return interrupt->token();
  };
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) == 0) context.host_name = host.data();
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  // git runs the helper "mytoken" under this name, and adds its own word behind the flags.
  if (argc > 0 && std::string_view(argv[0]).ends_with("git-credential-mytoken"))
    arguments.insert(arguments.begin(), {"credential-helper", "git"});
  return mytoken::cli::run(arguments, context);
}
