// Sockets from a supervisor and from a former server: what is taken, what is refused.
#include "app/handover.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "app/commands.h"
#include "config_fixture.h"
#include "http/server.h"

namespace mytoken::app {
namespace {

using test::contains;

class QuietLog final : public Log {
 public:
  QuietLog() : Log(2, LogLevel::error, Format::text) {}

 protected:
  void emit(std::string_view) override {}
};

int socket_on_loopback(bool listens = true) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  if (listens) {
    EXPECT_EQ(::listen(descriptor, 16), 0);
  }
  return descriptor;
}

int port_of(int descriptor) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

bool is_open(int descriptor) {
  return ::fcntl(descriptor, F_GETFD) >= 0;
}

TEST(SupervisorSockets, are_those_of_this_process_by_name) {
  const std::string me = std::to_string(::getpid());
  EXPECT_TRUE(sockets_of_supervisor({})->http.empty());
  EXPECT_TRUE(sockets_of_supervisor({{"LISTEN_PID", "1"}, {"LISTEN_FDS", "2"}})->http.empty());
  const auto plain = sockets_of_supervisor({{"LISTEN_PID", me}, {"LISTEN_FDS", "2"}});
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->http, (std::vector<int>{3, 4}));
  EXPECT_TRUE(plain->health.empty());
  const auto named = sockets_of_supervisor(
      {{"LISTEN_PID", me}, {"LISTEN_FDS", "3"}, {"LISTEN_FDNAMES", "web:health:web"}});
  ASSERT_TRUE(named);
  EXPECT_EQ(named->http, (std::vector<int>{3, 5}));
  EXPECT_EQ(named->health, (std::vector<int>{4}));
  for (const char* count : {"", "-1", "many", "201"}) {
    const auto wrong = sockets_of_supervisor({{"LISTEN_PID", me}, {"LISTEN_FDS", count}});
    ASSERT_FALSE(wrong) << count;
    EXPECT_TRUE(contains(wrong.error().cause, "LISTEN_FDS"));
  }
}

TEST(InheritedSockets, what_does_not_listen_for_tcp_is_refused) {
  QuietLog log;
  const http::Router router;
  const auto refusal = [&](int descriptor) {
    http::ServerSettings settings;
    settings.sockets = {descriptor};
    http::Server server(std::move(settings), router, log);
    const auto listening = server.listen();
    EXPECT_FALSE(listening);
    return listening ? std::string() : listening.error().cause;
  };
  EXPECT_TRUE(contains(refusal(socket_on_loopback(false)), "it does not listen"));
  EXPECT_TRUE(contains(refusal(::socket(AF_UNIX, SOCK_STREAM, 0)), "only TCP"));
  EXPECT_TRUE(contains(refusal(::open("/dev/null", O_RDONLY | O_CLOEXEC)), "inherited socket"));
}

TEST(InheritedSockets, every_thread_has_one_and_every_one_a_thread) {
  QuietLog log;
  const http::Router router;
  for (const auto& [threads, sockets] : {std::pair(1u, 3u), std::pair(3u, 1u), std::pair(2u, 2u)}) {
    http::ServerSettings settings;
    settings.threads = threads;
    std::vector<std::string> addresses;
    for (unsigned i = 0; i < sockets; ++i) {
      settings.sockets.push_back(socket_on_loopback());
      addresses.push_back("127.0.0.1:" + std::to_string(port_of(settings.sockets.back())));
    }
    http::Server server(std::move(settings), router, log);
    ASSERT_TRUE(server.listen());
    EXPECT_EQ(server.addresses(), addresses);
    EXPECT_EQ(server.sockets().size(), std::max(threads, sockets));
  }
}

class HandoverTest : public testing::Test {
 protected:
  // The running server: waits for a successor until it is told to end.
  void serve() {
    auto made = Handover::listen(
        context, path,
        [this] {
          ++asked;
          return ListeningSockets{{http}, {health}};
        },
        [this] {
          ended = true;
          handover->close();
        });
    ASSERT_TRUE(made) << made.error().cause;
    handover = std::move(*made);
    thread = std::thread([this] {
      auto guard = boost::asio::make_work_guard(context);
      context.run();
    });
  }
  void TearDown() override {
    context.stop();
    if (thread.joinable()) thread.join();
    handover.reset();
    ::close(http);
    ::close(health);
  }

