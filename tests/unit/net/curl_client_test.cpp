// The HTTP client against a loopback server: answers, limits, and above all what is known of a call
// without an answer.
#include "net/curl_client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/detached.hpp>
#include <mutex>

#include "support/loopback_server.h"
#include "support/run_task.h"

namespace mytoken::net {
namespace {

using test::http_ok;
using test::LoopbackReply;
using test::LoopbackServer;
using test::run;
using Outcome = HttpResponse::Outcome;
using namespace std::chrono_literals;

HttpRequest post(std::string url, std::string body = "grant_type=refresh_token&refresh_token=r1") {
  HttpRequest request;
  request.method = "POST";
  request.url = std::move(url);
  request.body = std::move(body);
  return request;
}

HttpRequest get(std::string url) {
  HttpRequest request;
  request.url = std::move(url);
  return request;
}

// A port where nobody listens: bound, but without listen().
class DeafPort {
 public:
  DeafPort() : acceptor_(context_) {
    acceptor_.open(asio::ip::tcp::v4());
    acceptor_.bind({asio::ip::address_v4::loopback(), 0});
  }
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/";
  }

 private:
  asio::io_context context_;
  asio::ip::tcp::acceptor acceptor_;
};

struct Client : testing::Test {
  std::unique_ptr<HttpClient> client = make_curl_client({});
  asio::io_context context{1};
  HttpResponse send(HttpRequest request) { return run(context, client->send(std::move(request))); }
};

TEST_F(Client, gets_status_headers_and_body) {
  LoopbackServer server([](const std::string&, int, int) {
    return LoopbackReply{
        "HTTP/1.1 418 Teapot\r\nX-Mixed-Case:  a value \r\nContent-Length: 3\r\n\r\nabc"};
  });
  const HttpResponse response = send(get(server.url("/path?x=1")));
  EXPECT_EQ(response.outcome, Outcome::answered);
  EXPECT_EQ(response.status, 418);
  EXPECT_EQ(response.header("x-mixed-case"), "a value");
  EXPECT_EQ(response.header("absent"), "");
  EXPECT_EQ(response.body, "abc");
}

TEST_F(Client, sends_method_headers_and_body) {
  std::string seen;
  LoopbackServer server([&](const std::string& text, int, int) {
    seen = text;
    return LoopbackReply{http_ok("")};
  });
  HttpRequest request = post(server.url("/token"), "a=b");
  request.headers = {{"Authorization", "Basic eDp5"}, {"Accept", "application/json"}};
  EXPECT_EQ(send(request).status, 200);
  EXPECT_TRUE(seen.starts_with("POST /token HTTP/1.1\r\n")) << seen;
  EXPECT_NE(seen.find("Authorization: Basic eDp5\r\n"), std::string::npos);
  EXPECT_NE(seen.find("Accept: application/json\r\n"), std::string::npos);
  EXPECT_NE(seen.find("User-Agent: mytoken-server\r\n"), std::string::npos);
  EXPECT_EQ(seen.find("Expect"), std::string::npos);
  EXPECT_TRUE(seen.ends_with("\r\n\r\na=b"));
  HttpRequest put = post(server.url("/item"), "body");
  put.method = "PUT";
  EXPECT_EQ(send(put).status, 200);
  EXPECT_TRUE(seen.starts_with("PUT /item HTTP/1.1\r\n") && seen.ends_with("\r\n\r\nbody")) << seen;
  HttpRequest remove = get(server.url("/item"));
  remove.method = "DELETE";
  EXPECT_EQ(send(remove).status, 200);
  EXPECT_TRUE(seen.starts_with("DELETE /item HTTP/1.1\r\n")) << seen;
}

TEST_F(Client, a_header_with_a_line_feed_is_not_sent) {
  LoopbackServer server([](const std::string&, int, int) { return LoopbackReply{http_ok("")}; });
  HttpRequest request = get(server.url());
  request.headers = {{"X-Name", "value\r\nX-Smuggled: 1"}};
  const HttpResponse response = send(request);
  EXPECT_EQ(response.outcome, Outcome::not_sent);
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(Client, keeps_connections) {
  LoopbackServer server([](const std::string&, int, int) { return LoopbackReply{http_ok("x")}; });
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(send(post(server.url())).status, 200);
  EXPECT_EQ(server.requests(), 5);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Client, does_not_follow_redirects) {
  LoopbackServer server([](const std::string&, int, int) {
    return LoopbackReply{"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"};
  });
  const HttpResponse response = send(get(server.url()));
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(response.header("location"), "/other");
  EXPECT_EQ(server.requests(), 1);
}

TEST_F(Client, other_schemes_and_credentials_in_urls_are_refused) {
  for (const char* url : {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/",
                          "http://user:pw@127.0.0.1:1/", "not a url", ""}) {
    EXPECT_EQ(send(get(url)).outcome, Outcome::not_sent) << url;
  }
}

TEST_F(Client, a_refused_connection_is_not_sent) {
  const DeafPort port;
  const HttpResponse response = send(post(port.url()));
  EXPECT_EQ(response.outcome, Outcome::not_sent);
  EXPECT_EQ(response.status, 0);
  EXPECT_FALSE(response.problem.empty());
}

TEST_F(Client, an_unknown_host_is_not_sent) {
  EXPECT_EQ(send(post("http://no-such-host.invalid/")).outcome, Outcome::not_sent);
}

TEST_F(Client, tls_with_a_plain_server_is_not_sent) {
  LoopbackServer server([](const std::string&, int, int) { return LoopbackReply{http_ok("")}; });
  const std::string url = "https" + server.url().substr(4);
  HttpRequest request = post(url);
  request.timeout = 300ms;
  EXPECT_EQ(send(request).outcome, Outcome::not_sent);
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(Client, a_first_connection_dropped_after_acting_is_unknown_and_was_sent_once) {
  LoopbackServer server([](const std::string&, int, int) { return LoopbackReply{}; });
  const HttpResponse response = send(post(server.url()));
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.status, 0);
  EXPECT_EQ(server.requests(), 1);
}

// libcurl itself would send again on a new connection here.
TEST_F(Client, a_kept_connection_dropped_after_acting_is_unknown_and_was_sent_once) {
  for (const bool reset : {false, true}) {
    LoopbackServer server([&](const std::string&, int connection, int request) {
      LoopbackReply drop;
      drop.reset = reset;
      return connection == 1 && request == 2 ? drop : LoopbackReply{http_ok("x")};
    });
    EXPECT_EQ(send(post(server.url())).status, 200);
    const HttpResponse response = send(post(server.url()));
    EXPECT_EQ(response.outcome, Outcome::unknown);
    EXPECT_EQ(server.requests(), 2);
    EXPECT_EQ(send(post(server.url())).status, 200) << "the next call works";
  }
}

TEST_F(Client, a_post_without_body_is_not_repeated_either) {
  LoopbackServer server([&](const std::string&, int connection, int request) {
    return connection == 1 && request == 2 ? LoopbackReply{} : LoopbackReply{http_ok("x")};
  });
  EXPECT_EQ(send(post(server.url(), "")).status, 200);
  EXPECT_EQ(send(post(server.url(), "")).outcome, Outcome::unknown);
  EXPECT_EQ(server.requests(), 2);
}

TEST_F(Client, a_large_body_is_not_repeated_either) {
  const std::string large(400'000, 'x');
  LoopbackServer server([&](const std::string&, int connection, int request) {
    return connection == 1 && request == 2 ? LoopbackReply{} : LoopbackReply{http_ok("x")};
  });
  EXPECT_EQ(send(post(server.url(), large)).status, 200);
  EXPECT_EQ(send(post(server.url(), large)).outcome, Outcome::unknown);
  EXPECT_EQ(server.requests(), 2);
}

TEST_F(Client, a_connection_closed_while_idle_is_replaced) {
  LoopbackServer server([](const std::string&, int, int) {
    LoopbackReply reply{http_ok("x")};
    reply.close_after = true;
    return reply;
  });
  EXPECT_EQ(send(post(server.url())).status, 200);
  asio::steady_timer timer(context, 50ms);  // for the FIN to arrive
  timer.wait();
  EXPECT_EQ(send(post(server.url())).status, 200);
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(Client, a_reply_cut_in_the_middle_is_unknown) {
  LoopbackServer server([](const std::string&, int, int) {
    LoopbackReply reply{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly a part"};
    reply.close_after = true;
    return reply;
  });
  const HttpResponse response = send(post(server.url()));
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(server.requests(), 1);
}

TEST_F(Client, no_answer_in_time_is_unknown) {
  LoopbackServer server([](const std::string&, int, int) {
    return LoopbackReply{http_ok("late"), 10'000ms};
  });
  HttpRequest request = post(server.url());
  request.timeout = 100ms;
  const HttpResponse response = send(request);
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.problem, "timed out");
}

TEST_F(Client, an_answer_beyond_the_limit_is_cut_off) {
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
                              std::string(0x65, 'x') + "\r\n0\r\n\r\n";
  std::string reply = http_ok(std::string(101, 'x'));
  LoopbackServer server([&](const std::string&, int, int) { return LoopbackReply{reply}; });
  HttpRequest request = post(server.url());
  request.max_response_bytes = 100;
  EXPECT_EQ(send(request).outcome, Outcome::unknown);
  reply = chunked;
  const HttpResponse response = send(request);
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.problem, "response too large");
  reply = http_ok(std::string(100, 'x'));
  EXPECT_EQ(send(request).body.size(), 100u);
}

TEST_F(Client, endless_headers_are_cut_off) {
  std::string reply = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 2000; ++i)
    reply += "X-Header: " + std::string(90, 'x') + "\r\n";
  LoopbackServer server(
      [&](const std::string&, int, int) { return LoopbackReply{reply + "\r\n"}; });
  const HttpResponse response = send(get(server.url()));
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.problem, "response header too large");
}

TEST_F(Client, private_addresses_are_refused_for_urls_of_users) {
  LoopbackServer server(
      [](const std::string&, int, int) { return LoopbackReply{http_ok("secret")}; });
  HttpRequest request = get(server.url());
  request.refuse_private_addresses = true;
  EXPECT_EQ(send(request).outcome, Outcome::not_sent);
  request.url = "http://localhost" + server.url().substr(server.url().rfind(':'));
  EXPECT_EQ(send(request).outcome, Outcome::not_sent);
  EXPECT_EQ(server.connections(), 0);
  // Nor over a connection that a trusted call left open.
  EXPECT_EQ(send(get(server.url())).status, 200);
  request.url = server.url();
  const HttpResponse response = send(request);
  EXPECT_EQ(response.outcome, Outcome::not_sent);
  EXPECT_EQ(response.problem, "private address refused");
  EXPECT_EQ(server.requests(), 1);
}

TEST_F(Client, runs_2000_calls_at_once) {
  constexpr int count = 2000;
  LoopbackServer server([](const std::string& text, int, int) {
    const std::size_t end = text.rfind("\r\n\r\n");
    return LoopbackReply{http_ok(text.substr(end + 4)), 100ms};
  });
  int right = 0;
  int done = 0;
  // Named, so that nothing is destroyed twice (see base/task.h).
  auto one = [&](int number) -> Task<void> {
    const std::string body = "call=" + std::to_string(number);
    HttpRequest request = post(server.url(), body);
    const HttpResponse response = co_await client->send(std::move(request));
    right += response.outcome == Outcome::answered && response.body == body ? 1 : 0;
    if (++done == count) context.stop();
  };
  for (int i = 0; i < count; ++i)
    asio::co_spawn(context, one(i), asio::detached);
  context.run_for(60s);
  EXPECT_EQ(done, count);
  EXPECT_EQ(right, count);
  EXPECT_EQ(server.requests(), count);
}

TEST_F(Client, serves_several_io_contexts) {
  LoopbackServer server([](const std::string&, int, int) {
    return LoopbackReply{http_ok("x"), 5ms};
  });
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      asio::io_context own(1);
      for (int call = 0; call < 20; ++call) {
        const HttpResponse response = run(own, client->send(post(server.url())));
        right += response.status == 200 ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(right, 60);
}

TEST_F(Client, a_cancelled_call_ends_at_once) {
  LoopbackServer server([](const std::string&, int, int) {
    return LoopbackReply{http_ok("late"), 20'000ms};
  });
  asio::cancellation_signal signal;
  bool ended = false;
  auto call = [&]() -> Task<void> {
    HttpRequest request = post(server.url());
    const HttpResponse response = co_await client->send(std::move(request));
    EXPECT_EQ(response.outcome, Outcome::unknown);
    EXPECT_EQ(response.problem, "cancelled");
    ended = true;
    context.stop();
  };
  asio::co_spawn(context, call(), asio::bind_cancellation_slot(signal.slot(), asio::detached));
  while (server.requests() == 0)
    context.run_for(10ms);
  signal.emit(asio::cancellation_type::terminal);
  context.run_for(10s);
  EXPECT_TRUE(ended);
}

TEST(ClientLifetime, an_io_context_may_go_with_calls_in_flight) {
  LoopbackServer server([](const std::string&, int, int) {
    return LoopbackReply{http_ok("late"), 20'000ms};
  });
  const std::unique_ptr<HttpClient> client = make_curl_client({});
  for (int round = 0; round < 3; ++round) {
    asio::io_context context(1);
    for (int i = 0; i < 3; ++i)
      asio::co_spawn(context, client->send(post(server.url())), asio::detached);
    const int before = server.requests();
    while (server.requests() < before + 3)
      context.run_for(10ms);
  }
  EXPECT_EQ(server.requests(), 9);
}

TEST(ClientLifetime, the_client_may_go_with_calls_in_flight) {
  LoopbackServer server([](const std::string&, int, int) {
    return LoopbackReply{http_ok("late"), 20'000ms};
  });
  asio::io_context context(1);
  std::unique_ptr<HttpClient> client = make_curl_client({});
  asio::co_spawn(context, client->send(post(server.url())), asio::detached);
  while (server.requests() == 0)
    context.run_for(10ms);
  client.reset();
  EXPECT_EQ(server.requests(), 1);
}

}  // namespace
}  // namespace mytoken::net
