// settings/grants: what users switch on and off for themselves (spec settings.md §3, api.md §9).
#include "service/grants.h"

#include "api/common.h"
#include "api/endpoints.h"

namespace mytoken::api {
namespace {

using http::Parameters;
using http::Request;
using http::Response;

Task<Response> set_grant(const Api& api, Request& request, bool enabled, int status) {
  auto parameters = Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  auto grant_type = parameters->text("grant_type");
  if (!grant_type) co_return error_answer(api, grant_type.error(), request);
  const std::string name = grant_type->value_or("");
  if (auto r = service::check_grant(api.context.settings, name, enabled); !r)
    co_return error_answer(api, r.error(), request);
  auto presented = require_token(api, request, *parameters);
  if (!presented) co_return error_answer(api, presented.error(), request);
  auto done = co_await service::set_grant(
      api.context, operation_request(request, std::move(presented->presentation)), name, enabled);
  co_return operation_answer(api, request, presented->source, std::move(done), status);
}

}  // namespace

Task<Response> list_grants(const Api& api, Request& request) {
  auto parameters = Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  auto presented = require_token(api, request, *parameters);
  if (!presented) co_return error_answer(api, presented.error(), request);
  auto grants = co_await service::list_grants(
      api.context, operation_request(request, std::move(presented->presentation)));
  co_return operation_answer(api, request, presented->source, std::move(grants));
}

Task<Response> enable_grant(const Api& api, Request& request) {
  return set_grant(api, request, true, 201);
}

Task<Response> disable_grant(const Api& api, Request& request) {
  return set_grant(api, request, false, 204);
}

}  // namespace mytoken::api
