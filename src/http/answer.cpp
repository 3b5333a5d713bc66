// The way out: from a handler's answer to the bytes of its head. Handlers set what is particular to
// them; everything that holds for a whole class of paths is added here, unless the handler has set
// it.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/encoding.h"
#include "http/error_page.h"
#include "http/middleware.h"
#include "http/status.h"

namespace mytoken::http {
namespace {

constexpr std::size_t least_compressed = 200;  // bytes

struct Line {
  std::string_view name;
  std::string_view value;
};

// Spec api.md §2.9, oidc.md §13.5.
constexpr std::array<Line, 11> page_headers = {{
    {"X-XSS-Protection", "0"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Embedder-Policy", "require-corp"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Origin-Agent-Cluster", "?1"},
    {"X-DNS-Prefetch-Control", "off"},
    {"X-Download-Options", "noopen"},
    {"X-Permitted-Cross-Domain-Policies", "none"},
    {"Content-Security-Policy",
     "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"},
}};

bool is_within(std::string_view path, std::string_view base) {
  return path.starts_with(base) && (path.size() == base.size() || path[base.size()] == '/');
}

// Answers that must not stay anywhere.
bool is_private(const Exchange& exchange) {
  return exchange.path_class == PathClass::api || is_within(exchange.local, "/c") ||
         is_within(exchange.local, "/redirect");
}

bool is_compressible(std::string_view content_type) {
  const std::string type = lower(content_type.substr(0, content_type.find(';')));
  return type.starts_with("text/") || type.ends_with("json") || type.ends_with("javascript") ||
         type.ends_with("xml");
}

// Weak comparison (RFC 9110 §13.1.2).
bool matches(std::string_view condition, std::string_view tag) {
  if (condition == "*") return true;
  if (tag.starts_with("W/")) tag.remove_prefix(2);
  return tag.size() >= 2 && condition.find(tag) != std::string_view::npos;
}

void append(std::string& to, std::string_view name, std::string_view value) {
  to.append(name).append(": ");
  if (value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos) {
    to.append(value);
  } else {  // a header never ends where a handler's text says so
    for (const char c : value)
      to += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  }
  to.append("\r\n");
}

void append_default(std::string& to, const Response& response, const Line& line) {
  if (!response.headers.has(line.name)) append(to, line.name, line.value);
}

}  // namespace

void Middleware::complete(Exchange& exchange, Response& response, EncodedBodies& encoded) const {
  if (!response.rate_counted && exchange.rate.counted && exchange.rate.allowed) {
    limiter_->give_back(exchange.request.client_address.empty() ? exchange.request.peer
                                                                : exchange.request.client_address,
                        exchange.request.arrival);
    ++exchange.rate.remaining;
  }
  if (!response.problem.empty() && exchange.shows_pages) {
    const std::string_view heading = reason_phrase(response.status);
    response.body = settings_.error_page
                        ? settings_.error_page(response.status, heading, response.problem)
                        : plain_error_page(response.status, heading, response.problem);
    response.headers.set("Content-Type", "text/html; charset=utf-8");
  }
  const std::string tag(response.headers.get("ETag"));
  if (!tag.empty() && response.status == 200 && exchange.request.method == "GET" &&
      matches(exchange.request.headers.get("If-None-Match"), tag)) {
    response.status = 304;
    response.body.clear();
    response.shared.reset();
    response.headers.remove("Content-Type");
  }
  if (is_private(exchange) || is_within(exchange.local, "/static")) return;
  if (response.content().size() < least_compressed || response.headers.has("Content-Encoding") ||
      !is_compressible(response.headers.get("Content-Type")) ||
      lower(response.headers.get("Cache-Control")).find("no-store") != std::string::npos) {
    return;
  }
  response.headers.add("Vary", "Accept-Encoding");
  const Coding coding = choose_coding(exchange.request.headers.get("Accept-Encoding"));
  if (coding == Coding::identity) return;
  if (response.shared) {
    auto body = encoded.get(response.shared, coding);
    if (!body) return;
    response.shared = std::move(body);
  } else {
    auto body = encode_content(coding, response.body);
    if (!body) return;
    response.body = std::move(*body);
  }
  response.headers.add("Content-Encoding", std::string(name_of(coding)));
  // The tag names the document, not these bytes (RFC 9110 §8.8.3.3).
  if (!tag.empty() && !tag.starts_with("W/")) {
    response.headers.set("ETag", "W/" + tag);
  }
}

void Middleware::write_security(const Exchange& exchange, const Response& response,
                                std::string& to) const {
  if (!hsts_.empty()) append(to, "Strict-Transport-Security", hsts_);
  if (exchange.path_class != PathClass::page) {
    append_default(to, response, {"X-Content-Type-Options", "nosniff"});
    return;
  }
  for (const Line& line : page_headers)
    append_default(to, response, line);
  append_default(to, response,
                 {"X-Frame-Options", is_within(exchange.local, "/c") ? "DENY" : "SAMEORIGIN"});
}

void Middleware::write_head(const Exchange& exchange, const Response& response,
                            std::string_view date, std::string_view connection,
                            std::string& to) const {
  const bool hides = is_private(exchange);
  fmt::format_to(std::back_inserter(to), "HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status,
                 reason_phrase(response.status), date);
  for (const auto& [name, value] : response.headers.all()) {
    if (hides && equals_ignoring_case(name, "Cache-Control")) continue;
    append(to, name, value);
  }
  if (response.status != 204 && response.status != 304) {
    fmt::format_to(std::back_inserter(to), "Content-Length: {}\r\n", response.content().size());
  }
  append(to, "X-Request-ID", exchange.request.request_id);
  if (!connection.empty()) append(to, "Connection", connection);
  const bool is_error = response.status >= 400;
  if (hides || (is_error && !response.headers.has("Cache-Control"))) {
    append(to, "Cache-Control", "no-store");
  }
  if (exchange.path_class != PathClass::page) {
    if (exchange.is_preflight) {
      append(to, "Access-Control-Allow-Origin", "*");
      append(to, "Access-Control-Allow-Methods", "GET,POST,HEAD,PUT,DELETE,PATCH");
      const std::string_view wanted =
          exchange.request.headers.get("Access-Control-Request-Headers");
      if (!wanted.empty()) append(to, "Access-Control-Allow-Headers", wanted);
      append(to, "Access-Control-Max-Age", "600");
      append(to, "Vary", "Access-Control-Request-Method, Access-Control-Request-Headers, Origin");
    } else {
      if (!hides) append(to, "Vary", "Origin");
      if (exchange.request.headers.has("Origin")) {
        append(to, "Access-Control-Allow-Origin", "*");
        append(to, "Access-Control-Expose-Headers",
               "X-Request-ID, Retry-After, X-Calendar-Tags, X-RateLimit-Limit, "
               "X-RateLimit-Remaining, X-RateLimit-Reset");
      }
    }
  }
  write_security(exchange, response, to);
  if (exchange.rate.counted) {
    fmt::format_to(
        std::back_inserter(to),
        "X-RateLimit-Limit: {}\r\nX-RateLimit-Remaining: {}\r\nX-RateLimit-Reset: {}\r\n",
        exchange.rate.limit, exchange.rate.remaining, exchange.rate.reset.count());
  }
  to.append("\r\n");
}

void Middleware::log(const Exchange& exchange, int status) const {
  if (!log_.enabled(LogLevel::info)) return;
  const Request& request = exchange.request;
  const std::chrono::duration<double, std::milli> duration =
      std::chrono::steady_clock::now() - request.arrival;
  const std::string_view method = request.head ? std::string_view("HEAD") : request.method;
  const std::string_view route =
      exchange.match.pattern.empty() ? std::string_view("unknown") : exchange.match.pattern;
  log_.info("request", {{"method", method.empty() ? std::string_view("-") : method.substr(0, 16)},
                        {"route", route},
                        {"status", status},
                        {"dur_ms", duration.count()},
                        {"request_id", request.request_id},
                        {"ip", request.client_address}});
}

}  // namespace mytoken::http
