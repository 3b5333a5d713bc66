// POST token/transfer, token/revoke and tokeninfo (spec api.md §§6–8).
#include "api/common.h"
#include "api/endpoints.h"
#include "http/code_try.h"
#include "service/codes.h"
#include "service/inspect.h"
#include "service/revoke.h"

namespace mytoken::api {

Task<http::Response> token_transfer(const Api& api, http::Request& request) {
  auto parameters = http::Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  auto presented = require_token(api, request, *parameters);
  if (!presented) co_return error_answer(api, presented.error(), request);
  auto answer =
      co_await service::make_transfer_code(api.context, std::move(presented->presentation));
  if (!answer) co_return error_answer(api, answer.error(), request);
  co_return http::Response::json(200, std::move(*answer));
}

Task<http::Response> token_revoke(const Api& api, http::Request& request) {
  auto parameters = http::Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  auto recursive = parameters->boolean("recursive");
  if (!recursive) co_return error_answer(api, recursive.error(), request);
  auto issuer = parameters->text("oidc_issuer");
  if (!issuer) co_return error_answer(api, issuer.error(), request);
  for (const std::string_view member : {"mom_id", "revocation_id"}) {
    auto target = parameters->text(member);
    if (!target) co_return error_answer(api, target.error(), request);
    // The presented token only authorises here; to revoke it instead would be the worst answer.
    if (*target)
      co_return error_answer(
          api, invalid_request("revocation by mom_id is not available on this server"), request);
  }
  auto found = find_token(api, request, *parameters, {"token"});
  if (!found) co_return error_answer(api, found.error(), request);
  if (!*found) co_return error_answer(api, invalid_request("no token given"), request);
  // The answer is the same whether a code is known or not, so every one is a try.
  if ((*found)->text.size() < token::shortest_token) {
    if (auto attempt = http::CodeTry::begin(request); !attempt)
      co_return error_answer(api, attempt.error(), request);
  }
  service::RevocationRequest wanted;
  wanted.presentation = {std::move((*found)->text), client_of(request),
                         api.context.clock.precise()};
  wanted.oidc_issuer = issuer->value_or("");
  wanted.recursive = recursive->value_or(false);
  auto done = co_await service::revoke_presented(api.context, std::move(wanted));
  if (!done) co_return error_answer(api, done.error(), request);
  http::Response response = http::Response::no_content();
  if ((*found)->source == TokenSource::cookie) delete_token_cookie(response, api);
  co_return response;
}

Task<http::Response> tokeninfo(const Api& api, http::Request& request) {
  auto parameters = http::Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  auto action = parameters->text("action");
  if (!action) co_return error_answer(api, action.error(), request);
  if (action->value_or("introspect") != "introspect") {
    co_return error_answer(
        api, invalid_request("the action is unknown or not available on this server"), request);
  }
  auto presented = require_token(api, request, *parameters);
  if (!presented) co_return error_answer(api, presented.error(), request);
  auto answer = co_await service::introspect(api.context, std::move(presented->presentation));
  if (!answer) co_return error_answer(api, answer.error(), request);
  co_return http::Response::json(200, std::move(*answer));
}

}  // namespace mytoken::api
