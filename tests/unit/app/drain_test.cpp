// A server that is told to end while requests use a single-use refresh token: whatever the provider
// issued is stored, and every client gets an answer.
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "app/commands.h"
#include "app/server.h"
#include "base/encoding.h"
#include "config_fixture.h"
#include "service/login.h"
#include "support/run_task.h"
#include "support/scripted_provider.h"

namespace mytoken::app {
namespace {

class QuietLog final : public Log {
 public:
  QuietLog() : Log(2, LogLevel::error, Format::text) {}

 protected:
  void emit(std::string_view) override {}
};

// A connection with a request for an access token on its way.
class Request {
 public:
  Request(std::uint16_t port, const std::string& mytoken) : socket_(context_) {
    const std::string body = R"({"grant_type":"mytoken","mytoken":")" + mytoken + "\"}";
    socket_.connect({asio::ip::address_v4::loopback(), port});
    asio::write(
        socket_,
        asio::buffer("POST /mt/api/v0/token/access HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                     "application/json\r\nConnection: close\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\n\r\n" + body));
  }
  // 0: none came.
  int status() {
    std::string answer;
    boost::system::error_code error;
    asio::read(socket_, asio::dynamic_buffer(answer), error);
    return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
  }

 private:
  asio::io_context context_;
  asio::ip::tcp::socket socket_;
};

class DrainTest : public testing::Test {
 protected:
  void SetUp() override {
    test::ProviderKnobs knobs;
    knobs.rotation = test::ProviderKnobs::Rotation::single_use;
    provider = std::make_unique<test::ScriptedProvider>(test::ProviderOptions(), knobs);
    file =
        folder.write("config.yaml",
                     "issuer: http://127.0.0.1:8000/mt\n"
                     "service_operator: {name: Tests, mail_contact: tests@example.org}\n"
                     "server: {listen: ['127.0.0.1:0'], threads: 2}\n"
                     "signing: {mytoken: {alg: ES256, key_file: " +
                         folder.file("key.pem") + "}}\ndatabase: {url: 'sqlite://" +
                         folder.file("db") + "'}\nproviders:\n  - {issuer: '" + provider->issuer() +
                         "', client_id: client, client_secret: client-secret, "
                         "scopes: [openid, offline_access]}\n");
    testing::internal::CaptureStdout();
    ASSERT_EQ(run({"init", "--config", file}, {}), 0);
    testing::internal::GetCapturedStdout();
  }

  std::unique_ptr<Instance> start() {
    Loaded loaded = load_config({{file}, false, {}});
    EXPECT_EQ(test::lines(loaded.errors), "");
    auto instance = Instance::start(loaded.config, {nullptr, nullptr, nullptr, &log});
    EXPECT_TRUE(instance) << instance.error().cause;
    return instance ? std::move(*instance) : nullptr;
  }

  // A login that has come back from the provider.
  service::Redirect come_back(service::Context& context, const service::LoginStart& begun) {
    const Secret consent(begun.consent_uri.substr(begun.consent_uri.rfind('/') + 1));
    service::Redirect back;
    back.browser = Secret("a-browser-with-a-long-binding-secret");
    auto url = test::run(io, service::accept_consent(context, consent, {}, back.browser));
    EXPECT_TRUE(url) << url.error().description;
    const std::string path = url->substr(provider->issuer().size());
    asio::io_context own;
    asio::ip::tcp::socket socket(own);
    const auto port = static_cast<std::uint16_t>(
        std::stoi(provider->issuer().substr(provider->issuer().rfind(':') + 1)));
    socket.connect({asio::ip::address_v4::loopback(), port});
    asio::write(socket, asio::buffer("GET " + path +
                                     " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    std::string answer;
    boost::system::error_code error;
    asio::read_until(socket, asio::dynamic_buffer(answer), "\r\n\r\n", error);
    const auto value = [&answer](const std::string& name) {
      const std::size_t begin = answer.find(name) + name.size();
      return *percent_decode(answer.substr(begin, answer.find_first_of("&\r", begin) - begin),
                             true);
    };
    back.state = value("state=");
    back.code = value("code=");
    back.iss = value("iss=");
    return back;
  }

  std::string login(service::Context& context) {
    service::LoginRequest request;
    request.wish.oidc_issuer = provider->issuer();
    auto begun = test::run(io, service::start_login(context, request));
    EXPECT_TRUE(begun) << begun.error().description;
    auto end = test::run(io, service::finish_login(context, come_back(context, *begun)));
    EXPECT_TRUE(end) << end.error().description << end.error().cause;
    auto polled = test::run(io, service::poll(context, begun->polling_code, {}));
    EXPECT_TRUE(polled) << polled.error().description;
    return polled ? std::string(string_member(*polled, "mytoken")) : "";
  }

  test::Folder folder;
  std::string file;
  QuietLog log;
  asio::io_context io{1};  // outlives the servers, whose threads wake it
  std::unique_ptr<test::ScriptedProvider> provider;
};

TEST_F(DrainTest, ending_at_the_limit_loses_no_refresh_token) {
  auto server = start();
  ASSERT_TRUE(server);
  const std::string mytoken = login(server->context());
  provider->set([](test::ProviderKnobs& k) { k.delay = std::chrono::milliseconds(1500); });

  std::vector<std::unique_ptr<Request>> requests;
  for (int i = 0; i < 4; ++i)
    requests.push_back(std::make_unique<Request>(server->port(), mytoken));
  // The provider has rotated; its answer comes long after the limit.
  while (provider->counters().refreshes == 0)
    std::this_thread::yield();
  server->stop(std::chrono::milliseconds(400));

  int granted = 0;
  for (const auto& request : requests) {
    const int status = request->status();
    EXPECT_TRUE(status == 200 || status == 503) << status;
    granted += status == 200 ? 1 : 0;
  }
  EXPECT_EQ(granted, 1);
  EXPECT_EQ(provider->counters().refreshes, 1u);

  server.reset();
  provider->set([](test::ProviderKnobs& k) { k.delay = std::chrono::milliseconds(0); });
  server = start();
  ASSERT_TRUE(server);
  Request again(server->port(), mytoken);
  EXPECT_EQ(again.status(), 200);
  EXPECT_FALSE(provider->sessions().at(0).reuse_detected);
}

}  // namespace
}  // namespace mytoken::app
