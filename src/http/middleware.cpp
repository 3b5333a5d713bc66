// The way in: from a parsed request to its handler or to the reason why it gets none. The way out
// is in answer.cpp.
#include "http/middleware.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/encoding.h"
#include "base/random.h"
#include "http/error_page.h"
#include "http/status.h"

namespace mytoken::http {
namespace {

constexpr std::size_t max_echoed_path = 512;
// Metadata is cheap, and clients read it before each poll: that many times the limit of all else.
constexpr std::uint32_t metadata_factor = 10;

bool is_request_id(std::string_view text) {
  return text.size() >= 8 && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-';
         });
}

bool is_known_method(std::string_view method) {
  constexpr std::array<std::string_view, 7> known = {"GET",    "POST",  "HEAD",   "PUT",
                                                     "DELETE", "PATCH", "OPTIONS"};
  return std::find(known.begin(), known.end(), method) != known.end();
}

// All lines of a header as one list: a proxy may append a line of its own behind what the client
// sent.
std::string joined(const Headers& headers, std::string_view name) {
  std::string list;
  for (const auto& [key, value] : headers.all()) {
    if (!equals_ignoring_case(key, name)) continue;
    if (!list.empty()) list += ", ";
    list += value;
  }
  return list;
}

// "http://host/path?x" (RFC 9112 §3.2.2) -> "/path?x".
std::string_view origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const std::size_t start = target.find_first_of("/?", scheme.size());
    return start == std::string_view::npos ? std::string_view("/") : target.substr(start);
  }
  return target;
}

std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> query;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view field = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (field.empty()) continue;
    const std::size_t equals = std::min(field.find('='), field.size());
    auto name = percent_decode(field.substr(0, equals), true);
    auto value = percent_decode(field.substr(std::min(equals + 1, field.size())), true);
    if (!name || !value) return std::nullopt;
    query.emplace_back(std::move(*name), std::move(*value));
  }
  return query;
}

// A path for an error text; nothing that is no text, nothing long.
std::string shown(const std::string& path) {
  return path.size() <= max_echoed_path && is_utf8(path) ? path : std::string("no such path");
}

}  // namespace

Middleware::Middleware(const ServerSettings& settings, const Router& router, Log& log)
    : settings_(settings), router_(router), log_(log) {
  if (settings.rate_limit && settings.rate_limit->enabled) {
    limiter_ = std::make_unique<RateLimiter>(*settings.rate_limit);
    RateLimit metadata = *settings.rate_limit;
    metadata.max_requests = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(std::uint64_t{metadata.max_requests} * metadata_factor,
                                std::numeric_limits<std::uint32_t>::max()));
    metadata_limiter_ = std::make_unique<RateLimiter>(std::move(metadata));
  }
  if (settings.code_tries && settings.code_tries->enabled) {
    code_tries_ = std::make_unique<RateLimiter>(*settings.code_tries);
  }
  if (equals_ignoring_case(std::string_view(settings.issuer).substr(0, 8), "https://") &&
      settings.hsts_max_age.count() > 0) {
    hsts_ = "max-age=" + std::to_string(settings.hsts_max_age.count());
  }
}

void Middleware::identify(Exchange& exchange) const {
  Request& request = exchange.request;
  const std::string_view given = request.headers.get("X-Request-ID");
  request.request_id = is_request_id(given) ? std::string(given) : random_uuid();
  request.client_address =
      settings_.proxy_header.empty()
          ? request.peer
          : net::client_address(request.peer, joined(request.headers, settings_.proxy_header),
                                settings_.trusted_proxies);
  request.rate_limiter = limiter_.get();
  request.code_tries = code_tries_.get();
}

// The counts of the general limit with their length before them, then those of wrong codes.
std::string Middleware::own_counts(std::size_t servers) const {
  const auto now = std::chrono::steady_clock::now();
  const auto wall = std::chrono::system_clock::now();
  const std::string general = limiter_ ? limiter_->own_counts(servers, now, wall) : std::string();
  const std::string codes =
      code_tries_ ? code_tries_->own_counts(servers, now, wall) : std::string();
  if (general.empty() && codes.empty()) return {};
  return std::to_string(general.size()) + ":" + general + codes;
}

void Middleware::learn_counts(const std::vector<std::string>& others) const {
  const auto now = std::chrono::steady_clock::now();
  const auto wall = std::chrono::system_clock::now();
  std::vector<std::string> general;
  std::vector<std::string> codes;
  for (const std::string_view text : others) {
    std::size_t size = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), size);
    const auto begin = static_cast<std::size_t>(end - text.data()) + 1;
    if (problem != std::errc() || begin > text.size() || size > text.size() - begin) continue;
    general.emplace_back(text.substr(begin, size));
    codes.emplace_back(text.substr(begin + size));
  }
  if (limiter_) limiter_->learn_counts(general, now, wall);
  if (code_tries_) code_tries_->learn_counts(codes, now, wall);
}

