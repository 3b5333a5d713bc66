// One question is one line in, one line out.
#include "cli/form.h"

#include <algorithm>

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

std::string without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

}  // namespace

client::Outcome<std::string> Form::line(const std::string& question) {
  if (!context_.variable("GO_PROMPTER_USE_DEFAULT").empty()) return std::string();
  const auto stop = context_.interruption();
  const auto answer = context_.console.ask(question, stop);
  if (stop.stop_requested()) return failure(ErrorKind::cancelled, "interrupted");
  if (!answer) return failure(ErrorKind::usage, "a question was not answered: " + question);
  return without_blanks(answer->reveal());
}

client::Outcome<std::string> Form::text(const std::string& question, const std::string& otherwise) {
  auto answer = line(question + (otherwise.empty() ? ": " : " [" + otherwise + "]: "));
  if (answer && answer->empty()) return otherwise;
  return answer;
}

client::Outcome<std::string> Form::choice(const std::string& question,
                                          const std::vector<std::string>& options) {
  std::string all;
  for (const std::string& option : options)
    all.append(all.empty() ? "" : ", ").append(option);
  for (;;) {
    auto answer = text(question + " (" + all + ")", options.front());
    if (!answer || std::find(options.begin(), options.end(), *answer) != options.end())
      return answer;
    show("please choose one of " + all + "\n");
  }
}

client::Outcome<std::vector<std::string>> Form::list(const std::string& question) {
  auto answer = line(question + ": ");
  if (!answer) return failure(std::move(answer.error()));
  std::vector<std::string> words;
  std::size_t start = 0;
  for (std::size_t end = 0; end != std::string::npos; start = end + 1) {
    end = answer->find(',', start);
    words.push_back(answer->substr(start, end == std::string::npos ? end : end - start));
    if (end == std::string::npos) break;
  }
  return tidy(words);
}

client::Outcome<bool> Form::confirmed(const std::string& question) {
  auto answer = line(question + " [y/N] ");
  if (!answer) return failure(std::move(answer.error()));
  return *answer == "y" || *answer == "Y" || *answer == "yes";
}

void Form::show(const std::string& text) {
  context_.console.show(text);
}

std::optional<ExitCode> refusal_of(Context& context, bool is_forced, const std::string& question) {
  if (is_forced) return std::nullopt;
  const auto answer = Form(context).confirmed(question);
  if (!answer) {
    const ExitCode code = report(context, answer.error());
    if (code == wrong_usage) context.console.hint("--force does it without a question");
    return code;
  }
  if (*answer) return std::nullopt;
  context.console.notice("cancelled");
  return done;
}

std::vector<std::string> tidy(const std::vector<std::string>& list) {
  std::vector<std::string> tidied;
  for (const std::string& entry : list) {
    if (std::string word = without_blanks(entry); !word.empty()) tidied.push_back(std::move(word));
  }
  std::sort(tidied.begin(), tidied.end());
  tidied.erase(std::unique(tidied.begin(), tidied.end()), tidied.end());
  return tidied;
}

}  // namespace mytoken::cli
