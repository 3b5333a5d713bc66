// The consent page of a login: shown, and decided by its form or by the API (spec oidc.md §§7–8).
#include "base/encoding.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "http/body.h"
#include "http/code_try.h"
#include "service/flow_request.h"
#include "service/login.h"
#include "service/token_wish.h"
#include "web/answers.h"
#include "web/consent_page.h"
#include "web/pages.h"
#include "web/web.h"

namespace mytoken::web {
namespace {

using http::Parameters;
using http::Request;
using http::Response;

bool admits_html(const Request& request) {
  const std::string_view accept = request.headers.get("Accept");
  return accept.empty() || accept.find("*/*") != std::string_view::npos ||
         accept.find("text/*") != std::string_view::npos ||
         accept.find("text/html") != std::string_view::npos;
}

void set_flow_cookie(Response& response, const Web& web, const Secret& browser) {
  std::string cookie =
      cookie_name(web) + "=" + std::string(browser.reveal()) +
      "; Path=/; Max-Age=" + std::to_string(web.context.settings.flow_lifetime.count()) +
      "; HttpOnly; SameSite=Lax";
  if (web.settings.secure_cookies) cookie += "; Secure";
  response.headers.add("Set-Cookie", std::move(cookie));
}

// The browser's binding secret: what it brought, or a new one to be set.
struct Browser {
  Secret secret;
  bool is_new = false;
};
Browser browser_of(const Web& web, const Request& request) {
  if (auto cookie = request.cookie(cookie_name(web));
      cookie && cookie->size() >= 32 && cookie->size() <= 128) {
    return {Secret(std::move(*cookie)), false};
  }
  return {Secret(base64url(random_bytes(32))), true};
}

// Ties a form to the browser it was shown in.
// And to the request that it showed.
std::string csrf_of(const Web& web, const Browser& browser, const std::string& code,
                    const std::string& request_hash) {
  return base64url(crypto::hmac_sha256(
      web.context.installation_secret.reveal(),
      "consent form " + std::string(browser.secret.reveal()) + " " + code + " " + request_hash));
}

bool is_foreign_origin(const Web& web, const Request& request) {
  const std::string_view origin = request.headers.get("Origin");
  return !origin.empty() && origin != service::origin(web.context.settings);
}

// Forms of pages with `Referrer-Policy: no-referrer` are sent with an Origin of null (Fetch §3.2),
// our own too. What ties them to our page is the form's token, see csrf_of.
bool is_own_form(const Request& request, const Parameters& parameters) {
  const std::string_view site = request.headers.get("Sec-Fetch-Site");
  return request.headers.get("Origin") == "null" && parameters.has("csrf") &&
         parameters.has("decision") && (site.empty() || site == "same-origin");
}

ConsentSubject subject_of(const Web& web, const service::ConsentView& view,
                          service::TokenWish asked) {
  return {view.issuer,      view.provider_name, view.provider_scopes,
          std::move(asked), std::nullopt,       web.context.settings.unsupported_restrictions};
}

Response not_found_page(const Web& web, int status) {
  return html(status, error_page(web.settings, status, "Not found",
                                 "This login is unknown or expired. Please start again."));
}

// The page with these fields, and what is wrong with them.
Response consent_answer(const Web& web, int status, const service::ConsentView& view,
                        service::TokenWish asked, ConsentFields fields, const Browser& browser,
                        const std::string& code, std::string problem,
                        bool shows_conditions = false) {
  const Time now = web.context.clock.now();
  Decision decision = decide(fields, asked, now);
  if (status == 200) decision.errors.clear();
  const ConsentForm form{view,
                         subject_of(web, view, std::move(asked)),
                         std::move(fields),
                         std::move(decision),
                         std::move(problem),
                         shows_conditions,
                         csrf_of(web, browser, code, view.request_hash),
                         base64url(view.request_hash)};
  Response response = html(status, consent_page(web.settings, form, now));
  response.headers.set("X-Frame-Options", "DENY");
  set_flow_cookie(response, web, browser.secret);
  return response;
}

Task<Response> show_consent(const Web& web, Request& request) {
  const std::string code = request.path_parameters.at(0);
  auto view = co_await service::consent_view(web.context, Secret(code));
  if (!view) {
    if (!admits_html(request)) co_return refuse(web, request, view.error());
    co_return not_found_page(web, view.error().status);
  }
  auto asked = service::parse_flow_request(json::serialize(view->request));
  if (!asked) co_return refuse(web, request, asked.error());
  ConsentFields fields = fields_of(asked->wish);
  co_return consent_answer(web, 200, *view, std::move(asked->wish), std::move(fields),
                           browser_of(web, request), code, {});
}

Response changed_page(const Web& web, const Error& error) {
  return html(error.status,
              error_page(web.settings, error.status, "This did not work", error.description));
}

// The form with its fields: allow, or show it again, checked or with other clauses.
Task<Response> decide_by_fields(const Web& web, Request& request, const Parameters& parameters,
                                std::string code, std::string decision, std::string request_hash) {
  const Browser browser = browser_of(web, request);
  auto view = co_await service::consent_view(web.context, Secret(code));
  if (!view) co_return not_found_page(web, view.error().status);
  if (!Secret::equal(view->request_hash, request_hash))
    co_return changed_page(web, service::changed_meanwhile());
  auto asked = service::parse_flow_request(json::serialize(view->request));
  if (!asked) co_return refuse(web, request, asked.error());
  auto fields = read_fields(parameters, asked->wish);
  if (!fields) co_return changed_page(web, fields.error());
  if (decision == "add") add_clause(*fields, asked->wish);
  if (decision.starts_with("remove.")) remove_clause(*fields, decision.substr(7));
  Decision decided = decide(*fields, asked->wish, web.context.clock.now());
  std::string problem;
  int status = 200;
  if (decision == "allow" || decision == "check") {
    if (!decided.errors.empty()) {
      problem = "Please correct what is marked below. Nothing was allowed yet.";
      status = 400;
    }
  }
  if (decision == "allow" && status == 200) {
    decided.edits.shown = request_hash;
    auto location = co_await service::accept_consent(web.context, Secret(code),
                                                     std::move(decided.edits), browser.secret);
    // The way to the provider must not be a redirect of this form.
    if (location) co_return html(200, onward_page(web.settings, *location));
    if (location.error().status != 400) co_return changed_page(web, location.error());
    problem = "This cannot be allowed: " + location.error().description;
    status = 400;
  }
  co_return consent_answer(web, status, *view, std::move(asked->wish), std::move(*fields), browser,
                           code, std::move(problem),
                           decision == "add" || decision.starts_with("remove."));
}

// The decision of the form on our page: full pages in answer.
Task<Response> decide_by_form(const Web& web, Request& request, const Parameters& parameters,
                              std::string code) {
  const Browser browser = browser_of(web, request);
  auto csrf = parameters.text("csrf");
  auto decision = parameters.text("decision");
  auto shown = parameters.text("shown");
  const auto request_hash = shown ? decode_base64url(shown->value_or("")) : std::nullopt;
  if (!request_hash || !csrf || !decision || browser.is_new ||
      !Secret::equal(csrf->value_or(""), csrf_of(web, browser, code, *request_hash))) {
    co_return html(
        403, error_page(web.settings, 403, "Please open the page again",
                        "The form did not come from this browser, or cookies are switched off."));
  }
  const std::string wanted = decision->value_or("");
  if (wanted == "deny") {
    auto location = co_await service::decline_consent(web.context, Secret(code));
    if (!location) co_return changed_page(web, location.error());
    Response response = Response::redirect(303, std::move(*location));
    response.headers.set("Cache-Control", "no-store");
    co_return response;
  }
  if (wanted != "allow" && wanted != "check" && wanted != "add" && !wanted.starts_with("remove."))
    co_return changed_page(web, invalid_request("decision must be allow or deny"));
  // The form's last field: without it the fields before may be incomplete, and none of them counts.
  if (parameters.has("edited")) {
    co_return co_await decide_by_fields(web, request, parameters, std::move(code), wanted,
                                        *request_hash);
  }
  // Without fields: the request as it is.
  service::ConsentEdits edits;
  edits.shown = *request_hash;
  auto location =
      co_await service::accept_consent(web.context, Secret(code), std::move(edits), browser.secret);
  if (!location) co_return changed_page(web, location.error());
  co_return html(200, onward_page(web.settings, *location));
}

// What stands in the answer replaces the request; templates are resolved, profiles are not included
// again.
Task<Result<service::ConsentEdits>> parse_edits(const Web& web, const Parameters& parameters) {
  constexpr std::string_view texts[] = {"oidc_issuer", "name"};
  constexpr std::string_view structures[] = {"restrictions", "capabilities", "rotation", "tags"};
  auto members = parameters.members({texts, {}, structures});
  if (!members) co_return tl::unexpected(members.error());
  auto wish = co_await service::make_wish(web.context, std::move(*members));
  if (!wish) co_return tl::unexpected(wish.error());
  service::ConsentEdits edits;
  edits.oidc_issuer = std::move(wish->oidc_issuer);
  // Left out is left as it is; an explicit null or [] takes all restrictions away.
  if (parameters.mentions("restrictions")) edits.restrictions = std::move(wish->restrictions);
  if (parameters.has("capabilities"))
    edits.capabilities = std::move(wish->capabilities).value_or(token::Capabilities());
  if (parameters.has("name")) edits.name = std::move(wish->name);
  edits.has_rotation = parameters.mentions("rotation");
  edits.rotation = wish->rotation;
  if (parameters.has("tags")) edits.tags = std::move(wish->tags);
  co_return edits;
}

Task<Response> decide_consent(const Web& web, Request& request) {
  const std::string code = request.path_parameters.at(0);
  auto parameters = Parameters::parse(request);
  if (is_foreign_origin(web, request) && !(parameters && is_own_form(request, *parameters))) {
    co_return refuse(web, request, access_denied("the request comes from another site", 403));
  }
  if (!parameters) co_return refuse(web, request, parameters.error());
  if (parameters->has("decision"))
    co_return co_await decide_by_form(web, request, *parameters, code);
  json::object body;
  if (parameters->empty()) {
    auto url = co_await service::decline_consent(web.context, Secret(code));
    if (!url) co_return refuse(web, request, url.error());
    body["url"] = *url;
    co_return Response::json(278, body);
  }
  auto edits = co_await parse_edits(web, *parameters);
  if (!edits) co_return refuse(web, request, edits.error());
  const Browser browser = browser_of(web, request);
  auto url = co_await service::accept_consent(web.context, Secret(code), std::move(*edits),
                                              browser.secret);
  if (!url) co_return refuse(web, request, url.error());
  body["authorization_uri"] = *url;
  Response response = Response::json(278, body);
  set_flow_cookie(response, web, browser.secret);
  co_return response;
}

// A consent code that is wrong, or no longer right, ends in 404.
Task<Response> try_code(const Web& web, Request& request,
                        Task<Response> (*handle)(const Web&, Request&)) {
  auto attempt = http::CodeTry::begin(request);
  if (!attempt) co_return refuse(web, request, attempt.error());
  Response response = co_await handle(web, request);
  if (response.status != 404) attempt->was_no_guess();
  co_return response;
}

}  // namespace

void add_consent_routes(http::Router& router, const Web& web) {
  router.add({"GET", "/c/{code}",
              [&web](Request& request) { return try_code(web, request, show_consent); }});
  router.add({"POST", "/c/{code}",
              [&web](Request& request) { return try_code(web, request, decide_consent); }});
}

}  // namespace mytoken::web
