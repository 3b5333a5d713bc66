// Headers, requests and responses: plain values. The error object of the API is written here and
// nowhere else.
#include "http/message.h"

#include <algorithm>

#include "base/encoding.h"
#include "http/status.h"

namespace mytoken::http {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

}  // namespace

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [key, value] : list_) {
    if (equals_ignoring_case(key, name)) return value;
  }
  return {};
}

bool Headers::has(std::string_view name) const {
  return std::any_of(list_.begin(), list_.end(), [name](const auto& header) {
    return equals_ignoring_case(header.first, name);
  });
}

void Headers::set(std::string_view name, std::string value) {
  for (auto header = list_.begin(); header != list_.end(); ++header) {
    if (!equals_ignoring_case(header->first, name)) continue;
    header->second = std::move(value);
    list_.erase(std::remove_if(
                    header + 1, list_.end(),
                    [name](const auto& other) { return equals_ignoring_case(other.first, name); }),
                list_.end());
    return;
  }
  add(name, std::move(value));
}

void Headers::add(std::string_view name, std::string value) {
  list_.emplace_back(std::string(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(list_,
                [name](const auto& header) { return equals_ignoring_case(header.first, name); });
}

std::optional<std::string> Request::query_value(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::optional<std::string> Request::cookie(std::string_view name) const {
  for (const auto& [key, line] : headers.all()) {
    if (!equals_ignoring_case(key, "Cookie")) continue;
    std::string_view rest = line;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      const std::string_view pair = trimmed(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      const std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos || trimmed(pair.substr(0, equals)) != name) continue;
      return std::string(trimmed(pair.substr(equals + 1)));
    }
  }
  return std::nullopt;
}

Response Response::json(int status, const json::value& body) {
  return text(status, "application/json", boost::json::serialize(body));
}

Response Response::text(int status, std::string_view content_type, std::string body) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", std::string(content_type));
  response.body = std::move(body);
  return response;
}

Response Response::no_content() {
  return empty(204);
}

Response Response::empty(int status) {
  Response response;
  response.status = status;
  return response;
}

Response Response::redirect(int status, std::string location) {
  Response response = empty(status);
  response.headers.add("Location", std::move(location));
  return response;
}

Response Response::error(const Error& error, std::string_view request_id) {
  std::string description = error.description;
  if (description.empty()) description = reason_phrase(error.status);
  if (error.status == 500 && !request_id.empty()) {
    description.append(" (request ").append(request_id).append(")");
  }
  json::object body;
  body["error"] = error.code.empty() ? reason_phrase(error.status) : std::string_view(error.code);
  body["error_description"] = description;
  Response response = json(error.status, body);
  if (error.retry_after.count() > 0) {
    response.headers.add("Retry-After", std::to_string(error.retry_after.count()));
  }
  if (error.status == 401) {
    // RFC 9110 §11.6.1 wants a challenge on every 401; RFC 6750 §3.1 names this error of tokens.
    response.headers.add("WWW-Authenticate", error.code == "Unauthorized" ? "basic realm=Restricted"
                                             : error.code == "invalid_token"
                                                 ? "Bearer error=\"invalid_token\""
                                                 : "Bearer");
  }
  response.problem = std::move(description);
  return response;
}

}  // namespace mytoken::http
