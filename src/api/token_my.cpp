// POST token/my: sub-tokens, logins, and the collection of their results (spec api.md §4).
#include "api/common.h"
#include "api/endpoints.h"
#include "crypto/hash.h"
#include "http/charge.h"
#include "http/code_try.h"
#include "service/codes.h"
#include "service/issue.h"
#include "service/login.h"

namespace mytoken::api {
namespace {

using http::Parameters;
using http::Request;
using http::Response;

Task<Response> subtoken(const Api& api, Request& request, Parameters parameters) {
  auto wish = co_await parse_wish(api, parameters);
  if (!wish) co_return error_answer(api, wish.error(), request);
  auto strict = parameters.boolean("error_on_restrictions");
  if (!strict) co_return error_answer(api, strict.error(), request);
  auto presented = require_token(api, request, parameters);
  if (!presented) co_return error_answer(api, presented.error(), request);
  service::SubtokenRequest wanted;
  wanted.charge_look_ups = [&request](std::size_t names) { return http::charge(request, names); };
  wanted.presentation = std::move(presented->presentation);
  wanted.wish = std::move(*wish);
  wanted.error_on_restrictions = strict->value_or(false);
  wanted.request_hash = crypto::sha256("subtoken " + request.body);
  auto answer = co_await service::make_subtoken(api.context, std::move(wanted));
  if (!answer) co_return error_answer(api, answer.error(), request);
  Response response = Response::json(200, std::move(answer->body));
  if (!answer->rotated.empty() && presented->source == TokenSource::cookie) {
    set_token_cookie(response, api, answer->rotated);
  }
  co_return response;
}

// The binding cookie of a flow (oidc.md §13.3); the pages set the same one.
std::string flow_cookie(const Api& api, const Secret& browser) {
  std::string cookie = api.settings.secure_cookies ? "__Host-mt-flow=" : "mt-flow=";
  cookie += browser.reveal();
  cookie += "; Path=/; Max-Age=" + std::to_string(api.context.settings.flow_lifetime.count()) +
            "; HttpOnly; SameSite=Lax";
  if (api.settings.secure_cookies) cookie += "; Secure";
  return cookie;
}

Result<bool> is_web(const Parameters& parameters) {
  auto type = parameters.text("client_type");
  if (!type) return tl::unexpected(type.error());
  if (!*type) {
    type = parameters.text("redirect_type");
    if (!type) return tl::unexpected(type.error());
  }
  return type->value_or("") == "web";
}

Task<Response> login(const Api& api, Request& request, Parameters parameters) {
  auto flow = parameters.text("oidc_flow", false);
  if (!flow) co_return error_answer(api, flow.error(), request);
  if (*flow && **flow != "authorization_code") {
    co_return error_answer(api, invalid_request("oidc_flow must be authorization_code"), request);
  }
  auto web = is_web(parameters);
  if (!web) co_return error_answer(api, web.error(), request);
  auto redirect_uri = parameters.text("redirect_uri");
  if (!redirect_uri) co_return error_answer(api, redirect_uri.error(), request);
  auto wish = co_await parse_wish(api, parameters);
  if (!wish) co_return error_answer(api, wish.error(), request);
  service::LoginRequest wanted;
  wanted.wish = std::move(*wish);
  wanted.web = *web;
  wanted.redirect_uri = redirect_uri->value_or("");
  wanted.client = client_of(request);
  auto start = co_await service::start_login(api.context, std::move(wanted));
  if (!start) co_return error_answer(api, start.error(), request);
  json::object body;
  if (!start->authorization_uri.empty()) {
    body["authorization_uri"] = start->authorization_uri;
    Response response = Response::json(278, body);
    response.headers.add("Set-Cookie", flow_cookie(api, start->browser));
    co_return response;
  }
  body["consent_uri"] = start->consent_uri;
  if (!start->polling_code.empty()) {
    body["polling_code"] = start->polling_code.reveal();
    body["expires_in"] = api.context.settings.flow_lifetime.count();
    body["interval"] = api.context.settings.polling_interval.count();
  }
  co_return Response::json(200, body);
}

Task<Response> poll(const Api& api, Request& request, Parameters parameters) {
  auto code = parameters.secret("polling_code");
  if (!code) co_return error_answer(api, code.error(), request);
  if (!*code) co_return error_answer(api, service::unknown_code(), request);
  auto attempt = http::CodeTry::begin(request);
  if (!attempt) co_return error_answer(api, attempt.error(), request);
  auto answer = co_await service::poll(api.context, std::move(**code), client_of(request));
  if (answer || !service::is_unknown_code(answer.error())) attempt->was_no_guess();
  if (!answer) co_return error_answer(api, answer.error(), request);
  co_return Response::json(200, std::move(*answer));
}

Task<Response> redeem(const Api& api, Request& request, Parameters parameters) {
  auto code = parameters.secret("transfer_code");
  if (!code) co_return error_answer(api, code.error(), request);
  if (!*code) co_return error_answer(api, service::unknown_code(), request);
  auto attempt = http::CodeTry::begin(request);
  if (!attempt) co_return error_answer(api, attempt.error(), request);
  auto answer =
      co_await service::redeem_transfer_code(api.context, std::move(**code), client_of(request));
  if (answer || !service::is_unknown_code(answer.error())) attempt->was_no_guess();
  if (!answer) co_return error_answer(api, answer.error(), request);
  co_return Response::json(200, std::move(*answer));
}

}  // namespace

Task<Response> token_my(const Api& api, Request& request) {
  auto parameters = Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  std::string grant_type = request.query_value("grant_type").value_or("");
  if (grant_type.empty()) {
    auto member = parameters->text("grant_type");
    if (!member) co_return error_answer(api, member.error(), request);
    grant_type = member->value_or("");
  }
  const service::Settings& settings = api.context.settings;
  if (grant_type == "mytoken" || grant_type == "refresh_token") {
    co_return co_await subtoken(api, request, std::move(*parameters));
  }
  if (grant_type == "oidc_flow") co_return co_await login(api, request, std::move(*parameters));
  if (grant_type == "polling_code" && settings.polling_codes) {
    co_return co_await poll(api, request, std::move(*parameters));
  }
  if (grant_type == "transfer_code" && settings.representations.transfer_codes) {
    co_return co_await redeem(api, request, std::move(*parameters));
  }
  co_return error_answer(api, invalid_grant("Unsupported grant_type"), request);
}

}  // namespace mytoken::api
