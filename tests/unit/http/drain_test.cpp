// Draining and TLS: what is in flight is finished, then nobody is let in (spec operations.md
// §19.4).
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <fstream>

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

// A door that handlers wait at until the test opens it.
struct Gate {
  std::mutex lock;
  std::condition_variable changed;
  int waiting = 0;
  std::atomic<bool> open{false};

  void await(int count) {
    std::unique_lock guard(lock);
    changed.wait(guard, [&] { return waiting >= count; });
  }
};
Gate* gate = nullptr;

Task<Response> wait_at_gate(Request&) {
  {
    const std::lock_guard guard(gate->lock);
    ++gate->waiting;
  }
  gate->changed.notify_all();
  const Executor executor = co_await asio::this_coro::executor;
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, Executor>
      timer(executor);
  while (!gate->open) {
    boost::system::error_code ec;
    timer.expires_after(milliseconds(1));
    co_await timer.async_wait(asio::redirect_error(use_task, ec));
  }
  co_return Response::text(200, "text/plain", "finished");
}

Router gated_routes() {
  Router router = test_routes();
  router.add({"GET", "/api/v0/gate", wait_at_gate});
  return router;
}

const std::string gate_request = "GET /api/v0/gate HTTP/1.1\r\nHost: x\r\n\r\n";

// A key and a certificate of its own in files that go with it.
class Certificate {
 public:
  Certificate() {
    char name[] = "/tmp/mytoken-tls-XXXXXX";
    directory_ = ::mkdtemp(name);
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_sign(certificate, key, EVP_sha256());
    BIO* file = BIO_new_file(certificate_file().c_str(), "w");
    PEM_write_bio_X509(file, certificate);
    BIO_free(file);
    file = BIO_new_file(key_file().c_str(), "w");
    PEM_write_bio_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    BIO_free(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ~Certificate() { std::filesystem::remove_all(directory_); }
  std::string certificate_file() const { return directory_ + "/certificate.pem"; }
  std::string key_file() const { return directory_ + "/key.pem"; }

 private:
  std::string directory_;
};

class TlsClient {
 public:
  TlsClient(std::uint16_t port, int most_version = TLS1_3_VERSION)
      : client_(port), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_, most_version);
    SSL_CTX_set_security_level(context_, 0);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, client_.descriptor());
    connected_ = SSL_connect(ssl_) == 1;
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  bool connected() const { return connected_; }
  std::string version() const { return SSL_get_version(ssl_); }
  bool send(std::string_view bytes) {
    return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  // Reads until `text` has come or nothing more does.
  std::string read_until(std::string_view text) {
    std::string all;
    char bytes[16384];
    while (all.find(text) == std::string::npos) {
      const int got = SSL_read(ssl_, bytes, sizeof bytes);
      if (got <= 0) break;
      all.append(bytes, static_cast<std::size_t>(got));
    }
    return all;
  }
  // The server says goodbye as TLS wants it.
  bool ended() {
    char byte = 0;
    return SSL_read(ssl_, &byte, 1) == 0 && SSL_get_error(ssl_, 0) == SSL_ERROR_ZERO_RETURN;
  }

 private:
  RawClient client_;
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
};

ServerSettings tls_settings(const Certificate& certificate) {
  ServerSettings settings;
  settings.tls = Tls{certificate.certificate_file(), certificate.key_file()};
  return settings;
}

TEST(TlsServer, speaks_1_2_and_1_3_and_nothing_older) {
  const Certificate certificate;
  RunningServer server(test_routes(), tls_settings(certificate));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client(server.port(), version);
    ASSERT_TRUE(client.connected());
    EXPECT_EQ(client.version(), version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(client.send(settings_request));
      EXPECT_EQ(client.read_until("\"method\":\"GET\"").substr(0, 15), "HTTP/1.1 200 OK");
    }
  }
  EXPECT_FALSE(TlsClient(server.port(), TLS1_1_VERSION).connected());
}

