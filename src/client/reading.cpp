// Lenient readers for the members of answers.
#include "client/reading.h"

#include <mytoken/client.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/clock.h"
#include "client/durable_file.h"
#include "client/url.h"

namespace mytoken::client {
const json::value* member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && !value->is_null() ? value : nullptr;
}

std::optional<std::int64_t> integer_member(const json::object& object, std::string_view name) {
  const auto* value = member(object, name);
  if (!value) return std::nullopt;
  if (value->is_int64()) return value->get_int64();
  if (value->is_double()) {
    const double number = value->get_double();
    if (std::abs(number) < 9e15 && std::trunc(number) == number)
      return static_cast<std::int64_t>(number);
  }
  return std::nullopt;
}

std::vector<std::string> text_members(const json::object& object, std::string_view name) {
  std::vector<std::string> list;
  const auto* value = member(object, name);
  if (!value) return list;
  if (const auto* text = value->if_string()) list.emplace_back(std::string_view(*text));
  if (const auto* array = value->if_array()) {
    for (const auto& entry : *array) {
      if (const auto* text = entry.if_string()) list.emplace_back(std::string_view(*text));
    }
  }
  return list;
}

bool bool_member(const json::object& object, std::string_view name) {
  const auto* value = member(object, name);
  return value && value->is_bool() && value->get_bool();
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

void add_unsaved(ClientError& error, const TokenUpdate& update) {
  error.description += "; moreover: " + update.not_stored->description;
  error.unsaved = std::make_shared<const Secret>(update.mytoken);
}

json::array array_of(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts)
    array.emplace_back(text);
  return array;
}

namespace {

std::optional<Seconds> lifetime(const json::object& object, std::string_view name) {
  const auto seconds = integer_member(object, name);
  if (!seconds || *seconds <= 0 || *seconds > std::numeric_limits<std::int32_t>::max())
    return std::nullopt;
  return Seconds(*seconds);
}

constexpr std::size_t longest_secret = 1 << 14;
constexpr std::size_t longest_access_token = 1 << 16;

// Tokens and codes end in files, headers and on terminals: what is not one line of printable ASCII
// is none.
Secret secret(const json::object& object, std::string_view name,
              std::size_t longest = longest_secret) {
  const std::string_view text = string_member(object, name);
  const bool is_usable =
      text.size() <= longest &&
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!is_usable) return Secret();
  return Secret(std::string(text));
}

}  // namespace

Outcome<json::value> parse_answer(int status, std::string_view body, Seconds retry_after,
                                  bool may_be_array) {
  const bool is_success = status >= 200 && status < 300;
  if (is_success && body.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return json::value(json::object());
  // Some servers write the status text into answers without content.
  if (is_success && (body == "OK" || body == "Created")) return json::value(json::object());
  auto value = parse_json(body, deepest_answer);
  if (value && value->is_null() && is_success) return json::value(json::object());
  if (value && value->is_array() && is_success && may_be_array) return std::move(*value);
  auto* object = value ? value->if_object() : nullptr;
  if (object && is_success && string_member(*object, "error").empty()) return std::move(*value);
  ClientError error;
  error.http_status = status;
  error.retry_after = retry_after;
  if (object && !string_member(*object, "error").empty()) {
    error.kind = ErrorKind::server;
    error.code = sanitised(string_member(*object, "error"));
    error.description = sanitised(string_member(*object, "error_description"), 500);
    return failure(std::move(error));
  }
  error.kind = ErrorKind::protocol;
  error.description = "the server answered with status " + std::to_string(status);
  if (status >= 300 && status < 400) {
    error.description += ", a redirect to another address";
  } else if (is_success) {
    error.description += " and something that is not a JSON object";
  } else if (!body.empty()) {
    error.description += " and without a reason: " + sanitised(body, 80);
  }
  return failure(std::move(error));
}

Outcome<AccessToken> parse_access_token(const json::object& answer) {
  AccessToken token;
  token.access_token = secret(answer, "access_token", longest_access_token);
  if (token.access_token.empty())
    return failure(ErrorKind::protocol, "the server answered without an access token");
  token.token_type = string_member(answer, "token_type");
  token.expires_in = lifetime(answer, "expires_in");
  token.scope = string_member(answer, "scope");
  token.audience = text_members(answer, "audience");
  return token;
}

Outcome<Mytoken> parse_mytoken(const json::object& answer) {
  Mytoken token;
  token.mytoken = secret(answer, "mytoken");
  token.transfer_code = secret(answer, "transfer_code");
  if (token.mytoken.empty() && token.transfer_code.empty()) {
    return failure(ErrorKind::protocol, "the server answered without a mytoken");
  }
  token.mytoken_type = string_member(answer, "mytoken_type");
  token.mom_id = string_member(answer, "mom_id");
  token.expires_in = lifetime(answer, "expires_in");
  if (const auto* value = member(answer, "restrictions"); value && value->is_array()) {
    if (!value->get_array().empty()) token.restrictions = json::serialize(*value);
  }
  token.capabilities = text_members(answer, "capabilities");
  if (const auto* value = member(answer, "rotation");
      value && value->is_object() && !value->get_object().empty()) {
    token.rotation = json::serialize(*value);
  }
  return token;
}

Outcome<Authorization> parse_authorization(const json::object& answer,
                                           const std::string& server_url) {
  Authorization authorization;
  authorization.consent_uri = string_member(answer, "consent_uri");
  authorization.polling_code = secret(answer, "polling_code");
  // The address is shown to the user and may be opened: nothing but a web address may come through.
  if (!is_announceable(
          authorization.consent_uri.substr(0, authorization.consent_uri.find_first_of("?#")),
          server_url)) {
    return failure(ErrorKind::protocol,
                   "the server answered without a usable address for the approval");
  }
  for (const char c : authorization.consent_uri) {
    if (c <= ' ' || c >= 0x7f)
      return failure(ErrorKind::protocol, "the address for the approval is malformed");
  }
  if (authorization.polling_code.empty()) {
    return failure(ErrorKind::protocol, "the server answered without a polling code");
  }
  authorization.expires_in = lifetime(answer, "expires_in").value_or(Seconds(0));
  authorization.interval = lifetime(answer, "interval").value_or(Seconds(5));
  return authorization;
}

Outcome<Secret> successor_in(const json::object& answer) {
  const auto* update = member(answer, "token_update");
  const auto* object = update ? update->if_object() : nullptr;
  if (!object || string_member(*object, "mytoken").empty()) return Secret();
  Secret successor = secret(*object, "mytoken");
  if (successor.empty()) {
    return failure(ErrorKind::protocol,
                   "the server replaced the mytoken by something that is none; nothing was stored");
  }
  return successor;
}

}  // namespace mytoken::client
