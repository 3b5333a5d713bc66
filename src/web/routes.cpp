// The pages' handlers: redirect, the end of logins, the start page, the style sheet.
#include "base/encoding.h"
#include "service/enforced.h"
#include "service/flow_request.h"
#include "service/login.h"
#include "web/answers.h"
#include "web/consent_page.h"
#include "web/pages.h"
#include "web/web.h"

namespace mytoken::web {
namespace {

using http::Request;
using http::Response;

std::string_view heading_of(int status) {
  switch (status) {
    case 400:
      return "Bad request";
    case 403:
      return "Forbidden";
    case 502:
      return "The provider did not answer";
    case 503:
      return "Please try again in a moment";
    case 555:
      return "The provider refused the login";
    default:
      return "The login failed";
  }
}

Task<Response> redirect(const Web& web, Request& request) {
  service::Redirect back;
  back.state = request.query_value("state").value_or("");
  back.code = request.query_value("code").value_or("");
  back.error = request.query_value("error").value_or("");
  back.error_description = request.query_value("error_description").value_or("");
  back.iss = request.query_value("iss").value_or("");
  if (auto cookie = request.cookie(cookie_name(web))) back.browser = Secret(std::move(*cookie));
  back.client = {request.client_address,
                 std::string(request.headers.get("User-Agent").substr(0, 500))};
  auto end = co_await service::finish_login(web.context, std::move(back));
  if (!end) {
    const Error& error = end.error();
    service::log_refusal(web.context, error, request.request_id, request.client_address);
    const std::string text = error.status == 500 ? "Please try again. Request " + request.request_id
                                                 : error.code + ": " + error.description;
    co_return html(error.status,
                   error_page(web.settings, error.status, heading_of(error.status), text));
  }
  if (end->refusal) {
    const Error& error = *end->refusal;
    service::log_refusal(web.context, error, request.request_id, request.client_address);
    co_return html(error.status,
                   help_page(web.settings, heading_of(error.status),
                             error.code + ": " + error.description, end->help_html, ""));
  }
  Response response = Response::redirect(303, std::move(end->location));
  response.headers.set("Cache-Control", "no-store");
  if (end->cookie) {
    const Seconds age = *end->cookie == "mytoken" ? web.settings.cookie_lifetime
                                                  : web.context.settings.transfer_code_lifetime;
    std::string cookie = *end->cookie + "=" + std::string(end->cookie_value.reveal()) +
                         "; Path=/api; Max-Age=" + std::to_string(age.count()) +
                         "; HttpOnly; SameSite=Strict";
    if (web.settings.secure_cookies) cookie += "; Secure";
    response.headers.add("Set-Cookie", std::move(cookie));
  }
  co_return response;
}

// The end of a native flow; the application's name is text that anybody may put into the URL.
Task<Response> native(const Web& web, Request& request, std::string heading,
                      std::string otherwise) {
  std::string application = request.query_value("application").value_or("");
  if (application.size() > 255 || !is_utf8(application)) application.clear();
  const std::string text = application.empty()
                               ? std::move(otherwise)
                               : "Please go back to the application “" + application + "”.";
  co_return html(200, message_page(web.settings, heading, heading, text));
}

// Where logins of older pages end (web.md B4): the browser that comes from one is told so, every
// other is sent to the start page.
Task<Response> home(const Web& web, Request& request) {
  if (request.cookie(cookie_name(web))) {
    co_return html(200, message_page(web.settings, "Logged in", "You are logged in",
                                     "This browser holds the token now, for the page that asked "
                                     "for it. You can go back to that page."));
  }
  const auto query = request.target.find('?');
  Response response =
      Response::redirect(303, service::base_url(web.context.settings) + "/" +
                                  (query == std::string::npos ? "" : request.target.substr(query)));
  response.headers.set("Cache-Control", "no-store");
  co_return response;
}

// Before the end of a login whose token may do less than was asked for: the help of the provider's
// operator, and the way on.
Task<Response> reduced(const Web& web, Request& request) {
  const auto provider = web.context.providers.find(request.query_value("issuer").value_or(""));
  const std::string to = request.query_value("to").value_or("");
  const bool is_ours =
      service::is_way_of_help(web.context, request.query_value("issuer").value_or(""), to,
                              request.query_value("sig").value_or(""));
  if (!is_ours || !provider || provider->settings().enforced.help_html.empty() ||
      !service::is_acceptable_redirect_uri(web.context.settings, to))
    co_return refuse(web, request, not_found("there is no such page"));
  co_return html(200, help_page(web.settings, "You are logged in",
                                "What was asked for is not allowed to you as it was, because of "
                                "what your provider says about you. The token has the "
                                "restrictions that are set for you, within the time, the number "
                                "of uses and the hosts that you agreed to.",
                                provider->settings().enforced.help_html, to));
}

}  // namespace

void add_routes(http::Router& router, const Web& web) {
  add_consent_routes(router, web);
  router.add({"GET", "/redirect", [&web](Request& request) { return redirect(web, request); }});
  router.add({"GET", "/home", [&web](Request& request) { return home(web, request); }});
  router.add({"GET", "/reduced", [&web](Request& request) { return reduced(web, request); }});
  router.add({"GET", "/native", [&web](Request& request) {
                return native(web, request, "Success!",
                              "You can close this page and go back to the application.");
              }});
  router.add({"GET", "/native/abort", [&web](Request& request) {
                return native(web, request, "Aborted!",
                              "Nothing was allowed. You can close this page.");
              }});
  router.add({"GET", "/", [&web](Request&) -> Task<Response> {
                co_return html(
                    200, message_page(
                             web.settings, "Start", "mytoken",
                             "This service hands out OpenID Connect access tokens for long-running "
                             "work. Use it with the mytoken command line or your application."));
              }});
  router.add({"GET", "/static/mytoken.css", [](Request&) -> Task<Response> {
                Response response =
                    Response::text(200, "text/css; charset=utf-8", std::string(style_sheet()));
                response.headers.set("Cache-Control", "public, max-age=3600");
                co_return response;
              }});
}

}  // namespace mytoken::web