TEST(TlsServer, large_answers_arrive_whole_and_the_end_is_announced) {
  const Certificate certificate;
  Router router = test_routes();
  router.add({"GET", "/api/v0/large", [](Request&) -> Task<Response> {
                co_return Response::text(200, "text/plain", std::string(300'000, 'x') + "END");
              }});
  RunningServer server(std::move(router), tls_settings(certificate));
  TlsClient client(server.port());
  client.send("GET /api/v0/large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_GT(client.read_until("END").size(), 300'003u);
  EXPECT_TRUE(client.ended());
}

TEST(TlsServer, plain_http_is_refused_and_a_silent_handshake_ends) {
  const Certificate certificate;
  ServerSettings settings = tls_settings(certificate);
  settings.limits.idle_timeout = milliseconds(60);
  RunningServer server(test_routes(), std::move(settings));
  RawClient plain(server.port());
  EXPECT_NE(plain.call(settings_request).status, 200);
  RawClient silent(server.port());
  EXPECT_TRUE(silent.ended());
}

TEST(TlsServer, bad_files_are_reported) {
  const Certificate one;
  const Certificate other;
  testing::CollectingLog log;
  const Router router;
  const auto listen = [&](std::string certificate, std::string key) {
    ServerSettings settings;
    settings.tls = Tls{std::move(certificate), std::move(key)};
    return Server(std::move(settings), router, log).listen();
  };
  EXPECT_FALSE(listen("/nonexistent.pem", one.key_file()));
  EXPECT_FALSE(listen(one.certificate_file(), "/nonexistent.pem"));
  EXPECT_FALSE(listen(one.certificate_file(), other.key_file()));
  EXPECT_TRUE(listen(one.certificate_file(), one.key_file()));
}

TEST(Listening, addresses_are_checked_and_errors_name_them) {
  testing::CollectingLog log;
  const Router router;
  const auto listen = [&](std::string address) {
    ServerSettings settings;
    settings.listen = {std::move(address)};
    Server server(std::move(settings), router, log);
    return server.listen();
  };
  for (const char* good : {"127.0.0.1:0", "localhost:0", "[::1]:0"}) {
    const auto result = listen(good);
    EXPECT_TRUE(result) << (result ? "" : result.error().cause);
  }
  for (const char* bad : {"127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:99999", "::1:80"}) {
    const auto result = listen(bad);
    ASSERT_FALSE(result) << bad;
    EXPECT_NE(result.error().cause.find(bad), std::string::npos) << result.error().cause;
  }
  // A socket that does not share its port.
  const int taken = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(taken, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(taken, 1), 0);
  socklen_t size = sizeof address;
  ::getsockname(taken, reinterpret_cast<sockaddr*>(&address), &size);
  EXPECT_FALSE(listen("127.0.0.1:" + std::to_string(ntohs(address.sin_port))));
  ::close(taken);
}

TEST(Listening, two_servers_do_not_share_a_port_by_accident) {
  testing::CollectingLog log;
  const Router router;
  ServerSettings settings;
  settings.threads = 2;  // these do share it
  Server first(settings, router, log);
  ASSERT_TRUE(first.listen());
  settings.listen = {"127.0.0.1:" + std::to_string(first.ports().at(0))};
  Server second(settings, router, log);
  const auto result = second.listen();
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().cause.find("in use"), std::string::npos) << result.error().cause;
}

void a_request_in_flight_is_finished(bool tls) {
  const Certificate certificate;
  Gate door;
  gate = &door;
  RunningServer server(gated_routes(), tls ? tls_settings(certificate) : ServerSettings{});
  std::string answer;
  std::thread client([&] {
    if (tls) {
      TlsClient one(server.port());
      one.send(gate_request);
      answer = one.read_until("finished");
    } else {
      RawClient one(server.port());
      const Answer received = one.call(gate_request);
      answer = received.head + received.body;
    }
  });
  door.await(1);
  RawClient idle(server.port());
  if (!tls) {
    EXPECT_EQ(idle.call(settings_request).status, 200);
  }
  server.server.drain(std::chrono::seconds(20));
  EXPECT_TRUE(idle.ended());  // so the server has begun to drain
  EXPECT_FALSE(RawClient(server.port()).connected());
  door.open = true;
  client.join();
  server.join();
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_NE(answer.find("finished"), std::string::npos);
}

TEST(Drain, a_request_in_flight_is_finished_and_nobody_else_is_let_in) {
  a_request_in_flight_is_finished(false);
}

TEST(Drain, a_request_in_flight_is_finished_over_tls_too) {
  a_request_in_flight_is_finished(true);
}

TEST(Drain, ends_at_its_limit_although_a_handler_hangs) {
  Gate door;
  gate = &door;
  RunningServer server(gated_routes());
  RawClient client(server.port());
  client.send(gate_request);
  door.await(1);
  server.server.drain(milliseconds(30));
  server.join();
  EXPECT_FALSE(door.open);
}

TEST(Drain, goes_on_beyond_its_limit_while_there_is_reason_and_the_answer_arrives) {
  Gate door;
  gate = &door;
  RunningServer server(gated_routes());
  RawClient client(server.port());
  client.send(gate_request);
  door.await(1);
  std::atomic<int> asked{0};
  auto must_wait = [&] {
    // The third time the limit is long over. What is waited for is done now, but not yet answered.
    if (++asked == 3) door.open = true;
    return asked < 3;
  };
  server.server.drain(milliseconds(1), must_wait, std::chrono::hours(1));
  EXPECT_EQ(client.receive().status, 200);
  server.join();
  EXPECT_GE(asked, 3);
}

TEST(Drain, does_not_wait_for_ever) {
  Gate door;
  gate = &door;
  RunningServer server(gated_routes());
  RawClient client(server.port());
  client.send(gate_request);
  door.await(1);
  server.server.drain(
      milliseconds(1), [] { return true; }, milliseconds(100));
  server.join();
  EXPECT_FALSE(door.open);
}

TEST(Drain, ends_at_once_without_connections) {
  RunningServer server(test_routes());
  server.server.drain(std::chrono::hours(1));
  server.join();
}

// Clients that ask again and again see either an answer or, before their request, the announced
// end.
void busy_clients_lose_nothing(bool tls) {
  const Certificate certificate;
  ServerSettings settings = tls ? tls_settings(certificate) : ServerSettings{};
  settings.threads = 2;
  RunningServer server(test_routes(), std::move(settings));
  std::atomic<int> answered{0};
  std::atomic<int> lost{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      if (tls) {
        TlsClient one(server.port());
        for (bool open = one.connected(); open;) {
          const std::string answer =
              one.send(settings_request) ? one.read_until("\"authorization\":\"\"}") : "";
          ++(answer.empty() ? lost : answered);
          open = !answer.empty() && answer.find("Connection: close") == std::string::npos;
        }
      } else {
        RawClient one(server.port());
        for (bool open = one.connected(); open;) {
          const Answer answer = one.call(settings_request);
          ++(answer.status == 200 ? answered : lost);
          open = answer.status == 200 && answer.header("Connection") != "close";
        }
      }
    });
  }
  while (answered < 200)
    std::this_thread::yield();
  server.server.drain(std::chrono::seconds(20));
  for (std::thread& client : clients)
    client.join();
  server.join();
  EXPECT_EQ(lost, 0);
  EXPECT_GE(answered, 200);
}

TEST(Drain, busy_clients_on_two_threads_lose_no_request) {
  busy_clients_lose_nothing(false);
}

TEST(Drain, busy_tls_clients_on_two_threads_lose_no_request) {
  busy_clients_lose_nothing(true);
}

TEST(Threads, each_has_a_context_that_takes_work) {
  ServerSettings settings;
  settings.threads = 2;
  RunningServer server(test_routes(), std::move(settings));
  std::atomic<int> ran{0};
  const auto contexts = server.server.contexts();
  ASSERT_EQ(contexts.size(), 2u);
  for (asio::io_context* context : contexts)
    asio::post(*context, [&ran] { ++ran; });
  while (ran < 2)
    std::this_thread::yield();
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(server.call(settings_request).status, 200);
}

}  // namespace
}  // namespace mytoken::http