  test::Folder folder;
  const std::string path = folder.file("handover");
  boost::asio::io_context context{1};
  std::unique_ptr<Handover> handover;
  std::thread thread;
  const int http = socket_on_loopback();
  const int health = socket_on_loopback();
  std::atomic<int> asked{0};
  std::atomic<bool> ended{false};
};

TEST_F(HandoverTest, a_successor_gets_the_sockets_and_ends_the_server) {
  serve();
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  {
    auto gives_up = Predecessor::ask(path);
    ASSERT_TRUE(gives_up && *gives_up);
  }
  auto successor = Predecessor::ask(path);
  ASSERT_TRUE(successor && *successor);
  EXPECT_FALSE(ended);
  const auto web = (*successor)->take_http();
  const auto checks = (*successor)->take_health();
  ASSERT_EQ(web.size(), 1u);
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_EQ(port_of(web.front()), port_of(http));
  EXPECT_EQ(port_of(checks.front()), port_of(health));
  EXPECT_FALSE((*successor)->wait(std::chrono::milliseconds(50)));
  (*successor)->end();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!ended && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  EXPECT_TRUE(ended);
  EXPECT_NE(::stat(path.c_str(), &status), 0);
  for (const int descriptor : {web.front(), checks.front()}) {
    EXPECT_TRUE(is_open(descriptor));
    ::close(descriptor);
  }
}

TEST_F(HandoverTest, sockets_that_are_not_taken_are_closed) {
  serve();
  auto successor = Predecessor::ask(path);
  ASSERT_TRUE(successor && *successor);
  const int descriptor = (*successor)->take_health().front();
  EXPECT_TRUE(is_open(descriptor));
  ::close(descriptor);
  (*successor).reset();
  EXPECT_FALSE(ended);
  EXPECT_EQ(asked, 1);
}

TEST_F(HandoverTest, the_next_server_replaces_the_path_and_the_former_leaves_it) {
  serve();
  boost::asio::io_context other;
  auto next = Handover::listen(
      other, path, [] { return ListeningSockets(); }, [] {});
  ASSERT_TRUE(next) << next.error().cause;
  boost::asio::post(context, [this] { handover->close(); });
  context.stop();
  thread.join();
  handover->close();
  EXPECT_TRUE(std::filesystem::exists(path));
  next->reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(HandoverTest, nobody_and_somebody_else_at_the_path) {
  const auto nobody = Predecessor::ask(path);
  ASSERT_TRUE(nobody);
  EXPECT_FALSE(*nobody);
  EXPECT_FALSE(Predecessor::ask(""));
  EXPECT_FALSE(Predecessor::ask(std::string(200, 'x')));

  const int listening = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listening, 4), 0);
  std::thread stranger([listening] {
    for (const std::string text : {"hello\n", "mytoken-handover-1 2 1\n", ""}) {
      const int connection = ::accept(listening, nullptr, nullptr);
      (void)::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
      ::close(connection);
    }
  });
  for (int i = 0; i < 3; ++i) {
    const auto refused = Predecessor::ask(path);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(contains(refused.error().cause, "does not hand over; stop it first"));
  }
  stranger.join();
  ::close(listening);
  const auto gone = Predecessor::ask(path);  // a path that a killed server left
  ASSERT_TRUE(gone);
  EXPECT_FALSE(*gone);
}

TEST(SupervisorNotice, is_one_datagram_at_the_named_socket) {
  const test::Folder folder;
  const std::string path = folder.file("notify");
  const int waiting = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  ASSERT_EQ(::bind(waiting, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  notify_supervisor({}, "READY=1");
  notify_supervisor({{"NOTIFY_SOCKET", path}}, "READY=1");
  char text[32] = {};
  EXPECT_EQ(::recv(waiting, text, sizeof text, 0), 7);
  EXPECT_STREQ(text, "READY=1");
  EXPECT_LT(::recv(waiting, text, sizeof text, 0), 0);
  ::close(waiting);
}

}  // namespace
}  // namespace mytoken::app
