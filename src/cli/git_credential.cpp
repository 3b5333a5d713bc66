// The token was checked to hold no line ends (AccessTokens::get).
#include "cli/git_credential.h"

#include <algorithm>

#include "base/encoding.h"

namespace mytoken::cli {
namespace {

constexpr int most_lines = 1000;

bool is_this_machine(const std::string& host) {
  const std::string name =
      host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
  return name == "localhost" || name == "127.0.0.1" || name == "[::1]";
}

}  // namespace

client::Outcome<GitQuestion> read_git_question(Console& console, const std::stop_token& stop) {
  GitQuestion question;
  for (int i = 0;; ++i) {
    const auto line = console.read_line(stop);
    if (!line || line->empty()) return question;
    const std::string_view text = line->reveal();
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || i == most_lines)
      return client::failure(client::ErrorKind::usage, "standard input is not git's protocol");
    const std::string_view key = text.substr(0, equals);
    const std::string value(text.substr(equals + 1));
    if (key == "protocol") question.protocol = value;
    if (key == "host") question.host = value;
    if (key == "username") question.username = value;
    if (key == "capability[]" && value == "authtype") question.can_bearer = true;
  }
}

bool is_answered(const GitQuestion& question, const std::vector<std::string>& hosts) {
  const bool is_safe = question.protocol == "https" ||
                       (question.protocol == "http" && is_this_machine(question.host));
  return is_safe && std::any_of(hosts.begin(), hosts.end(), [&](const std::string& host) {
           return equals_ignoring_case(host, question.host);
         });
}

Secret git_answer(const GitQuestion& question, const std::string& username,
                  const FreshToken& token) {
  const std::string text(token.token.access_token.reveal());
  std::string answer;
  if (question.can_bearer) {
    answer = "capability[]=authtype\nauthtype=Bearer\ncredential=" + text + "\n";
  } else {
    answer = "username=" + username + "\npassword=" + text + "\n";
  }
  if (token.expires)
    answer += "password_expiry_utc=" + std::to_string(to_unix(*token.expires)) + "\n";
  return Secret(std::move(answer));
}

}  // namespace mytoken::cli
