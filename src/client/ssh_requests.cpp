// One table from the requests of HTTP to those of ssh.
#include "client/ssh_requests.h"

#include <mytoken/inspect.h>

#include <algorithm>
#include <array>
#include <optional>

#include "client/durable_file.h"
#include "client/reading.h"

namespace mytoken::client {
namespace {

using Method = Exchange::Method;

enum class Payload { none, members };

struct Row {
  Method method;
  const char* endpoint;
  const char* path;    // "{code}" is one segment, which goes into the payload as member `code`
  const char* member;  // only if this member of the body …
  const char* value;   // … says this ("" = anything); null member: always
  const char* word;
  Payload payload;
  SshAnswer answer;
};

constexpr const char* any = "";
constexpr const char* tokeninfo = "tokeninfo_endpoint";
constexpr const char* notifications = "notifications_endpoint";
constexpr const char* tags = "tags_endpoint";
constexpr const char* email = "email_endpoint";
constexpr const char* mytokens = "mytoken_endpoint";

// The first row that fits counts.
constexpr Row rows[] = {
    {Method::post, "access_token_endpoint", "", nullptr, any, "AT", Payload::members,
     SshAnswer::access_token},
    {Method::post, mytokens, "", "grant_type", "mytoken", "MT", Payload::members,
     SshAnswer::mytoken},
    {Method::post, mytokens, "/tags", nullptr, any, "add-tag", Payload::members, SshAnswer::ok},
    {Method::delete_, mytokens, "/tags", nullptr, any, "remove-tag", Payload::members,
     SshAnswer::ok},
    {Method::post, tokeninfo, "", "action", "introspect", "introspect", Payload::none,
     SshAnswer::object},
    {Method::post, tokeninfo, "", "action", "event_history", "history", Payload::none,
     SshAnswer::object},
    {Method::post, tokeninfo, "", "action", "subtokens", "list-subtokens", Payload::none,
     SshAnswer::object},
    {Method::post, tokeninfo, "", "action", "list_mytokens", "list-all-mytokens", Payload::none,
     SshAnswer::object},
    {Method::post, tokeninfo, "", "action", "notifications", "tokeninfo-notifications",
     Payload::members, SshAnswer::object},
    {Method::post, "revocation_endpoint", "", nullptr, any, "revoke", Payload::members,
     SshAnswer::ok},
    {Method::get, email, "", nullptr, any, "email-get", Payload::none, SshAnswer::object},
    {Method::put, email, "", nullptr, any, "email-set", Payload::members, SshAnswer::ok},
    {Method::get, tags, "", nullptr, any, "tags-list", Payload::none, SshAnswer::object},
    {Method::post, tags, "/{tag}", nullptr, any, "tag-create", Payload::members, SshAnswer::ok},
    {Method::put, tags, "/{tag}", nullptr, any, "tag-update", Payload::members, SshAnswer::ok},
    {Method::delete_, tags, "/{tag}", nullptr, any, "tag-delete", Payload::members, SshAnswer::ok},
    {Method::get, notifications, "/calendars", nullptr, any, "calendars", Payload::none,
     SshAnswer::object},
    {Method::post, notifications, "/calendars", nullptr, any, "calendar-create", Payload::members,
     SshAnswer::object},
    {Method::put, notifications, "/calendars/{calendar_id}", nullptr, any, "calendar-update",
     Payload::members, SshAnswer::ok},
    {Method::post, notifications, "/calendars/{calendar_id}", nullptr, any, "calendar-add-mytoken",
     Payload::members, SshAnswer::object},
    {Method::delete_, notifications, "/calendars/{calendar_id}", "mom_id", any,
     "calendar-remove-mytoken", Payload::members, SshAnswer::ok},
    {Method::delete_, notifications, "/calendars/{calendar_id}", nullptr, any, "calendar-delete",
     Payload::members, SshAnswer::ok},
    {Method::post, notifications, "/calendars/{calendar_id}/tags", nullptr, any, "calendar-add-tag",
     Payload::members, SshAnswer::ok},
    {Method::delete_, notifications, "/calendars/{calendar_id}/tags", nullptr, any,
     "calendar-remove-tag", Payload::members, SshAnswer::ok},
    {Method::get, notifications, "", nullptr, any, "notifications", Payload::none,
     SshAnswer::object},
    {Method::post, notifications, "", nullptr, any, "notification-create", Payload::members,
     SshAnswer::object_or_ok},
    {Method::delete_, notifications, "/{management_code}", nullptr, any, "notification-delete",
     Payload::members, SshAnswer::ok},
    {Method::put, notifications, "/{management_code}/nc", nullptr, any, "notification-update",
     Payload::members, SshAnswer::ok},
    {Method::post, notifications, "/{management_code}/token", nullptr, any,
     "notification-add-token", Payload::members, SshAnswer::ok},
    {Method::delete_, notifications, "/{management_code}/token", nullptr, any,
     "notification-remove-token", Payload::members, SshAnswer::ok},
};

// What the session or the name of the request says already; secrets must not get into the arguments
// of a process.
constexpr std::array not_sent{"mytoken", "token", "grant_type", "action"};

// The members that the path names, nullopt if it is another path.
std::optional<json::object> match(std::string_view pattern, const std::vector<std::string>& path) {
  json::object named;
  for (const std::string& segment : path) {
    if (!pattern.starts_with('/')) return std::nullopt;
    pattern.remove_prefix(1);
    const std::string_view part = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(part.size());
    if (part.starts_with('{')) {
      named[part.substr(1, part.size() - 2)] = segment;
    } else if (part != segment) {
      return std::nullopt;
    }
  }
  if (!pattern.empty()) return std::nullopt;
  return named;
}

bool fits(const Row& row, const Exchange& exchange, const json::object& members) {
  if (row.method != exchange.method || row.endpoint != exchange.endpoint) return false;
  if (!row.member) return true;
  const auto* value = members.if_contains(row.member);
  return value && (row.value == std::string_view(any) ||
                   string_member(members, row.member) == std::string_view(row.value));
}

Failure not_available(const std::string& what) {
  return failure(ErrorKind::usage, "not available over ssh" + what);
}

std::string_view without_newline(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

bool is_lower_or_underscore(char c) {
  return (c >= 'a' && c <= 'z') || c == '_';
}
bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// "access_denied": all that some servers say about an error.
bool is_error_word(std::string_view text) {
  return !text.empty() && text.size() < 64 &&
         std::all_of(text.begin(), text.end(), is_lower_or_underscore);
}

// b64token of RFC 6750 §2.1; no access token is as short as a word.
bool is_access_token(std::string_view text) {
  constexpr std::size_t shortest = 16;
  return text.size() >= shortest && !is_error_word(text) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_letter_or_digit(c) || std::string_view("-._~+/=").find(c) != std::string::npos;
         });
}

// What the server says instead of a result.
ClientError refusal(const SshRequest& request, int status, std::string_view text) {
  ClientError error;
  error.kind = ErrorKind::server;
  const std::string_view first = text.substr(0, text.find('\n'));
  const std::string_view word = first.substr(0, first.find(": "));
  if (first == "Unknown request") {
    return failure(ErrorKind::usage,
                   "not supported by this server: it does not know '" + request.word + "' over ssh",
                   not_supported)
        .error;
  }
  if (first.size() == text.size() && is_error_word(word)) {
    error.code = word;
    if (word.size() < first.size())
      error.description = sanitised(first.substr(word.size() + 2), 500);
    return error;
  }
  // A sentence; something without a blank may be a secret of a form that is not known here.
  if (first.size() == text.size() && first.find(' ') != std::string_view::npos &&
      !first.starts_with('{') && !first.starts_with('[')) {
    error.description = sanitised(first, 500);
    return error;
  }
  error.kind = ErrorKind::protocol;
  error.description = "the answer to '" + request.word + "' over ssh is not what was expected";
  if (status != 0) error.description += " (exit status " + std::to_string(status) + ")";
  return error;
}

std::optional<json::object> mytoken_in(std::string_view text) {
  if (is_error_word(text)) return std::nullopt;
  switch (classify(text)) {
    case TokenKind::mytoken_jwt:
      return json::object{{"mytoken", text}, {"mytoken_type", "token"}};
    case TokenKind::short_token:
      if (!std::all_of(text.begin(), text.end(), is_letter_or_digit)) return std::nullopt;
      return json::object{{"mytoken", text}, {"mytoken_type", "short_token"}};
    case TokenKind::code:
      if (!std::all_of(text.begin(), text.end(), is_letter_or_digit)) return std::nullopt;
      return json::object{{"transfer_code", text}, {"mytoken_type", "transfer_code"}};
    case TokenKind::foreign_jwt:
    case TokenKind::malformed:
      break;
  }
  return std::nullopt;
}

std::optional<json::object> object_in(std::string_view text) {
  auto value = parse_json(text, deepest_answer);
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(value->get_object());
}

// nullopt: this is no result.
std::optional<json::object> result_in(SshAnswer expected, std::string_view text) {
  switch (expected) {
    case SshAnswer::access_token:
      if (!is_access_token(text)) return std::nullopt;
      return json::object{{"access_token", text}, {"token_type", "Bearer"}};
    case SshAnswer::mytoken:
      return mytoken_in(text);
    case SshAnswer::object:
      return object_in(text);
    case SshAnswer::ok:
      if (text != "OK") return std::nullopt;
      return json::object();
    case SshAnswer::object_or_ok:
      if (text == "OK") return json::object();
      return object_in(text);
  }
  return std::nullopt;
}

}  // namespace

