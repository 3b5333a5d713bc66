// The routes that the server tests call: one of each kind of path and answer.
#pragma once
#include <stdexcept>

#include "http/body.h"
#include "http/router.h"

namespace mytoken::http::testing {

inline const std::string& shared_text() {
  static const std::string text = "{\"issuer\":\"" + std::string(1500, 'm') + "\"}";
  return text;
}

inline std::shared_ptr<const std::string> shared_body() {
  static const auto body = std::make_shared<const std::string>(shared_text());
  return body;
}

// What of the request reached the handler.
inline Task<Response> echo(Request& request) {
  json::object seen;
  seen["method"] = request.method;
  seen["head"] = request.head;
  seen["path"] = request.path;
  seen["body"] = request.body;
  seen["parameters"] = json::value_from(request.path_parameters);
  seen["q"] = request.query_value("q").value_or("");
  seen["peer"] = request.peer;
  seen["client_address"] = request.client_address;
  seen["authorization"] = request.headers.get("Authorization");
  co_return Response::json(200, seen);
}

inline Task<Response> page(Request&) {
  co_return Response::text(200, "text/html; charset=utf-8",
                           "<p>" + std::string(1000, 'p') + "</p>");
}

inline Task<Response> metadata(Request&) {
  Response response;
  response.headers.add("Content-Type", "application/json");
  response.headers.add("ETag", "\"v1\"");
  response.headers.add("Cache-Control", "max-age=300");
  response.shared = shared_body();
  co_return response;
}

inline Task<Response> boom(Request&) {
  throw std::runtime_error("a bug with a secret inside");
  co_return Response();
}

inline Task<Response> split(Request&) {
  Response response = Response::empty(201);
  response.headers.add("X-Evil", "a\r\nSet-Cookie: stolen=1");
  co_return response;
}

inline Task<Response> unknown_code(Request& request) {
  const Error error = not_found("this consent has <ended>");
  co_return Response::error(error, request.request_id);
}

inline Task<Response> pending(Request& request) {
  const Error error{"authorization_pending", 428, "not finished", {}};
  Response response = Response::error(error, request.request_id);
  response.rate_counted = false;
  co_return response;
}

inline Task<Response> parameters(Request& request) {
  const auto parsed = Parameters::parse(request);
  if (!parsed) co_return Response::error(parsed.error(), request.request_id);
  co_return Response::no_content();
}

inline Router test_routes(std::string prefix = {}) {
  Router router(std::move(prefix));
  router.add({"GET", "/api/v0/settings", echo});
  router.add({"POST", "/api/v0/token/my", echo});
  router.add({"POST", "/api/v0/parameters", parameters});
  router.add({"POST", "/api/v0/pending", pending});
  router.add({"GET", "/api/v0/settings/grants", echo});
  router.add({"POST", "/api/v0/settings/grants", echo});
  router.add({"DELETE", "/api/v0/settings/grants", echo});
  router.add({"GET", "/api/v0/notifications/calendars/{id}", echo});
  router.add({"GET", "/api/v0/notifications/calendars", echo});
  router.add({"DELETE", "/api/v0/notifications/{code}", echo});
  router.add({"GET", "/api/v0/boom", boom});
  router.add({"GET", "/boom", boom});
  router.add({"POST", "/api/v0/split", split});
  router.add({"GET", "/.well-known/mytoken-configuration", metadata});
  router.add({"GET", "/jwks", metadata});
  router.add({"GET", "/native", page});
  router.add({"GET", "/redirect", page});
  router.add({"GET", "/c/{code}", unknown_code});
  router.add({"POST", "/c/{code}", unknown_code});
  return router;
}

}  // namespace mytoken::http::testing
