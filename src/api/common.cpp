// Finding the mytoken, answering, cookies; see common.h.
#include "api/common.h"

#include "base/encoding.h"
#include "crypto/hash.h"
#include "service/context.h"

namespace mytoken::api {
namespace {

// A browser says that another origin's page sent this.
bool comes_from_elsewhere(const Api& api, const http::Request& request) {
  const std::string_view site = request.headers.get("Sec-Fetch-Site");
  if (!site.empty() && site != "same-origin" && site != "none") return true;
  const std::string_view origin = request.headers.get("Origin");
  return !origin.empty() && origin != service::origin(api.context.settings);
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

Task<Result<service::TokenWish>> parse_wish(const Api& api, const http::Parameters& parameters) {
  auto request =
      parameters.members({service::wish_texts, service::wish_integers, service::wish_structures});
  if (!request) co_return tl::unexpected(request.error());
  co_return co_await service::make_wish(api.context, std::move(*request));
}

}  // namespace mytoken::api
