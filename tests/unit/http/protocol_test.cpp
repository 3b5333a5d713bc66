// The wire: framing, smuggling, limits, time-outs, pipelining, closing (RFC 9112; spec api.md
// §§2.8, 2.11).
#include <gtest/gtest.h>

#include "raw_client.h"
#include "test_routes.h"

namespace mytoken::http {
namespace {

using std::chrono::milliseconds;
using testing::Answer;
using testing::RawClient;
using testing::RunningServer;
using testing::test_routes;

const std::string settings_request = "GET /api/v0/settings HTTP/1.1\r\nHost: x\r\n\r\n";

ServerSettings with(Limits limits) {
  ServerSettings settings;
  settings.limits = limits;
  return settings;
}

TEST(Protocol, a_connection_serves_many_requests) {
  RunningServer server(test_routes());
  RawClient client(server.port());
  for (int i = 0; i < 20; ++i) {
    const Answer answer = client.call(settings_request);
    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(answer.has("Connection"));
    EXPECT_TRUE(answer.has("Date"));
  }
}

TEST(Protocol, pipelined_requests_are_answered_in_order) {
  RunningServer server(test_routes());
  RawClient client(server.port());
  std::string all;
  for (int i = 0; i < 300; ++i) {
    all += "POST /api/v0/token/my HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n" +
           std::to_string(100 + i);
  }
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 300; ++i) {
    const Answer answer = client.receive();
    ASSERT_EQ(answer.status, 200);
    EXPECT_EQ(string_member(parse_json(answer.body)->as_object(), "body"), std::to_string(100 + i));
  }
}

TEST(Protocol, a_request_may_arrive_byte_by_byte) {
  RunningServer server(test_routes());
  RawClient client(server.port());
  for (const char c :
       "\r\nPOST /api/v0/token/my HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" +
           settings_request) {
    ASSERT_TRUE(client.send(std::string(1, c)));
  }
  EXPECT_EQ(client.receive().status, 200);
  EXPECT_EQ(client.receive().status, 200);
}

TEST(Protocol, blanks_within_the_target_belong_to_it) {
  RunningServer server(test_routes());
  RawClient client(server.port());
  const std::string request =
      "DELETE /api/v0/notifications/my  own%20tag HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
      "null";
  ASSERT_TRUE(client.send(request + request));
  for (const char c : request)
    ASSERT_TRUE(client.send(std::string(1, c)));
  for (int i = 0; i < 3; ++i) {
    const Answer answer = client.receive();
    ASSERT_EQ(answer.status, 200);
    const json::object seen = parse_json(answer.body)->as_object();
    EXPECT_EQ(seen.at("parameters"), (json::array{"my  own tag"}));
    EXPECT_EQ(seen.at("body"), "null");
  }
  // At its ends, or without a version behind it, they are a mistake.
  for (const char* line : {"GET  /api/v0/settings HTTP/1.1", "GET /api/v0/settings x",
                           "GET /api/v0/settings x HTTP/1.1x"}) {
    EXPECT_EQ(server.call(std::string(line) + "\r\nHost: x\r\n\r\n").status, 400) << line;
  }
  EXPECT_EQ(server.call("GET /api/v0/settings  HTTP/1.1\r\nHost: x\r\n\r\n").status, 505);
}

TEST(Protocol, connection_close_and_http_1_0_end_the_connection) {
  RunningServer server(test_routes());
  RawClient closing(server.port());
  const Answer answer =
      closing.call("GET /api/v0/settings HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_TRUE(closing.ended());
  RawClient old(server.port());
  EXPECT_EQ(old.call("GET /api/v0/settings HTTP/1.0\r\n\r\n").header("Connection"), "close");
  EXPECT_TRUE(old.ended());
  RawClient kept(server.port());
  const std::string request = "GET /api/v0/settings HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(kept.call(request).header("Connection"), "keep-alive");
  EXPECT_EQ(kept.call(request).status, 200);
}

TEST(Protocol, chunked_bodies_are_joined_and_trailers_ignored) {
  RunningServer server(test_routes());
  RawClient client(server.port());
  const Answer answer = client.call(
      "POST /api/v0/token/my HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;ext=1\r\n{\"a\r\n4\r\n\":1}\r\n0\r\nAuthorization: Bearer stolen\r\n\r\n");
  EXPECT_EQ(answer.status, 200);
  const json::object seen = parse_json(answer.body)->as_object();
  EXPECT_EQ(string_member(seen, "body"), "{\"a\":1}");
  EXPECT_EQ(string_member(seen, "authorization"), "");
  EXPECT_EQ(client.call(settings_request).status, 200);
}

TEST(Protocol, expectations_get_their_interim_answer) {
  RunningServer server(test_routes());
  RawClient client(server.port());
  ASSERT_TRUE(
      client.send("POST /api/v0/token/my HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: "
                  "100-continue\r\n\r\n"));
  EXPECT_EQ(client.receive().status, 100);
  EXPECT_EQ(client.call("{}").status, 200);
  EXPECT_EQ(client
                .call("POST /api/v0/token/my HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: "
                      "100-continue\r\n\r\n{}")
                .status,
            200)
      << "nobody waits for the interim answer when the body is here already";
  EXPECT_EQ(server
                .call("POST /api/v0/token/my HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: "
                      "more\r\n\r\n")
                .status,
            417);
  EXPECT_EQ(
      server
          .call("POST /api/v0/token/my HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nExpect: "
                "100-continue\r\n\r\n")
          .status,
      413);
}

struct Malformed {
  const char* what;
  const char* bytes;
  int status;
};

class MalformedRequests : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedRequests, are_refused_and_end_the_connection) {
  RunningServer server(test_routes());
  RawClient client(server.port());
  const Answer answer = client.call(std::string(GetParam().bytes) + settings_request);
  EXPECT_EQ(answer.status, GetParam().status) << GetParam().what;
  EXPECT_FALSE(answer.error().empty()) << answer.body;
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_TRUE(answer.has("X-Request-ID"));
  EXPECT_TRUE(client.ended()) << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(
    Wire, MalformedRequests,
    ::testing::Values(
        Malformed{"Transfer-Encoding and Content-Length",
                  "POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                  "chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
                  400},
        Malformed{"the other way round",
                  "POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n0\r\n\r\n",
                  400},
        Malformed{
            "two different lengths",
            "POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            400},
        Malformed{
            "two equal lengths",
            "POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
            400},
        Malformed{"a list of lengths",
                  "POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 2\r\n\r\n{}", 400},
        Malformed{"a signed length",
                  "POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}", 400},
        Malformed{"two versions", "GET /api/x HTTP/1.0 HTTP/1.1\r\nHost: x\r\n\r\n", 505},
        Malformed{"blank before the colon", "GET /api/x HTTP/1.1\r\nHost: x\r\nFoo : y\r\n\r\n",
                  400},
        Malformed{"bare line feeds", "GET /api/x HTTP/1.1\nHost: x\n\n", 400},
        Malformed{"one bare line feed", "GET /api/x HTTP/1.1\r\nHost: x\nFoo: y\r\n\r\n", 400},
        Malformed{"a bare carriage return", "GET /api/x HTTP/1.1\r\nHost: x\r\nFoo: a\rb\r\n\r\n",
                  400},
        Malformed{"a folded header", "GET /api/x HTTP/1.1\r\nHost: x\r\nFoo: y\r\n z\r\n\r\n", 400},
        Malformed{"no Host", "GET /api/x HTTP/1.1\r\nFoo: y\r\n\r\n", 400},
        Malformed{"two Hosts", "GET /api/x HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
        Malformed{"a Host with a path", "GET /api/x HTTP/1.1\r\nHost: x/y\r\n\r\n", 400},
        Malformed{
            "another transfer coding",
            "POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            501},
        Malformed{"a hidden transfer coding",
                  "POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
                  501},
        Malformed{"chunks in HTTP/1.0",
                  "POST /api/x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Malformed{
            "a chunk size that is none",
            "POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
            400},
        Malformed{"a newer version", "GET /api/x HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        Malformed{"an older version", "GET /api/x HTTP/0.9\r\nHost: x\r\n\r\n", 505},
        Malformed{"no version", "GET /api/x\r\n\r\n", 400},
        Malformed{"another protocol", "\x16\x03\x01\x02\r\n\r\n", 400}));

TEST(Limits, pages_show_parse_errors_as_pages) {
  RunningServer server(test_routes());
  const Answer answer = server.call("GET /native HTTP/1.1\r\n\r\n");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.header("Content-Type"), "text/html; charset=utf-8");
}

TEST(Limits, sixteen_kibibytes_of_headers_pass_and_more_are_431) {
  RunningServer server(test_routes());
  const auto with_header = [](std::size_t size) {
    const std::string start = "GET /api/v0/settings HTTP/1.1\r\nHost: x\r\nX-Long: ";
    return start + std::string(size - start.size() - 4, 'x') + "\r\n\r\n";
  };
  EXPECT_EQ(server.call(with_header(16 * 1024)).status, 200);
  for (const std::size_t size : {std::size_t{16 * 1024 + 1}, std::size_t{200'000}}) {
    RawClient client(server.port());
    const Answer answer = client.call(with_header(size));
    EXPECT_EQ(answer.status, 431);
    EXPECT_EQ(answer.error(), "Request Header Fields Too Large");
    EXPECT_EQ(answer.header("Content-Type"), "application/json");
    EXPECT_TRUE(client.ended());
  }
}

TEST(Limits, a_body_at_the_limit_passes_and_a_larger_one_gets_a_readable_413) {
  RunningServer server(test_routes());
  const auto with_body = [](std::size_t size) {
    return "POST /api/v0/parameters HTTP/1.1\r\nHost: x\r\nContent-Length: " +
           std::to_string(size) + "\r\n\r\n" + std::string(size, ' ');
  };
  EXPECT_EQ(server.call(with_body(1 << 20)).status, 204);
  for (const std::size_t size : {std::size_t{(1 << 20) + 1}, std::size_t{5 << 20}}) {
    RawClient client(server.port());
    ASSERT_TRUE(client.send(with_body(size))) << "the connection was reset under the request";
    const Answer answer = client.receive();
    EXPECT_EQ(answer.status, 413);
    EXPECT_EQ(answer.error(), "Request Entity Too Large");
  }
  RawClient client(server.port());
  client.send("POST /api/v0/parameters HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 17; ++i)
    client.send("10000\r\n" + std::string(0x10000, ' ') + "\r\n");
  EXPECT_EQ(client.receive().status, 413);
}

TEST(Limits, endless_chunk_headers_are_refused) {
  RunningServer server(test_routes());
  RawClient client(server.port());
  client.send("POST /api/v0/token/my HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
              std::string(100'000, 'x'));
  EXPECT_EQ(client.receive().status, 400);
}

TEST(Timeouts, an_unfinished_header_or_body_is_408) {
  Limits limits;
  limits.request_timeout = milliseconds(60);
  RunningServer server(test_routes(), with(limits));
  for (const char* part :
       {"GET /api/v0/sett",
        "POST /api/v0/token/my HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{"}) {
    RawClient client(server.port());
    const Answer answer = client.call(part);
    EXPECT_EQ(answer.status, 408) << part;
    EXPECT_EQ(answer.error(), "Request Timeout");
    EXPECT_TRUE(client.ended());
  }
}

TEST(Timeouts, a_trickle_does_not_extend_the_time) {
  Limits limits;
  limits.request_timeout = milliseconds(60);
  RunningServer server(test_routes(), with(limits));
  RawClient client(server.port());
  const timeval tick{0, 5000};
  setsockopt(client.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick);
  ASSERT_TRUE(client.send("GET /api/v0/settings HTTP/1.1\r\nX-Slow: "));
  int status = 0;
  for (int i = 0; i < 1000 && status == 0;
       ++i) {  // ends with the answer, long before the last round
    client.send("x");
    status = client.receive().status;
  }
  EXPECT_EQ(status, 408);
}

TEST(Timeouts, idle_connections_end_without_an_answer) {
  Limits limits;
  limits.idle_timeout = milliseconds(60);
  RunningServer server(test_routes(), with(limits));
  RawClient fresh(server.port());
  EXPECT_TRUE(fresh.ended());
  RawClient used(server.port());
  EXPECT_EQ(used.call(settings_request).status, 200);
  EXPECT_TRUE(used.ended());
}

TEST(Timeouts, a_client_that_does_not_read_is_cut_off) {
  Limits limits;
  limits.write_timeout = milliseconds(60);
  RunningServer server(test_routes(), with(limits));
  RawClient client(server.port());
  const int small = 4096;
  setsockopt(client.descriptor(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  std::string many;
  for (int i = 0; i < 5'000; ++i)
    many += "GET /jwks HTTP/1.1\r\nHost: x\r\n\r\n";
  int sent = 0;
  while (sent < 1000 && client.send(many))
    ++sent;  // more than any buffer between us holds
  EXPECT_LT(sent, 1000);
  EXPECT_NE(errno, EAGAIN) << "the server neither reads nor closes";
}

TEST(Limits, connections_above_the_limit_get_503) {
  Limits limits;
  limits.connections = 2;
  RunningServer server(test_routes(), with(limits));
  RawClient first(server.port());
  RawClient second(server.port());
  EXPECT_EQ(first.call(settings_request).status, 200);
  EXPECT_EQ(second.call(settings_request).status, 200);
  RawClient third(server.port());
  const Answer answer = third.call(settings_request);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.error(), "internal_server_error");
  EXPECT_TRUE(answer.has("Retry-After"));
  EXPECT_TRUE(third.ended());
  EXPECT_EQ(first.call(settings_request).status, 200);
}

}  // namespace
}  // namespace mytoken::http
