// What is asked again and what is not: lost answers, busy servers, documents that are old; and that
// every wait can be stopped.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <future>

#include "base/clock.h"
#include "client/durable_file.h"
#include "client/metadata_cache.h"
#include "client/reading.h"
#include "unit/client/harness.h"

namespace mytoken::client {
namespace {

FakeAnswer no_answer() {
  return {0, "", "", true};
}

TEST(LostAnswer, a_request_with_a_rotating_token_is_asked_for_once_more) {
  std::atomic<int> asked = 0;
  FakeServer server([&asked](const FakeRequest&) {
    return ++asked == 1 ? no_answer()
                        : answer_json(with_successor(access_token_answer(), rotating_jwt(2)));
  });
  MemoryTokenSource source(Secret(rotating_jwt(1)));
  auto lease = std::move(*source.acquire({}));
  const auto answer = open(server)->access_token(*lease, {{"a"}, {}, ""});
  ASSERT_TRUE(answer.has_value()) << answer.error().text();
  EXPECT_EQ(lease->token().reveal(), rotating_jwt(2));
  // The same request: only then a server gives the answer that was lost.
  ASSERT_EQ(server.count("/at"), 2U);
  EXPECT_EQ(server.requests()[1].body, server.requests()[2].body);
}

TEST(LostAnswer, it_is_asked_once_and_not_for_ever) {
  FakeServer server([](const FakeRequest&) { return no_answer(); });
  MemoryTokenSource source(Secret(rotating_jwt(1)));
  auto lease = std::move(*source.acquire({}));
  EXPECT_EQ(open(server)->access_token(*lease).error().kind, ErrorKind::network);
  EXPECT_EQ(server.count("/at"), 2U);
}

TEST(LostAnswer, the_newest_token_of_the_source_is_presented) {
  const Folder folder;
  const auto file = folder.path / "token";
  std::ofstream(file) << rotating_jwt(1) << '\n';
  std::vector<std::string> presented;
  FakeServer server([&](const FakeRequest& request) {
    presented.emplace_back(string_member(request.json, "mytoken"));
    if (presented.size() > 1) return answer_json(access_token_answer());
    // Somebody who does not care for locks puts the successor there.
    std::ofstream(file) << rotating_jwt(2) << '\n';
    return no_answer();
  });
  FileTokenSource source(file);
  auto lease = std::move(*source.acquire({}));
  ASSERT_TRUE(open(server)->access_token(*lease).has_value());
  EXPECT_EQ(presented, (std::vector<std::string>{rotating_jwt(1), rotating_jwt(2)}));
}

TEST(LostAnswer, a_token_that_does_not_rotate_is_not_presented_again) {
  for (const std::string& token :
       {jwt_of({{"rotation", json::object{{"on_AT", false}}}}), std::string(short_token)}) {
    FakeServer server([](const FakeRequest&) { return no_answer(); });
    MemoryTokenSource source{Secret(token)};
    auto lease = std::move(*source.acquire({}));
    EXPECT_EQ(open(server)->access_token(*lease).error().kind, ErrorKind::network);
    EXPECT_EQ(server.count("/at"), 1U) << token;
  }
}

TEST(LostAnswer, reading_is_repeated_with_the_newest_token) {
  const Folder folder;
  const auto file = folder.path / "token";
  std::ofstream(file) << "first\n";
  FakeServer server([&](const FakeRequest& request) {
    if (request.authorization == "Bearer second") return answer_json({{"tags", json::array()}});
    std::ofstream(file) << "second\n";
    return no_answer();
  });
  server.metadata_changes["notifications_endpoint"] = server.url() + "/n";
  FileTokenSource source(file);
  auto lease = std::move(*source.acquire({}));
  Exchange reading;
  reading.endpoint = "notifications_endpoint";
  const auto answer = open(server)->exchange(lease.get(), reading);
  ASSERT_TRUE(answer.has_value()) << answer.error().text();
  EXPECT_EQ(server.count("/n"), 2U);
}

TEST(LostAnswer, a_successor_in_a_refusal_is_not_dropped) {
  FakeServer server([](const FakeRequest&) {
    json::object refusal{{"error", "server_error"}, {"error_description", "later"}};
    return answer_json(with_successor(refusal, rotating_jwt(2)), 500);
  });
  MemoryTokenSource source(Secret(rotating_jwt(1)));
  auto lease = std::move(*source.acquire({}));
  EXPECT_EQ(open(server)->access_token(*lease).error().code, "server_error");
  EXPECT_EQ(lease->token().reveal(), rotating_jwt(2));
}

TEST(LostAnswer, a_stop_does_not_abandon_a_successor_that_is_on_its_way) {
  std::stop_source stop;
  FakeServer server([&stop](const FakeRequest&) {
    stop.request_stop();  // the request is out: the server rotates the token
    return answer_json(with_successor(access_token_answer(), rotating_jwt(2)));
  });
  const auto client = open(server);
  MemoryTokenSource source(Secret(rotating_jwt(1)));
  auto lease = std::move(*source.acquire({}));
  ASSERT_TRUE(client->metadata().has_value());
  EXPECT_TRUE(client->access_token(*lease, {}, {stop.get_token(), {}}).has_value());
  EXPECT_EQ(lease->token().reveal(), rotating_jwt(2));
}

TEST(LostAnswer, the_revocation_of_another_mytoken_is_asked_for_once_more_the_own_is_not) {
  std::atomic<int> asked = 0;
  FakeServer server([&asked](const FakeRequest&) {
    return ++asked == 1 ? no_answer() : answer_json(with_successor({}, rotating_jwt(2)));
  });
  MemoryTokenSource source(Secret(rotating_jwt(1)));
  auto lease = std::move(*source.acquire({}));
  EXPECT_TRUE(open(server)->revoke(*lease, {"another", false}).has_value());
  EXPECT_EQ(lease->token().reveal(), rotating_jwt(2));
  asked = 0;
  EXPECT_EQ(open(server)->revoke(*lease).error().kind, ErrorKind::network);
  EXPECT_EQ(asked, 1);
}

TEST(LostAnswer, a_successor_beside_an_answer_that_cannot_be_read_is_in_the_error) {
  FakeServer server([](const FakeRequest&) {
    return answer_json(with_successor({{"no", "access token"}}, rotating_jwt(2)));
  });
  MemoryTokenSource source(Secret(rotating_jwt(1)), [](const Secret&) -> Outcome<void> {
    return failure(ErrorKind::token_source, "the disk is full", token_lost);
  });
  auto lease = std::move(*source.acquire({}));
  const auto answer = open(server)->access_token(*lease);
  ASSERT_FALSE(answer.has_value());
  ASSERT_TRUE(answer.error().unsaved);
  EXPECT_EQ(answer.error().unsaved->reveal(), rotating_jwt(2));
}

TEST(LostAnswer, a_successor_that_came_with_a_refusal_and_was_not_stored_is_in_the_error) {
  FakeServer server([](const FakeRequest&) {
    const json::object refusal{{"error", "oidc_error"}, {"error_description", "no"}};
    return answer_json(with_successor(refusal, rotating_jwt(2)), 400);
  });
  MemoryTokenSource source(Secret(rotating_jwt(1)), [](const Secret&) -> Outcome<void> {
    return failure(ErrorKind::token_source, "the disk is full", token_lost);
  });
  auto lease = std::move(*source.acquire({}));
  const auto answer = open(server)->access_token(*lease);
  ASSERT_FALSE(answer.has_value());
  ASSERT_TRUE(answer.error().unsaved);
  EXPECT_EQ(answer.error().unsaved->reveal(), rotating_jwt(2));
  EXPECT_NE(answer.error().description.find("the disk is full"), std::string::npos);
}

TEST(HostileServer, a_successor_that_is_no_token_is_not_stored) {
  for (const char* bad : {"two\nlines", "with \x1b[2J", "a blank", "nul\0byte"}) {
    FakeServer server([bad](const FakeRequest&) {
      return answer_json(with_successor(access_token_answer(), std::string(bad) + "\x07"));
    });
    MemoryTokenSource source(Secret(rotating_jwt(1)));
    auto lease = std::move(*source.acquire({}));
    const auto answer = open(server)->access_token(*lease);
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().kind, ErrorKind::protocol);
    EXPECT_EQ(lease->token().reveal(), rotating_jwt(1));
  }
}

TEST(HostileServer, an_access_token_is_one_line_of_printable_characters) {
  FakeServer server([](const FakeRequest&) {
    return answer_json({{"access_token", "good\r\nX-Evil: 1"}, {"token_type", "Bearer"}});
  });
  MemoryTokenSource source{Secret(short_token)};
  auto lease = std::move(*source.acquire({}));
  EXPECT_EQ(open(server)->access_token(*lease).error().kind, ErrorKind::protocol);
}

TEST(HostileServer, a_server_elsewhere_cannot_name_this_machine) {
  const auto document = [](const std::string& server, const std::string& endpoint) {
    return json::serialize(json::object{{"issuer", server},
                                        {"mytoken_endpoint", server + "/my"},
                                        {"access_token_endpoint", endpoint}});
  };
  const std::string remote = "https://mytoken.example.org";
  EXPECT_TRUE(parse_metadata(document(remote, remote + "/at"), remote).has_value());
  EXPECT_FALSE(parse_metadata(document(remote, "http://127.0.0.1:8080/at"), remote).has_value());
  EXPECT_FALSE(parse_metadata(document(remote, "https://localhost/at"), remote).has_value());
  const std::string local = "http://127.0.0.1:8000";
  EXPECT_TRUE(parse_metadata(document(local, local + "/at"), local).has_value());
}

TEST(HostileNeighbour, a_pipe_of_another_user_gets_nothing) {
  const Folder folder;
  const auto path = folder.path / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0666), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  EXPECT_TRUE(append_to(path, "mine", Link::none));
  std::array<char, 16> got{};
  EXPECT_EQ(::read(reader, got.data(), got.size()), 4);
  if (::geteuid() == 0) {  // only root can give one away
    ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
    EXPECT_FALSE(append_to(path, "not yours", Link::none));
    EXPECT_LE(::read(reader, got.data(), got.size()), 0);
  }
  ::close(reader);
  std::ofstream(folder.path / "file") << "x";
  EXPECT_FALSE(append_to(folder.path / "file", "files are replaced, not appended to", Link::none));
}

