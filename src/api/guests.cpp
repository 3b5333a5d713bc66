// Endpoints of the guest provider; see guests.h.
#include "api/guests.h"

#include "api/common.h"
#include "api/endpoints.h"
#include "base/encoding.h"
#include "service/guests.h"

namespace mytoken::api {
namespace {

constexpr std::size_t longest_state = 2048;
constexpr std::size_t challenge_length = 43;  // SHA-256 in base64url

std::string guest_url(const Api& api, std::string_view endpoint) {
  return service::base_url(api.context.settings) + std::string(service::guest_path) +
         std::string(endpoint);
}

http::Response token_answer(service::GuestTokens tokens) {
  json::object body;
  body["access_token"] = tokens.access_token.reveal();
  body["token_type"] = "Bearer";
  body["refresh_token"] = tokens.refresh_token.reveal();
  body["id_token"] = tokens.id_token.reveal();
  body["expires_in"] = tokens.expires_in.count();
  return http::Response::json(200, std::move(body));
}

struct TokenRequest {
  std::string grant_type;
  Secret code;
  Secret code_verifier;
  Secret refresh_token;
};

Result<TokenRequest> parse(const http::Request& request) {
  auto parameters = http::Parameters::parse(request);
  if (!parameters) return tl::unexpected(parameters.error());
  TokenRequest wanted;
  auto grant_type = parameters->text("grant_type");
  if (!grant_type) return tl::unexpected(grant_type.error());
  wanted.grant_type = grant_type->value_or("");
  const auto take = [&](std::string_view name, Secret& to) -> Result<void> {
    auto value = parameters->secret(name);
    if (!value) return tl::unexpected(value.error());
    if (*value) to = std::move(**value);
    return {};
  };
  if (auto r = take("code", wanted.code); !r) return tl::unexpected(r.error());
  if (auto r = take("code_verifier", wanted.code_verifier); !r) return tl::unexpected(r.error());
  if (auto r = take("refresh_token", wanted.refresh_token); !r) return tl::unexpected(r.error());
  if (wanted.code.empty() && wanted.grant_type == "authorization_code")
    return fail(invalid_request("parameter code is missing"));
  return wanted;
}

Task<http::Response> token_for(const Api& api, http::Request& request, service::Redeemer redeemer) {
  auto wanted = parse(request);
  if (!wanted) co_return error_answer(api, wanted.error(), request);
  if (wanted->code.empty())
    co_return token_answer(service::refresh_guest(api.context, wanted->refresh_token));
  auto tokens = co_await service::redeem_guest_code(api.context, std::move(wanted->code),
                                                    std::move(wanted->code_verifier), redeemer);
  if (!tokens) co_return error_answer(api, tokens.error(), request);
  co_return token_answer(std::move(*tokens));
}

}  // namespace

Task<http::Response> guest_configuration(const Api& api, http::Request&) {
  json::object document;
  document["token_endpoint"] = guest_url(api, "/token");
  document["authorization_endpoint"] = guest_url(api, "/auth");
  co_return http::Response::json(200, std::move(document));
}

// Nobody is asked anything: the consent page has said what a guest is.
Task<http::Response> guest_authorization(const Api& api, http::Request& request) {
  const std::string state = request.query_value("state").value_or("");
  if (state.empty())
    co_return error_answer(api, invalid_request("parameter state is missing"), request);
  if (state.size() > longest_state)
    co_return error_answer(api, invalid_request("parameter state is too long"), request);
  const std::string challenge = request.query_value("code_challenge").value_or("");
  const std::string method = request.query_value("code_challenge_method").value_or("S256");
  if (!challenge.empty() && (challenge.size() != challenge_length || method != "S256")) {
    co_return error_answer(api, invalid_request("parameter code_challenge must be of method S256"),
                           request);
  }
  const std::string code = service::guest_code(api.context, challenge);
  std::string location = service::base_url(api.context.settings) +
                         "/redirect?state=" + percent_encode(state) +
                         "&code=" + percent_encode(code);
  co_return http::Response::redirect(302, std::move(location));
}

Task<http::Response> guest_token(const Api& api, http::Request& request) {
  co_return co_await token_for(api, request, service::Redeemer::anybody);
}

Task<net::HttpResponse> GuestClient::send(net::HttpRequest request) {
  http::Request inner;
  inner.method = std::move(request.method);
  for (auto& [name, value] : request.headers)
    inner.headers.add(name, std::move(value));
  inner.body = std::move(request.body);
  const std::string url = std::move(request.url);
  http::Response answer;
  if (inner.method == "GET" && url == guest_url(api_, "/.well-known/openid-configuration")) {
    answer = co_await guest_configuration(api_, inner);
  } else if (inner.method == "POST" && url == guest_url(api_, "/token")) {
    answer = co_await token_for(api_, inner, service::Redeemer::own_login);
  } else {
    answer = http::Response::empty(404);
  }
  net::HttpResponse response;
  response.status = answer.status;
  response.body = answer.content();
  co_return response;
}

}  // namespace mytoken::api
