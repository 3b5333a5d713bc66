// What every answer of a running server has: routing, methods, headers, errors as JSON or page,
// identifiers, bodies, compression, rate limit and log (spec api.md §2).
#include "http/server.h"

#include <gtest/gtest.h>

#include "http/content_coding.h"
#include "raw_client.h"
#include "test_routes.h"

namespace mytoken::http {
namespace {

using testing::Answer;
using testing::RawClient;
using testing::RunningServer;
using testing::test_routes;

std::string get(std::string_view path, std::string_view headers = {},
                std::string_view method = "GET") {
  return std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" +
         std::string(headers) + "\r\n";
}

std::string post(std::string_view path, std::string_view body, std::string_view headers = {}) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(headers) + "\r\n" + std::string(body);
}

json::object object(const Answer& answer) {
  return parse_json(answer.body)->as_object();
}

TEST(Answers, a_request_reaches_its_handler_decoded) {
  RunningServer server(test_routes());
  const Answer answer = server.call(
      post("//api/v0//Settings/Grants/?q=a+b%21&x", "null\n", "Authorization: Bearer abc\r\n"));
  EXPECT_EQ(answer.status, 200);
  const json::object seen = object(answer);
  EXPECT_EQ(string_member(seen, "method"), "POST");
  EXPECT_EQ(string_member(seen, "path"), "/api/v0/Settings/Grants");
  EXPECT_EQ(string_member(seen, "q"), "a b!");
  EXPECT_EQ(string_member(seen, "body"), "null\n");
  EXPECT_EQ(string_member(seen, "peer"), "127.0.0.1");
  EXPECT_EQ(string_member(seen, "client_address"), "127.0.0.1");
  EXPECT_EQ(string_member(seen, "authorization"), "Bearer abc");
}

TEST(Answers, absolute_targets_mean_their_path) {
  RunningServer server(test_routes());
  EXPECT_EQ(server.call(get("http://other.example/api/v0/settings?q=1")).status, 200);
  EXPECT_EQ(server.call(get("HTTPS://other.example")).status, 404);
}

TEST(Answers, unknown_paths_are_json_below_api_and_by_accept_elsewhere) {
  RunningServer server(test_routes());
  for (const char* path : {"/api/v0/nothing", "/api", "/API/x", "/.well-known/nothing"}) {
    const Answer answer = server.call(get(path, "Accept: text/html\r\n"));
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_EQ(answer.header("Content-Type"), "application/json");
    EXPECT_EQ(answer.error(), "not_found");
  }
  EXPECT_EQ(string_member(object(server.call(get("/api/v0/Nothing"))), "error_description"),
            "/api/v0/Nothing");
  for (const char* accept : {"", "Accept: */*\r\n", "Accept: text/*;q=0.1\r\n",
                             "Accept: application/json, text/html\r\n"}) {
    const Answer answer = server.call(get("/nothing/<here>", accept));
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer.header("Content-Type"), "text/html; charset=utf-8") << accept;
    EXPECT_EQ(answer.body.find("<here>"), std::string::npos);
    EXPECT_NE(answer.body.find("&lt;here&gt;"), std::string::npos);
  }
  for (const char* accept : {"Accept: application/json\r\n", "Accept: text/html;q=0\r\n"}) {
    const Answer answer = server.call(get("/apifoo", accept));
    EXPECT_EQ(answer.header("Content-Type"), "application/json");
    EXPECT_EQ(answer.error(), "not_found");
  }
}

TEST(Answers, the_page_hook_writes_error_pages) {
  ServerSettings settings;
  settings.error_page = [](int status, std::string_view heading, std::string_view) {
    return std::to_string(status) + "|" + std::string(heading);
  };
  RunningServer server(test_routes(), std::move(settings));
  EXPECT_EQ(server.call(get("/nothing")).body, "404|Not Found");
  EXPECT_EQ(server.call(get("/c/abc")).body, "404|Not Found");
  EXPECT_EQ(server.call(get("/api/nothing")).error(), "not_found");
}