TEST(Errors, what_is_no_json_is_quoted_shortly_and_harmlessly) {
  FakeServer server([](const FakeRequest&) {
    return FakeAnswer{502, "<h1>bad\x1b[31m gateway</h1>" + std::string(500, 'x'), "", false};
  });
  MemoryTokenSource source{Secret(short_token)};
  auto lease = std::move(*source.acquire({}));
  const auto error = open(server)->access_token(*lease).error();
  EXPECT_EQ(error.kind, ErrorKind::protocol);
  EXPECT_NE(error.description.find("<h1>bad?[31m gateway</h1>"), std::string::npos)
      << error.description;
  EXPECT_LT(error.description.size(), 200U);
}

class FixedTime {
 public:
  Options options() {
    Options made;
    made.date = [this] { return std::chrono::sys_seconds(std::chrono::seconds(now)); };
    return made;
  }
  std::atomic<long> now = 1'780'000'000;
};

TEST(Metadata, a_long_running_program_asks_again_after_an_hour_and_only_whether_it_changed) {
  std::vector<std::string> heads;
  json::object document;
  FakeServer server([&](const FakeRequest& request) {
    heads.push_back(request.head);
    if (request.head.find("If-None-Match: \"v1\"") != std::string::npos)
      return FakeAnswer{304, "", "", false};
    auto answer = answer_json(document);
    answer.headers += "ETag: \"v1\"\r\n";
    return answer;
  });
  server.answers_metadata_itself = true;
  document = {{"issuer", server.url()},
              {"mytoken_endpoint", server.url() + "/my"},
              {"access_token_endpoint", server.url() + "/at"}};
  FixedTime time;
  const auto client = open(server, time.options());
  for (const int later : {0, 3599, 1, 3599, 1}) {
    time.now += later;
    ASSERT_TRUE(client->metadata().has_value());
  }
  ASSERT_EQ(heads.size(), 3U);  // at 0, 3600, 7200
  EXPECT_EQ(heads[0].find("If-None-Match"), std::string::npos);
  EXPECT_NE(heads[2].find("If-None-Match: \"v1\""), std::string::npos);
  EXPECT_EQ((*client->metadata())->access_token_endpoint, server.url() + "/at");
}

