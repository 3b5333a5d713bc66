// $XDG_STATE_HOME/mytoken/logins/CODE, JSON: server, polling_code, interval and expires_at
// (seconds).
#include "cli/pending_login.h"

#include <algorithm>

#include "base/json.h"
#include "base/random.h"
#include "client/durable_file.h"

namespace mytoken::cli {
namespace {

constexpr std::size_t longest_file = 1 << 16;

// "" without a home directory.
std::filesystem::path folder(const Context& context) {
  const std::string state = context.variable("XDG_STATE_HOME");
  if (state.starts_with('/')) return std::filesystem::path(state) / "mytoken/logins";
  const std::string home = context.variable("HOME");
  if (home.starts_with('/')) return std::filesystem::path(home) / ".local/state/mytoken/logins";
  return {};
}

// "" if `code` is none of ours: it becomes part of a path.
std::filesystem::path file(const Context& context, const std::string& code) {
  const auto place = folder(context);
  const bool is_code =
      code.size() == login_code_length && std::all_of(code.begin(), code.end(), [](char c) {
        return readable_letters.find(c) != std::string_view::npos;
      });
  return place.empty() || !is_code ? std::filesystem::path() : place / code;
}

}  // namespace

std::string save_login(const Context& context, const PendingLogin& login) {
  const auto& authorization = login.authorization;
  if (authorization.expires_in.count() <= 0) return "";
  const auto place = folder(context);
  if (place.empty()) return "";
  std::error_code problem;
  std::filesystem::create_directories(place, problem);
  std::filesystem::permissions(place, std::filesystem::perms::owner_all, problem);
  if (problem) return "";
  std::string code = random_text(login_code_length);
  const json::object content{
      {"server", login.server_url},
      {"polling_code", authorization.polling_code.reveal()},
      {"interval", authorization.interval.count()},
      {"expires_at", to_unix(context.clock->now() + authorization.expires_in)}};
  const Secret text(json::serialize(content));
  return client::create_file(place / code, text.reveal()).empty() ? code : "";
}

std::optional<PendingLogin> load_login(const Context& context, const std::string& code) {
  const auto path = file(context, code);
  if (path.empty()) return std::nullopt;
  const auto text = client::read_own_file(path, longest_file);
  if (!text) return std::nullopt;
  const auto value = parse_json(text->reveal());
  const auto* object = value ? value->if_object() : nullptr;
  const auto* interval = object ? object->if_contains("interval") : nullptr;
  const auto* expires_at = object ? object->if_contains("expires_at") : nullptr;
  if (!interval || !interval->is_int64() || !expires_at || !expires_at->is_int64())
    return std::nullopt;
  PendingLogin login;
  login.server_url = string_member(*object, "server");
  login.authorization.polling_code = Secret(std::string(string_member(*object, "polling_code")));
  login.authorization.interval = Seconds(interval->get_int64());
  login.authorization.expires_in = Seconds(expires_at->get_int64() - to_unix(context.clock->now()));
  if (login.authorization.expires_in.count() <= 0) {
    forget_login(context, code);
    return std::nullopt;
  }
  return login;
}

void forget_login(const Context& context, const std::string& code) {
  const auto path = file(context, code);
  std::error_code ignored;
  if (!path.empty()) std::filesystem::remove(path, ignored);
}

}  // namespace mytoken::cli
