// What a running command may use besides its own flags, and what its end means to the shell.
// Everything that comes from outside the process (environment, clock, signals, host name) is in
// here, so that tests can give their own.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include <mytoken/error.h>
#include "base/clock.h"
#include "cli/console.h"

namespace mytoken::cli {

enum ExitCode : int {
  done = 0,
  refused = 1,  // by the server (also: it lacks the function), or by the user at the consent page
  wrong_usage = 2,  // flags, configuration, or no usable token
  unreachable = 3,  // network, timeout, TLS, server failure: the same command may work later
  interrupted = 4,  // Ctrl-C, or nobody approved in time
  not_stored = 5  // the result was obtained, but the result or a rotated token could not be written
                  // where it belongs
};

struct Context {
  Console& console;
  std::function<std::optional<std::string>(const char* name)> environment{};  // nullopt: not set
  std::shared_ptr<const Clock> clock = std::make_shared<SystemClock>();
  std::function<std::stop_token()>
      interruption{};  // asked once a command begins to wait for something
  std::filesystem::path temporary_directory = "/tmp";
  std::string host_name{};

  // Global flags.
  std::optional<std::string> config_file{};
  std::optional<std::string> url{};
  bool no_color = false;
  bool json = false;

  // The value of a variable, "" if it is not set.
  std::string variable(const char* name) const { return environment(name).value_or(""); }
  // `path` with a leading "~/" replaced by $HOME.
  std::filesystem::path expand(const std::string& path) const;
};

// `code` of an error of kind token_source: a mytoken could not be put under its name.
inline constexpr const char* not_in_store = "not_in_store";

// Prints an error with a hint where one helps; `capability` is what the mytoken needs for the
// command ("" = none).
ExitCode report(Context& context, const client::ClientError& error,
                std::string_view capability = "");
ExitCode exit_code(const client::ClientError& error);

}  // namespace mytoken::cli