TEST(Metadata, what_came_from_disk_lives_no_longer_than_it_would_have_there) {
  const Folder folder;
  FakeServer server([](const FakeRequest&) { return answer_json({}); });
  FixedTime time;
  Options options = time.options();
  options.cache_directory = folder.path / "cache";
  ASSERT_TRUE(open(server, options)->metadata().has_value());
  time.now += 3000;
  const auto second = open(server, options);
  ASSERT_TRUE(second->metadata().has_value());
  EXPECT_EQ(server.requests().size(), 1U);
  time.now += 600;
  ASSERT_TRUE(second->metadata().has_value());
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST(Environment, certificates_are_those_of_the_environment_unless_the_program_says_others) {
  // Something that listens and never says a word of TLS.
  FakeServer server([](const FakeRequest&) { return answer_json({}); });
  const std::string url = "https" + server.url().substr(4);
  const Folder folder;
  const std::string missing = (folder.path / "missing.pem").string();
  const Variable bundle("SSL_CERT_FILE", missing);
  Options options;
  options.total_timeout = std::chrono::milliseconds(200);
  const auto by_environment = (*Client::open(url, options))->metadata().error();
  EXPECT_EQ(by_environment.kind, ErrorKind::tls);
  EXPECT_NE(by_environment.description.find(missing), std::string::npos)
      << by_environment.description;
  options.ca_file = "/etc/ssl/certs/ca-certificates.crt";
  EXPECT_EQ((*Client::open(url, options))->metadata().error().kind, ErrorKind::timeout);
}

TEST(Environment, the_proxy_of_the_environment_is_asked_for_other_machines_only) {
  std::vector<std::string> lines;
  FakeServer proxy([&lines](const FakeRequest& request) {
    lines.push_back(request.head.substr(0, request.head.find('\r')));
    return FakeAnswer{502, "", "", false};
  });
  const Variable variable("HTTPS_PROXY", proxy.url());
  auto elsewhere = Client::open("https://mt.example.org");
  EXPECT_EQ((*elsewhere)->metadata().error().kind, ErrorKind::network);
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.front(), "CONNECT mt.example.org:443 HTTP/1.1");
  const std::size_t asked = lines.size();
  auto here = Client::open("https://127.0.0.1:1");
  EXPECT_EQ((*here)->metadata().error().kind, ErrorKind::network);
  EXPECT_EQ(lines.size(), asked);
  const Variable except("NO_PROXY", "mt.example.org");
  Options quick;
  quick.connect_timeout = std::chrono::milliseconds(200);
  (void)(*Client::open("https://mt.example.org", quick))->metadata();
  EXPECT_EQ(lines.size(), asked);
}

