// The program `mytoken`.
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>

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
  return mytoken::cli::run(std::vector<std::string>(argv + 1, argv + argc), context);
}