TEST(Answers, other_methods_are_405_with_allow_and_unknown_ones_501) {
  RunningServer server(test_routes());
  Answer answer = server.call(get("/api/v0/token/my"));
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.error(), "Method Not Allowed");
  EXPECT_EQ(answer.header("Allow"), "OPTIONS, POST");
  answer = server.call(post("/native", "", "Accept: text/html\r\n"));
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.header("Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(answer.header("Content-Type"), "text/html; charset=utf-8");
  answer = server.call(get("/api/v0/settings", "", "PROPFIND"));
  EXPECT_EQ(answer.status, 501);
  EXPECT_EQ(answer.error(), "Not Implemented");
  EXPECT_EQ(server.call(get("/api/v0/settings", "", "TRACE")).status, 501);
}

TEST(Answers, head_is_get_without_body) {
  RunningServer server(test_routes());
  for (const char* path : {"/jwks", "/native", "/api/v0/settings", "/api/v0/nothing"}) {
    RawClient client(server.port());
    const Answer full = client.call(get(path));
    const Answer head = client.call(get(path, "", "HEAD"), true);
    EXPECT_EQ(head.status, full.status) << path;
    EXPECT_EQ(head.header("Content-Type"), full.header("Content-Type"));
    if (std::string_view(path) != "/api/v0/settings") {
      EXPECT_EQ(head.header("Content-Length"), std::to_string(full.body.size()));
    }
    EXPECT_EQ(client.call(get("/jwks")).status, 200) << "the connection is out of step";
  }
}

TEST(Cors, preflights_are_answered_for_api_and_metadata_only) {
  RunningServer server(test_routes());
  const std::string wish =
      "Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n"
      "Access-Control-Request-Headers: content-type,authorization\r\n";
  for (const char* path : {"/api/v0/token/my", "/jwks", "/api/v0/unknown"}) {
    const Answer answer = server.call(get(path, wish, "OPTIONS"));
    EXPECT_EQ(answer.status, 204) << path;
    EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "*");
    EXPECT_EQ(answer.header("Access-Control-Allow-Methods"), "GET,POST,HEAD,PUT,DELETE,PATCH");
    EXPECT_EQ(answer.header("Access-Control-Allow-Headers"), "content-type,authorization");
    EXPECT_FALSE(answer.has("Access-Control-Allow-Credentials"));
    EXPECT_FALSE(answer.has("Content-Length"));
    EXPECT_NE(answer.header("Vary").find("Origin"), std::string::npos);
  }
  const Answer page = server.call(get("/native", wish, "OPTIONS"));
  EXPECT_EQ(page.status, 204);
  EXPECT_FALSE(page.has("Access-Control-Allow-Origin"));
}

TEST(Cors, plain_options_list_the_methods) {
  RunningServer server(test_routes());
  Answer answer = server.call(get("/api/v0/settings", "Origin: https://a\r\n", "OPTIONS"));
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(server.call(get("*", "", "OPTIONS")).status, 204);
  EXPECT_EQ(server.call(get("/api/unknown", "", "OPTIONS")).status, 404);
}

TEST(Cors, only_requests_with_origin_get_the_header_errors_too) {
  RunningServer server(test_routes());
  EXPECT_FALSE(server.call(get("/api/v0/settings")).has("Access-Control-Allow-Origin"));
  EXPECT_EQ(
      server.call(get("/api/v0/nothing", "Origin: null\r\n")).header("Access-Control-Allow-Origin"),
      "*");
  EXPECT_EQ(
      server.call(get("/jwks", "Origin: https://a\r\n")).header("Access-Control-Allow-Origin"),
      "*");
  EXPECT_FALSE(
      server.call(get("/native", "Origin: https://a\r\n")).has("Access-Control-Allow-Origin"));
  EXPECT_FALSE(
      server.call(post("/c/x", "{}", "Origin: https://a\r\n")).has("Access-Control-Allow-Origin"));
}