// Time between a stop and the end of `wait`, which is stopped once `is_waiting` is told.
template <class Wait>
std::chrono::milliseconds until_stopped(std::future<void> is_waiting, const Wait& wait) {
  std::stop_source source;
  auto ended = std::async(std::launch::async, [&] {
    const auto error = wait(Call{source.get_token(), {}});
    EXPECT_EQ(error.kind, ErrorKind::cancelled) << error.text();
    return std::chrono::steady_clock::now();
  });
  is_waiting.wait();
  const auto start = std::chrono::steady_clock::now();
  source.request_stop();
  return std::chrono::duration_cast<std::chrono::milliseconds>(ended.get() - start);
}

// A timer that tells when somebody waits.
class TellingTimer final : public Timer {
 public:
  TimePoint now() const override { return system_.now(); }
  void wait_until(TimePoint until, const std::stop_token& stop) override {
    if (!told_.exchange(true)) waits.set_value();
    system_.wait_until(until, stop);
  }
  std::promise<void> waits;

 private:
  std::atomic<bool> told_ = false;
  SystemTimer system_;
};

// On a machine with other things to do a thread may get its turn late.
constexpr std::chrono::milliseconds soon{400};

TEST(Stop, ends_the_wait_for_a_busy_server) {
  FakeServer server([](const FakeRequest&) {
    auto answer = answer_error(503, "temporarily_unavailable");
    answer.headers += "Retry-After: 30\r\n";
    return answer;
  });
  const auto timer = std::make_shared<TellingTimer>();
  Options options;
  options.timer = timer;
  const auto client = open(server, options);
  MemoryTokenSource source{Secret(short_token)};
  auto lease = std::move(*source.acquire({}));
  EXPECT_LT(until_stopped(
                timer->waits.get_future(),
                [&](const Call& call) { return client->access_token(*lease, {}, call).error(); }),
            soon);
}

