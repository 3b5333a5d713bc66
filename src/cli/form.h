// Questions to whoever sits at the terminal: never on stdout, which carries the result (spec cli.md
// §1.13, W12). Without a terminal the answers are lines of stdin. GO_PROMPTER_USE_DEFAULT: every
// question is answered by its default.
#pragma once
#include <string>
#include <vector>

#include "cli/context.h"

namespace mytoken::cli {

class Form {
 public:
  explicit Form(Context& context) : context_(context) {}

  // All errors: usage (no more input), cancelled.

  // One line, trimmed; `otherwise` for an empty one.
  client::Outcome<std::string> text(const std::string& question, const std::string& otherwise = "");
  // Asks again until the answer is one of `options`; the first of them is the default.
  client::Outcome<std::string> choice(const std::string& question,
                                      const std::vector<std::string>& options);
  // Words between commas.
  client::Outcome<std::vector<std::string>> list(const std::string& question);
  // The default is no.
  client::Outcome<bool> confirmed(const std::string& question);
  void show(const std::string& text);

 private:
  client::Outcome<std::string> line(const std::string& question);

  Context& context_;
};

// Asks before something is lost, unless `is_forced`. nullopt: go on; else the exit code of a
// command that does nothing.
std::optional<ExitCode> refusal_of(Context& context, bool is_forced, const std::string& question);

// Entries without blanks around them, without empty and repeated ones, sorted.
std::vector<std::string> tidy(const std::vector<std::string>& list);

}  // namespace mytoken::cli