Outcome<SshRequest> ssh_request_for(const Exchange& exchange, json::object members) {
  for (const Row& row : rows) {
    if (!fits(row, exchange, members)) continue;
    auto named = match(row.path, exchange.path);
    if (!named) continue;
    for (const char* name : not_sent)
      members.erase(name);
    for (const auto& entry : *named) {
      // The new name of a tag is called like the old one over HTTP.
      if (auto* renamed = members.if_contains(entry.key())) members["name"] = std::move(*renamed);
      members[entry.key()] = entry.value();
    }
    if (row.payload == Payload::none && !members.empty()) {
      return not_available(": " + std::string(row.word) + " with '" +
                           std::string(members.begin()->key()) + "'");
    }
    return SshRequest{row.word, std::move(members), row.answer};
  }
  return not_available("");
}

Outcome<json::object> parse_ssh_answer(const SshRequest& request, int status,
                                       std::string_view output) {
  const std::string_view text = without_newline(output);
  if (status == 0) {
    auto result = result_in(request.answer, text);
    if (result && string_member(*result, "error").empty()) {
      result->erase("token_update");
      return std::move(*result);
    }
    if (result) {
      ClientError error;
      error.kind = ErrorKind::server;
      error.code = sanitised(string_member(*result, "error"));
      error.description = sanitised(string_member(*result, "error_description"), 500);
      return failure(std::move(error));
    }
  }
  return failure(refusal(request, status, text));
}

}  // namespace mytoken::client
