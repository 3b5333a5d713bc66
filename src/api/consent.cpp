// POST /c: an application that holds a mytoken gets the page on which its user decides about a
// sub-token (spec api.md §13.1, oidc.md §14). The page is shown by the application, which makes the
// token with what the page hands it; here nothing is stored, counted, logged or rotated.
#include "api/common.h"
#include "api/endpoints.h"
#include "http/charge.h"

namespace mytoken::api {
namespace {

using http::Parameters;
using http::Request;
using http::Response;

// The agent passes the page on as one argument of a command, in base64; Linux ends those at 128 KiB
// (spec cli.md §3.1).
constexpr std::size_t largest_page = 95 * 1024;

// The page brings its style and script along, because it is shown at about:blank. Should a browser
// be sent here all the same, the sandbox gives it that same opaque origin: the inline script never
// runs in the origin of the service.
constexpr std::string_view page_policy =
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

}  // namespace

Task<Response> consent(const Api& api, Request& request) {
  auto parameters = Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  auto wish = co_await parse_wish(api, *parameters);
  if (!wish) co_return error_answer(api, wish.error(), request);
  if (wish->oidc_issuer.empty()) {
    co_return error_answer(api, invalid_request("required parameter 'oidc_issuer' missing"),
                           request);
  }
  auto strict = parameters->boolean("error_on_restrictions");
  if (!strict) co_return error_answer(api, strict.error(), request);
  auto presented = require_token(api, request, *parameters);
  if (!presented) co_return error_answer(api, presented.error(), request);
  service::SubtokenRequest wanted;
  wanted.charge_look_ups = [&request](std::size_t names) { return http::charge(request, names); };
  wanted.presentation = std::move(presented->presentation);
  wanted.wish = std::move(*wish);
  wanted.error_on_restrictions = strict->value_or(false);
  auto preview = co_await service::preview_subtoken(api.context, std::move(wanted));
  if (!preview) co_return error_answer(api, preview.error(), request);
  std::string page = api.consent_page(*preview);
  if (page.size() > largest_page) {
    co_return error_answer(api, invalid_request("the request is too long to be shown on a page"),
                           request);
  }
  Response response = Response::text(200, "text/html; charset=utf-8", std::move(page));
  response.headers.set("Content-Security-Policy", std::string(page_policy));
  response.headers.set("Cross-Origin-Resource-Policy", "cross-origin");
  co_return response;
}

}  // namespace mytoken::api
