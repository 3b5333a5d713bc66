// Answers that all pages share; see answers.h.
#include "web/answers.h"

#include "service/context.h"

namespace mytoken::web {

using http::Request;
using http::Response;

Response html(int status, std::string body) {
  Response response = Response::text(status, "text/html; charset=utf-8", std::move(body));
  response.headers.set("Cache-Control", "no-store");
  response.headers.set(
      "Content-Security-Policy",
      "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
      "frame-ancestors 'none'");
  return response;
}

Response refuse(const Web& web, const Request& request, const Error& error) {
  service::log_refusal(web.context, error, request.request_id, request.client_address);
  return Response::error(error, request.request_id);
}

std::string cookie_name(const Web& web) {
  return web.settings.secure_cookies ? "__Host-mt-flow" : "mt-flow";
}

}  // namespace mytoken::web