TEST(SecurityHeaders, differ_between_pages_api_and_metadata) {
  ServerSettings settings;
  settings.issuer = "https://mytoken.example";
  RunningServer server(test_routes(), std::move(settings));
  const Answer page = server.call(get("/native"));
  EXPECT_EQ(page.header("X-XSS-Protection"), "0");
  EXPECT_EQ(page.header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(page.header("X-Frame-Options"), "SAMEORIGIN");
  EXPECT_EQ(page.header("Referrer-Policy"), "no-referrer");
  EXPECT_EQ(page.header("Cross-Origin-Embedder-Policy"), "require-corp");
  EXPECT_EQ(page.header("Cross-Origin-Opener-Policy"), "same-origin");
  EXPECT_EQ(page.header("Cross-Origin-Resource-Policy"), "same-origin");
  EXPECT_EQ(page.header("Origin-Agent-Cluster"), "?1");
  EXPECT_EQ(page.header("Content-Security-Policy"),
            "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'");
  EXPECT_EQ(page.header("Strict-Transport-Security"), "max-age=63072000");
  EXPECT_FALSE(page.has("Cache-Control"));
  for (const char* path : {"/api/v0/settings", "/api/nothing"}) {
    const Answer api = server.call(get(path));
    EXPECT_EQ(api.header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(api.header("Cache-Control"), "no-store");
    EXPECT_FALSE(api.has("Cross-Origin-Embedder-Policy"));
    EXPECT_FALSE(api.has("Content-Security-Policy"));
  }
  const Answer jwks = server.call(get("/jwks"));
  EXPECT_FALSE(jwks.has("Cross-Origin-Resource-Policy"));
  EXPECT_EQ(jwks.header("Cache-Control"), "max-age=300");
  const Answer consent = server.call(get("/C/abc"));
  EXPECT_EQ(consent.header("Cache-Control"), "no-store");
  EXPECT_EQ(consent.header("X-Frame-Options"), "DENY");
  EXPECT_EQ(server.call(get("/redirect")).header("Cache-Control"), "no-store");
}

TEST(SecurityHeaders, http_issuers_have_no_hsts) {
  ServerSettings settings;
  settings.issuer = "http://localhost:8000";
  RunningServer server(test_routes(), std::move(settings));
  EXPECT_FALSE(server.call(get("/native")).has("Strict-Transport-Security"));
}

TEST(SecurityHeaders, a_handlers_text_cannot_start_a_new_header) {
  RunningServer server(test_routes());
  const Answer answer = server.call(post("/api/v0/split", ""));
  EXPECT_EQ(answer.status, 201);
  EXPECT_FALSE(answer.has("Set-Cookie"));
  EXPECT_EQ(answer.header("X-Evil"), "a  Set-Cookie: stolen=1");
  EXPECT_EQ(answer.header("Content-Length"), "0");
}

TEST(Consent, gets_are_pages_by_accept_and_posts_are_json) {
  RunningServer server(test_routes());
  Answer answer = server.call(get("/c/abc", "Accept: text/html\r\n"));
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_NE(answer.body.find("this consent has &lt;ended&gt;"), std::string::npos);
  EXPECT_EQ(server.call(get("/c/abc", "Accept: application/json\r\n")).error(), "not_found");
  EXPECT_EQ(server.call(post("/c/abc", "{}", "Accept: text/html\r\n")).error(), "not_found");
  answer = server.call(post("/c/abc", "{}", "Content-Encoding: zstd\r\nAccept: text/html\r\n"));
  EXPECT_EQ(answer.error(), "Unsupported Media Type");
}

TEST(RequestIds, are_echoed_if_harmless_and_made_otherwise) {
  RunningServer server(test_routes());
  const auto echoed = [&](std::string_view id) {
    return server.call(get("/native", "X-Request-ID: " + std::string(id) + "\r\n"))
        .header("X-Request-ID");
  };
  EXPECT_EQ(echoed("job-4711"), "job-4711");
  EXPECT_EQ(echoed(std::string(64, 'a')), std::string(64, 'a'));
  for (const std::string& bad :
       {std::string("abc"), std::string("../../etc/passwd"), std::string(65, 'a')}) {
    EXPECT_EQ(echoed(bad).size(), 36u) << bad;
  }
  EXPECT_NE(server.call(get("/jwks")).header("X-Request-ID"),
            server.call(get("/jwks")).header("X-Request-ID"));
}

TEST(Urls, broken_escapes_are_400_in_the_form_of_their_path) {
  RunningServer server(test_routes());
  for (const char* path : {"/api/%zz", "/api/v0/settings?q=%1", "/api/a%00", "nonsense"}) {
    const Answer answer = server.call(get(path, "Accept: application/json\r\n"));
    EXPECT_EQ(answer.status, 400) << path;
    EXPECT_EQ(answer.error(), "Bad Request") << path;
  }
  EXPECT_EQ(server.call(get("/%zz")).header("Content-Type"), "text/html; charset=utf-8");
}

TEST(Encodings, bodies_are_decoded_before_the_handler) {
  RunningServer server(test_routes());
  for (const Coding coding : {Coding::gzip, Coding::deflate, Coding::br}) {
    const Answer answer =
        server.call(post("/api/v0/token/my", *encode_content(coding, "{\"a\":1}"),
                         "Content-Encoding: " + std::string(name_of(coding)) + "\r\n"));
    EXPECT_EQ(string_member(object(answer), "body"), "{\"a\":1}");
  }
  Answer answer = server.call(post("/api/v0/token/my", "{}", "Content-Encoding: zstd\r\n"));
  EXPECT_EQ(answer.status, 415);
  EXPECT_EQ(answer.error(), "Unsupported Media Type");
  answer = server.call(post("/api/v0/token/my", "garbage", "Content-Encoding: gzip\r\n"));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.error(), "invalid_request");
  answer =
      server.call(post("/api/v0/token/my", *encode_content(Coding::gzip, std::string(5 << 20, ' ')),
                       "Content-Encoding: gzip\r\n"));
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.error(), "Request Entity Too Large");
}

