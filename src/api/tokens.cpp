// POST token/transfer and token/revoke (spec api.md §§7, 8).
#include "api/common.h"
#include "api/endpoints.h"
#include "http/code_try.h"
#include "service/codes.h"
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
  std::string target;
  for (const std::string_view member : {"mom_id", "revocation_id"}) {
    auto value = parameters->text(member);
    if (!value) co_return error_answer(api, value.error(), request);
    if (target.empty()) target = value->value_or("");
  }
  auto found = find_token(api, request, *parameters, {"token"});
  if (!found) co_return error_answer(api, found.error(), request);
  if (!*found) co_return error_answer(api, invalid_request("no token given"), request);
  const TokenSource source = (*found)->source;
  service::Presentation presentation{std::move((*found)->text), client_of(request),
                                     api.context.clock.precise()};
  if (!target.empty()) {
    // The presented token only authorises.
    service::OtherRevocation wanted{std::move(target), issuer->value_or(""),
                                    recursive->value_or(false)};
    auto answer = co_await service::revoke_other(
        api.context, operation_request(request, std::move(presentation)), std::move(wanted));
    co_return operation_answer(api, request, source, std::move(answer), 204);
  }
  // The answer is the same whether a code is known or not, so every one is a try.
  if (presentation.text.size() < token::shortest_token) {
    if (auto attempt = http::CodeTry::begin(request); !attempt)
      co_return error_answer(api, attempt.error(), request);
  }
  service::RevocationRequest wanted;
  wanted.presentation = std::move(presentation);
  wanted.oidc_issuer = issuer->value_or("");
  wanted.recursive = recursive->value_or(false);
  auto done = co_await service::revoke_presented(api.context, std::move(wanted));
  if (!done) co_return error_answer(api, done.error(), request);
  http::Response response = http::Response::no_content();
  if (source == TokenSource::cookie) delete_token_cookie(response, api);
  co_return response;
}

}  // namespace mytoken::api