TEST(Stop, ends_the_wait_for_an_approval) {
  FakeServer server([](const FakeRequest&) { return answer_error(400, "authorization_pending"); });
  const auto timer = std::make_shared<TellingTimer>();
  Options options;
  options.timer = timer;
  const auto client = open(server, options);
  Authorization authorization;
  authorization.polling_code = Secret("code");
  authorization.expires_in = std::chrono::seconds(60);
  EXPECT_LT(until_stopped(timer->waits.get_future(),
                          [&](const Call& call) {
                            return client->wait_for_authorization(authorization, {}, call).error();
                          }),
            soon);
}

TEST(Stop, ends_the_wait_for_a_locked_file) {
  const Folder folder;
  const auto file = folder.path / "token";
  std::ofstream(file) << "token\n";
  FileTokenSource source(file);
  const auto held = std::move(*source.acquire({}));
  std::promise<void> started;
  EXPECT_LT(until_stopped(started.get_future(),
                          [&](const Call& call) {
                            started.set_value();
                            return source.acquire(call).error();
                          }),
            soon);
}

TEST(HostileNeighbour, what_becomes_a_link_after_it_was_looked_at_is_not_followed) {
  const Folder folder;
  const auto path = folder.path / "out";
  EXPECT_EQ(link_at(path), Link::none);
  std::filesystem::create_symlink("/dev/null", path);
  EXPECT_FALSE(append_to(path, "x", Link::none));
  EXPECT_EQ(link_at(path), Link::own);
  EXPECT_TRUE(append_to(path, "x", Link::own));
  ::chmod(folder.path.c_str(), 01777);
  EXPECT_EQ(link_at(path), Link::foreign);
  EXPECT_EQ(link_at("/dev/stdout"), Link::own);
}

TEST(HostileServer, tokens_have_an_end) {
  const auto answered = [](const char* name, std::size_t length) {
    return json::object{{name, std::string(length, 'a')}};
  };
  EXPECT_TRUE(parse_mytoken(answered("mytoken", 16384)).has_value());
  EXPECT_TRUE(parse_access_token(answered("access_token", 65536)).has_value());
  for (const auto& long_one : {answered("mytoken", 16385), answered("transfer_code", 16385)})
    EXPECT_EQ(parse_mytoken(long_one).error().kind, ErrorKind::protocol);
  EXPECT_EQ(parse_access_token(answered("access_token", 65537)).error().kind, ErrorKind::protocol);
}

}  // namespace
}  // namespace mytoken::client