TEST(Compression, metadata_and_pages_are_compressed_and_the_api_is_not) {
  RunningServer server(test_routes());
  const std::string accept = "Accept-Encoding: gzip, br\r\n";
  Answer answer = server.call(get("/jwks", accept));
  EXPECT_EQ(answer.header("Content-Encoding"), "br");
  EXPECT_EQ(decode_content("br", answer.body, 1 << 20), testing::shared_text());
  EXPECT_EQ(answer.header("ETag"), "W/\"v1\"");
  EXPECT_EQ(answer.header("Vary"), "Accept-Encoding, Origin");
  answer = server.call(get("/native", "Accept-Encoding: gzip\r\n"));
  EXPECT_EQ(decode_content("gzip", answer.body, 1 << 20)->size(), 1007u);
  answer = server.call(get("/jwks"));
  EXPECT_FALSE(answer.has("Content-Encoding"));
  EXPECT_EQ(answer.header("ETag"), "\"v1\"");
  EXPECT_EQ(answer.header("Vary"), "Accept-Encoding, Origin");
  answer = server.call(get("/api/v0/settings?q=" + std::string(500, 'a'), accept));
  EXPECT_GT(answer.body.size(), 500u);
  EXPECT_FALSE(answer.has("Content-Encoding"));
  EXPECT_FALSE(server.call(get("/redirect", accept)).has("Content-Encoding"));
}

TEST(Conditions, a_known_tag_is_answered_304) {
  RunningServer server(test_routes());
  RawClient client(server.port());
  for (const char* tags : {"\"v1\"", "W/\"v1\"", "\"v0\", \"v1\"", "*"}) {
    const Answer answer = client.call(get("/jwks", "If-None-Match: " + std::string(tags) + "\r\n"));
    EXPECT_EQ(answer.status, 304) << tags;
    EXPECT_TRUE(answer.body.empty());
    EXPECT_EQ(answer.header("ETag"), "\"v1\"");
  }
  EXPECT_EQ(client.call(get("/jwks", "If-None-Match: \"v2\"\r\n")).status, 200);
}

TEST(Exceptions, become_one_logged_500_with_the_request_id) {
  RunningServer server(test_routes());
  RawClient client(server.port());
  Answer answer = client.call(get("/api/v0/boom", "X-Request-ID: find-me-1\r\n"));
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.error(), "internal_server_error");
  EXPECT_NE(answer.body.find("find-me-1"), std::string::npos);
  EXPECT_EQ(answer.body.find("secret"), std::string::npos);
  EXPECT_EQ(client.call(get("/boom")).header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(client.call(get("/jwks")).status, 200);
  server.stop();
  int errors = 0;
  for (const std::string& line : server.log.lines()) {
    if (line.find("find-me-1") != std::string::npos && line.find("\"error\"") != std::string::npos)
      ++errors;
  }
  EXPECT_EQ(errors, 1);
}

