// Finding the mytoken, answering, cookies, and the shared part of token requests; see common.h.
#include "api/common.h"

#include "base/encoding.h"
#include "crypto/hash.h"
#include "service/context.h"

namespace mytoken::api {
namespace {

constexpr std::size_t longest_name = 100;
constexpr std::size_t longest_application_name = 255;

Result<std::string> limited_text(const http::Parameters& parameters, std::string_view member,
                                 std::size_t most) {
  auto value = parameters.text(member);
  if (!value) return tl::unexpected(value.error());
  std::string text = value->value_or("");
  if (characters(text) > most) {
    return fail(invalid_request(std::string(member) + " is longer than " + std::to_string(most) +
                                " characters"));
  }
  return text;
}

// An array of names, or a string of names separated by blanks.
Result<std::optional<token::Capabilities>> parse_capabilities(const http::Parameters& parameters) {
  auto value = parameters.structured("capabilities");
  if (!value) return tl::unexpected(value.error());
  if (!*value) return std::optional<token::Capabilities>();
  token::Capabilities capabilities;
  if (const auto* text = (*value)->if_string()) {
    capabilities = token::words(*text);
    if (capabilities.empty()) return std::optional<token::Capabilities>();
  } else if (const auto* list = (*value)->if_array()) {
    for (const auto& entry : *list) {
      if (!entry.is_string() || entry.as_string().empty()) {
        return fail(invalid_request("capabilities must be a list of names"));
      }
      capabilities.emplace_back(entry.as_string());
    }
  } else {
    return fail(invalid_request("capabilities must be a list of names"));
  }
  for (const auto& name : capabilities) {
    if (name.starts_with('@')) return fail(invalid_request("unknown template in capabilities"));
  }
  return std::optional<token::Capabilities>(token::without_duplicates(std::move(capabilities)));
}

// A browser says that another origin's page sent this.
bool comes_from_elsewhere(const Api& api, const http::Request& request) {
  const std::string_view site = request.headers.get("Sec-Fetch-Site");
  if (!site.empty() && site != "same-origin" && site != "none") return true;
  const std::string_view origin = request.headers.get("Origin");
  return !origin.empty() && origin != service::origin(api.context.settings);
}

bool is_empty_list(const json::value& value) {
  return value.is_array() && value.as_array().empty();
}

// What this version does not know must not be dropped silently.
Result<void> refuse_unsupported(const http::Parameters& parameters) {
  auto include = parameters.structured("include");
  if (!include) return tl::unexpected(include.error());
  if (*include && !is_empty_list(**include) &&
      !((*include)->is_string() && (*include)->as_string().empty())) {
    return fail(invalid_request("unknown profile in include"));
  }
  for (const std::string_view member : {"tags", "subscribe_notifications"}) {
    auto value = parameters.structured(member);
    if (!value) return tl::unexpected(value.error());
    if (*value && !is_empty_list(**value)) {
      return fail(invalid_request(std::string(member) + " are not available on this server"));
    }
  }
  return {};
}

}  // namespace

service::ClientInfo client_of(const http::Request& request) {
  const std::string_view agent = request.headers.get("User-Agent").substr(0, 500);
  return {request.client_address, is_utf8(agent) ? std::string(agent) : std::string()};
}

Result<std::optional<FoundToken>> find_token(const Api& api, const http::Request& request,
                                             const http::Parameters& parameters,
                                             std::initializer_list<std::string_view> members) {
  for (const std::string_view member : members) {
    auto value = parameters.secret(member);
    if (!value) return tl::unexpected(value.error());
    if (*value) return std::optional(FoundToken{std::move(**value), TokenSource::body});
  }
  const std::string_view header = request.headers.get("Authorization");
  if (header.size() > 7 && equals_ignoring_case(header.substr(0, 7), "Bearer ")) {
    std::string_view token = header.substr(7);
    while (token.starts_with(' '))
      token.remove_prefix(1);
    while (token.ends_with(' '))
      token.remove_suffix(1);
    if (!token.empty())
      return std::optional(FoundToken{Secret(std::string(token)), TokenSource::header});
  }
  // SameSite keeps other sites away, this keeps sibling hosts of the same site away.
  if (comes_from_elsewhere(api, request)) return std::optional<FoundToken>();
  if (auto cookie = request.cookie("mytoken"); cookie && !cookie->empty()) {
    return std::optional(FoundToken{Secret(std::move(*cookie)), TokenSource::cookie});
  }
  return std::optional<FoundToken>();
}

Result<Presented> require_token(const Api& api, const http::Request& request,
                                const http::Parameters& parameters,
                                std::initializer_list<std::string_view> members) {
  auto found = find_token(api, request, parameters, members);
  if (!found) return tl::unexpected(found.error());
  if (!*found) return fail(invalid_token("no mytoken found in request"));
  return Presented{{std::move((*found)->text), client_of(request), api.context.clock.precise()},
                   (*found)->source};
}

service::OperationRequest operation_request(const http::Request& request,
                                            service::Presentation presentation) {
  const std::string what = request.method + ' ' + request.target + '\n' + request.body;
  return {std::move(presentation), crypto::sha256(what)};
}

http::Response operation_answer(const Api& api, const http::Request& request, TokenSource source,
                                Result<service::OperationAnswer> answer, int status_if_empty) {
  if (!answer) return error_answer(api, answer.error(), request);
  http::Response response;
  if (answer->body.empty() && status_if_empty != 200) {
    response = status_if_empty == 204 ? http::Response::no_content()
                                      : http::Response::empty(status_if_empty);
  } else {
    response = http::Response::json(status_if_empty == 201 ? 201 : 200, std::move(answer->body));
  }
  if (!answer->rotated.empty() && source == TokenSource::cookie)
    set_token_cookie(response, api, answer->rotated);
  return response;
}

http::Response error_answer(const Api& api, const Error& error, const http::Request& request) {
  service::log_refusal(api.context, error, request.request_id, request.client_address);
  return http::Response::error(error, request.request_id);
}

void set_token_cookie(http::Response& response, const Api& api, const Secret& token) {
  std::string cookie = "mytoken=" + std::string(token.reveal()) + "; Path=/api; Max-Age=" +
                       std::to_string(api.settings.cookie_lifetime.count()) +
                       "; HttpOnly; SameSite=Strict";
  if (api.settings.secure_cookies) cookie += "; Secure";
  response.headers.add("Set-Cookie", std::move(cookie));
}

void delete_token_cookie(http::Response& response, const Api& api) {
  std::string cookie = "mytoken=; Path=/api; Max-Age=0; HttpOnly; SameSite=Strict";
  if (api.settings.secure_cookies) cookie += "; Secure";
  std::string host = service::base_url(api.context.settings);
  host = host.substr(host.find("://") == std::string::npos ? 0 : host.find("://") + 3);
  host = host.substr(0, host.find_first_of(":/"));
  response.headers.add("Set-Cookie", cookie + "; Domain=" + host);
  response.headers.add("Set-Cookie", std::move(cookie));
}

Result<service::TokenWish> parse_wish(const Api& api, const http::Parameters& parameters) {
  if (auto r = refuse_unsupported(parameters); !r) return tl::unexpected(r.error());
  service::TokenWish wish;
  auto issuer = parameters.text("oidc_issuer");
  if (!issuer) return tl::unexpected(issuer.error());
  wish.oidc_issuer = issuer->value_or("");
  auto name = limited_text(parameters, "name", longest_name);
  if (!name) return tl::unexpected(name.error());
  wish.name = std::move(*name);
  auto application = limited_text(parameters, "application_name", longest_application_name);
  if (!application) return tl::unexpected(application.error());
  wish.application_name = std::move(*application);
  auto restrictions = parameters.structured("restrictions");
  if (!restrictions) return tl::unexpected(restrictions.error());
  auto clauses =
      token::parse_restrictions(*restrictions ? &**restrictions : nullptr, api.context.clock.now());
  if (!clauses) return tl::unexpected(clauses.error());
  wish.restrictions = token::without_repetitions(std::move(*clauses));
  auto capabilities = parse_capabilities(parameters);
  if (!capabilities) return tl::unexpected(capabilities.error());
  wish.capabilities = std::move(*capabilities);
  auto rotation = parameters.structured("rotation");
  if (!rotation) return tl::unexpected(rotation.error());
  auto parsed_rotation = token::parse_rotation(*rotation ? &**rotation : nullptr);
  if (!parsed_rotation) return tl::unexpected(parsed_rotation.error());
  wish.rotation = *parsed_rotation;
  auto type = parameters.text("response_type");
  if (!type) return tl::unexpected(type.error());
  auto response_type = token::parse_response_type(type->value_or(""));
  if (!response_type) return tl::unexpected(response_type.error());
  wish.response_type = *response_type;
  auto length = parameters.integer("max_token_len", INT32_MIN, INT32_MAX);
  if (!length) return tl::unexpected(length.error());
  wish.max_token_len = length->value_or(0);
  return wish;
}

}  // namespace mytoken::api