void Middleware::locate(Exchange& exchange, std::string_view path) const {
  exchange.local = router_.local(path);
  exchange.path_class = router_.classify(path);
  const std::string_view local = exchange.local;
  const bool is_static = local.starts_with("/static/") || local == "/static";
  const bool is_consent_call =
      exchange.request.method == "POST" && (local == "/c" || local.starts_with("/c/"));
  exchange.shows_pages = (exchange.path_class == PathClass::page || is_static) &&
                         !is_consent_call &&
                         admits_html(joined(exchange.request.headers, "Accept"));
}

Response Middleware::failure(const Exchange& exchange, const Error& error) const {
  return Response::error(error, exchange.request.request_id);
}

Response Middleware::reject(Exchange& exchange, const Error& error) const {
  identify(exchange);
  const std::string_view target = origin_form(exchange.request.target);
  const auto path = normalise_path(target.substr(0, target.find('?')));
  // Who is not understood at all is more likely a program than a person.
  locate(exchange, target.empty() ? "/api" : path.value_or(std::string(target)));
  return failure(exchange, error);
}

Response Middleware::caught(const Exchange& exchange, std::string_view what) const {
  const std::string route(exchange.match.pattern);
  log_.error("request failed by an exception", {{"request_id", exchange.request.request_id},
                                                {"method", exchange.request.method},
                                                {"route", route},
                                                {"what", what}});
  return failure(exchange, internal_error(std::string(what)));
}

std::optional<Response> Middleware::admit(Exchange& exchange) const {
  Request& request = exchange.request;
  identify(exchange);
  if (request.method == "HEAD") {
    request.head = true;
    request.method = "GET";
  }
  const bool is_options = request.method == "OPTIONS";
  if (is_options && request.target == "*") {
    request.path = "/";
    Response response = Response::no_content();
    response.headers.add("Allow", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
    return response;
  }
  const std::string_view target = origin_form(request.target);
  const std::size_t mark = std::min(target.find('?'), target.size());
  std::optional<std::string> path;
  if (mark == 0 || target.front() == '/') path = normalise_path(target.substr(0, mark));
  locate(exchange, path.value_or(std::string(target.substr(0, mark))));
  exchange.is_preflight = is_options && exchange.path_class != PathClass::page &&
                          request.headers.has("Origin") &&
                          request.headers.has("Access-Control-Request-Method");
  if (limiter_ && !exchange.is_preflight) {
    const bool is_metadata = exchange.path_class == PathClass::metadata;
    const auto rate =
        (is_metadata ? metadata_limiter_ : limiter_)
            ->count(request.client_address.empty() ? request.peer : request.client_address,
                    request.arrival);
    // How much metadata is left interests nobody who is let in.
    if (!is_metadata || !rate.allowed) exchange.rate = rate;
    if (!rate.allowed) {
      Error error = http_error(429, "too many requests from your address, try again later");
      error.retry_after = exchange.rate.reset;
      return failure(exchange, error);
    }
  }
  if (settings_.closed && exchange.path_class != PathClass::metadata && !exchange.is_preflight) {
    if (auto closed = settings_.closed()) return failure(exchange, *closed);
  }
  auto query = parse_query(target.substr(std::min(mark + 1, target.size())));
  if (!path || !query) return failure(exchange, http_error(400, "the URL is malformed"));
  request.path = std::move(*path);
  request.query = std::move(*query);

  if (exchange.is_preflight) return Response::no_content();
  if (!is_known_method(request.method)) {
    return failure(exchange, http_error(501, "this method is not supported"));
  }
  exchange.match = router_.match(request.method, request.path);
  if (exchange.match.pattern.empty()) return failure(exchange, not_found(shown(request.path)));
  if (!exchange.match.handler) {
    Response response = is_options
                            ? Response::no_content()
                            : failure(exchange, http_error(405, "this path has other methods: " +
                                                                    exchange.match.allow));
    response.headers.add("Allow", exchange.match.allow);
    return response;
  }
  request.path_parameters = std::move(exchange.match.parameters);

  if (!request.body.empty() && request.headers.has("Content-Encoding")) {
    auto plain = decode_content(joined(request.headers, "Content-Encoding"),
                                std::move(request.body), settings_.limits.body_bytes);
    if (!plain) return failure(exchange, plain.error());
    request.body = std::move(*plain);
  }
  return std::nullopt;
}

}  // namespace mytoken::http