TEST(AccessLog, has_one_line_per_request_without_query_body_or_headers) {
  RunningServer server(test_routes());
  server.call(post("/api/v0/token/my?code=QUERYSECRET", "BODYSECRET",
                   "Authorization: HEADERSECRET\r\nX-Request-ID: log-line-1\r\n"));
  server.call(get("/c/CODESECRET"));
  server.stop();
  const std::string text = server.log.text();
  EXPECT_EQ(text.find("SECRET"), std::string::npos);
  EXPECT_NE(text.find("\"method\":\"POST\",\"route\":\"/api/v0/token/my\",\"status\":200"),
            std::string::npos);
  EXPECT_NE(text.find("\"request_id\":\"log-line-1\",\"ip\":\"127.0.0.1\""), std::string::npos);
  EXPECT_NE(text.find("\"route\":\"/c/{code}\",\"status\":404"), std::string::npos);
}

TEST(Proxies, the_client_address_is_believed_from_trusted_peers_only) {
  const auto seen = [](std::vector<std::string> trusted, std::string_view headers) {
    ServerSettings settings;
    settings.proxy_header = "X-Forwarded-For";
    settings.trusted_proxies.networks = std::move(trusted);
    RunningServer server(test_routes(), std::move(settings));
    return std::string(
        string_member(object(server.call(get("/api/v0/settings", headers))), "client_address"));
  };
  EXPECT_EQ(seen({"127.0.0.0/8"}, "X-Forwarded-For: 192.0.2.1\r\n"), "192.0.2.1");
  EXPECT_EQ(seen({"10.0.0.0/8"}, "X-Forwarded-For: 192.0.2.1\r\n"), "127.0.0.1");
  // A line that the client sent itself stands before the proxy's.
  EXPECT_EQ(seen({"127.0.0.0/8"}, "X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-For: 192.0.2.1\r\n"),
            "192.0.2.1");
}

ServerSettings limited(std::uint32_t requests) {
  ServerSettings settings;
  settings.rate_limit.emplace();
  settings.rate_limit->max_requests = requests;
  settings.rate_limit->always_allow.clear();
  return settings;
}

TEST(RateLimits, excess_is_429_readable_for_scripts) {
  RunningServer server(test_routes(), limited(2));
  Answer answer = server.call(get("/api/v0/settings"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("X-RateLimit-Limit"), "2");
  EXPECT_EQ(answer.header("X-RateLimit-Remaining"), "1");
  EXPECT_EQ(answer.header("X-RateLimit-Reset"), "300");
  EXPECT_EQ(server.call(get("/native")).status, 200);
  answer = server.call(get("/api/v0/settings", "Origin: https://a\r\n"));
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.error(), "Too Many Requests");
  EXPECT_TRUE(answer.has("Retry-After"));
  EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "*");
  answer = server.call(get("/native"));
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.header("Content-Type"), "text/html; charset=utf-8");
}

TEST(RateLimits, preflights_and_marked_answers_are_free_and_metadata_nearly) {
  RunningServer server(test_routes(), limited(1));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(server.call(get("/jwks")).status, 200);
    EXPECT_EQ(server.call(get("/static/nothing.css")).status, 404);
    EXPECT_EQ(server
                  .call(get("/api/v0/settings",
                            "Origin: x\r\nAccess-Control-Request-Method: GET\r\n", "OPTIONS"))
                  .status,
              204);
    const Answer polled = server.call(post("/api/v0/pending", "{}"));
    EXPECT_EQ(polled.status, 428);
    EXPECT_EQ(polled.header("X-RateLimit-Remaining"), "1");
  }
  EXPECT_EQ(server.call(get("/api/v0/settings")).status, 200);
  EXPECT_EQ(server.call(get("/api/v0/settings")).status, 429);
}

TEST(RateLimits, metadata_has_ten_times_the_limit) {
  RunningServer server(test_routes(), limited(2));
  EXPECT_EQ(server.call(get("/api/v0/settings")).status, 200);
  EXPECT_EQ(server.call(get("/api/v0/settings")).status, 200);
  for (int i = 0; i < 20; ++i) {
    const Answer answer = server.call(get("/jwks"));
    EXPECT_EQ(answer.status, 200) << i;
    EXPECT_FALSE(answer.has("X-RateLimit-Limit"));
  }
  const Answer refused = server.call(get("/jwks"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("X-RateLimit-Limit"), "20");
  EXPECT_TRUE(refused.has("Retry-After"));
}

}  // namespace
}  // namespace mytoken::http
