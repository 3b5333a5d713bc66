// The three standard streams with the rules of the command: stdout carries the result and nothing
// else; everything for people goes to stderr, one line each, as `mytoken: error: …` or `mytoken:
// hint: …` without capital letter or full stop. Tests put other descriptors here.
#pragma once
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace mytoken::cli {

struct Descriptors {
  int in = 0;
  int out = 1;
  int err = 2;
  const char* terminal = "/dev/tty";  // where questions go; null: nowhere
};

class Console {
 public:
  explicit Console(Descriptors descriptors = {});

  // Whether stderr (where people look) is a terminal, and how wide; 0 columns = unknown.
  bool is_interactive() const { return is_interactive_; }
  int columns() const;
  // Whether stdout is a terminal.
  bool result_is_for_people() const { return result_is_for_people_; }
  // ANSI sequences on stderr: see spec cli.md §1.11; `off` is --no-color.
  bool uses_colour(bool off, bool no_color_variable) const {
    return is_interactive_ && !off && !no_color_variable;
  }

  // To stdout, completely. False if that failed (closed pipe, full disk).
  [[nodiscard]] bool result(std::string_view text);
  // To stderr as it is.
  void note(std::string_view text);
  // To stderr as "mytoken: <kind>: <text>"; control characters are replaced, so that a server
  // cannot paint on a terminal.
  void error(std::string_view text) { line("error", text); }
  void hint(std::string_view text) { line("hint", text); }
  void warning(std::string_view text) { line("warning", text); }
  void notice(std::string_view text) { line("notice", text); }

  // First line of stdin, at most 64 KiB; nullopt at its end.
  std::optional<Secret> read_line(const std::stop_token& stop);
  // Asks on the controlling terminal without echo; without one reads stdin. nullopt: end of input
  // or stopped.
  std::optional<Secret> prompt(std::string_view question, const std::stop_token& stop);
  // The same with echo.
  std::optional<Secret> ask(std::string_view question, const std::stop_token& stop);
  // To the controlling terminal, without one to stderr.
  void show(std::string_view text);

 private:
  void line(std::string_view kind, std::string_view text);
  std::optional<Secret> converse(std::string_view question, bool echoes,
                                 const std::stop_token& stop);

  Descriptors descriptors_;
  bool is_interactive_;
  bool result_is_for_people_;
};

}  // namespace mytoken::cli
