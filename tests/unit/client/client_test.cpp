// The calls of the client library against a scripted server: bodies, answers, errors, rotation,
// retries, cancellation.
#include <mytoken/client.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "base/clock.h"
#include "base/encoding.h"
#include "client/metadata_cache.h"
#include "unit/cli/fake_server.h"

namespace mytoken::client {
namespace {

using test::answer_error;
using test::answer_json;
using test::FakeAnswer;
using test::FakeRequest;
using test::FakeServer;

constexpr const char* short_token = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNOP";

std::unique_ptr<Client> open(const FakeServer& server, Options options = {}) {
  auto client = Client::open(server.url(), std::move(options));
  EXPECT_TRUE(client.has_value());
  return std::move(*client);
}

// A mytoken that says it does not rotate: nothing can be lost with its answers.
const std::string jwt_that_stays = base64url(R"({"alg":"ES512","typ":"MT+JWT"})") + "." +
                                   base64url(R"({"token_type":"mytoken"})") + "." +
                                   base64url("signature");

struct Leased {
  explicit Leased(MemoryTokenSource::OnRotation on_rotation = {},
                  const std::string& token = short_token)
      : source(Secret(token), std::move(on_rotation)), lease(std::move(*source.acquire({}))) {}
  MemoryTokenSource source;
  std::unique_ptr<TokenLease> lease;
};

json::object access_token_answer() {
  return {{"access_token", "the-at"},
          {"token_type", "Bearer"},
          {"expires_in", 3600.0},
          {"scope", "a b"},
          {"audience", "https://rs.example.org"},
          {"unknown", nullptr}};
}

class FixedClock final : public Clock {
 public:
  std::chrono::sys_time<std::chrono::microseconds> precise() const override { return time; }
  Time time = from_unix(1'780'000'000);
};

std::filesystem::path fresh_directory() {
  std::string name = (std::filesystem::temp_directory_path() / "mytoken-client-XXXXXX").string();
  return ::mkdtemp(name.data());
}

TEST(Client, an_access_token_request_sends_the_published_members_and_reads_the_answer) {
  FakeServer server([](const FakeRequest&) { return answer_json(access_token_answer()); });
  const auto client = open(server);
  Leased token;
  const auto at = client->access_token(*token.lease, {{"a", "b"}, {"x", "y"}, "why"}, {});
  ASSERT_TRUE(at.has_value()) << at.error().text();
  EXPECT_EQ(at->access_token.reveal(), "the-at");
  EXPECT_EQ(at->expires_in, Seconds(3600));
  EXPECT_EQ(at->audience, std::vector<std::string>{"https://rs.example.org"});
  EXPECT_FALSE(at->token_update.has_value());
  const json::object expected{{"grant_type", "mytoken"},
                              {"mytoken", short_token},
                              {"scope", "a b"},
                              {"audience", "x y"},
                              {"comment", "why"}};
  EXPECT_EQ(server.last_json(), expected);
}

TEST(Client, the_configuration_document_is_fetched_once) {
  FakeServer server([](const FakeRequest&) { return answer_json(access_token_answer()); });
  const auto client = open(server);
  Leased token;
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(client->access_token(*token.lease, {}, {}).has_value());
  EXPECT_EQ(server.count("/.well-known/mytoken-configuration"), 1U);
  EXPECT_EQ(server.count("/at"), 3U);
}

TEST(Client, a_cached_document_saves_the_request_of_the_next_process_until_it_is_an_hour_old) {
  const auto directory = fresh_directory();
  FakeServer server([](const FakeRequest&) { return answer_json(access_token_answer()); });
  const auto clock = std::make_shared<FixedClock>();
  const auto use = [&] {
    Options options;
    options.cache_directory = directory / "cache";
    options.date = [clock] { return clock->now(); };
    Leased token;
    EXPECT_TRUE(open(server, options)->access_token(*token.lease, {}, {}).has_value());
    return server.count("/.well-known/mytoken-configuration");
  };
  EXPECT_EQ(use(), 1U);
  EXPECT_EQ(use(), 1U);
  clock->time += Seconds(3600);
  EXPECT_EQ(use(), 2U);
  clock->time -= Seconds(7200);  // a clock set back makes it suspicious
  EXPECT_EQ(use(), 3U);
  std::filesystem::remove_all(directory);
}

TEST(Client, a_moved_endpoint_in_an_old_cached_document_is_found_again) {
  const auto directory = fresh_directory();
  FakeServer server([](const FakeRequest& request) {
    return request.path == "/at" ? answer_json(access_token_answer())
                                 : answer_error(404, "not_found");
  });
  Options options;
  options.cache_directory = directory;
  const MetadataCache cache(directory, Seconds(3600));
  json::object old{{"issuer", server.url()},
                   {"access_token_endpoint", server.url() + "/old"},
                   {"mytoken_endpoint", server.url() + "/my"}};
  cache.store(server.url(), json::serialize(old), SystemClock().now());
  Leased token;
  const auto at = open(server, options)->access_token(*token.lease, {}, {});
  ASSERT_TRUE(at.has_value()) << at.error().text();
  EXPECT_EQ(server.count("/old"), 1U);
  EXPECT_EQ(server.count("/at"), 1U);
  std::filesystem::remove_all(directory);
}

TEST(Client, a_cache_that_others_can_write_is_not_believed) {
  const auto directory = fresh_directory();
  const MetadataCache cache(directory, Seconds(3600));
  const std::string url = "https://mt.example.org";
  json::object document{
      {"issuer", url}, {"access_token_endpoint", url + "/a"}, {"mytoken_endpoint", url + "/m"}};
  cache.store(url, json::serialize(document), from_unix(1000));
  ASSERT_TRUE(cache.load(url, from_unix(1001)).has_value());
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::filesystem::permissions(entry.path(), std::filesystem::perms::group_write,
                                 std::filesystem::perm_options::add);
  }
  EXPECT_FALSE(cache.load(url, from_unix(1001)).has_value());
  std::filesystem::remove_all(directory);
}

TEST(Client, a_document_of_another_issuer_is_refused_but_one_slash_more_is_fine) {
  FakeServer server([](const FakeRequest&) { return answer_json(access_token_answer()); });
  server.metadata_changes["issuer"] = "https://evil.example.org";
  EXPECT_EQ(open(server)->metadata({}).error().kind, ErrorKind::protocol);
  server.metadata_changes["issuer"] = server.url() + "/";
  EXPECT_TRUE(open(server)->metadata({}).has_value());
}

TEST(Client, an_endpoint_without_tls_elsewhere_is_refused) {
  FakeServer server([](const FakeRequest&) { return answer_json({}); });
  server.metadata_changes["access_token_endpoint"] = "http://mt.example.org/at";
  EXPECT_EQ(open(server)->metadata({}).error().kind, ErrorKind::protocol);
}

TEST(Client, only_https_and_this_machine_are_server_addresses) {
  EXPECT_EQ(*parse_server_url("https://mt.example.org//"), "https://mt.example.org");
  EXPECT_EQ(*parse_server_url("http://localhost:8080/mt/"), "http://localhost:8080/mt");
  EXPECT_TRUE(parse_server_url("http://[::1]:1/").has_value());
  for (const char* bad :
       {"http://mt.example.org", "http://127.0.0.1.example.org", "https://u:p@mt.example.org",
        "https://mt.example.org?x", "https://mt.example.org#x", "ftp://mt.example.org", "mt", "",
        "https://mt.example.org/ x"}) {
    EXPECT_FALSE(parse_server_url(bad).has_value()) << bad;
  }
  EXPECT_EQ(parse_server_url("https://u:secret@mt.example.org").error().text().find("secret"),
            std::string::npos);
}

TEST(Client, a_refusal_keeps_code_description_and_status) {
  FakeServer server(
      [](const FakeRequest&) { return answer_error(403, "usage_restricted", "no clause"); });
  Leased token;
  const auto at = open(server)->access_token(*token.lease, {}, {});
  EXPECT_EQ(at.error().kind, ErrorKind::server);
  EXPECT_EQ(at.error().http_status, 403);
  EXPECT_EQ(at.error().text(), "usage_restricted: no clause");
  EXPECT_FALSE(at.error().is_transient());
}

TEST(Client, an_html_error_is_a_protocol_error_with_its_status) {
  FakeServer server([](const FakeRequest&) {
    return FakeAnswer{502, "<h1>bad gateway</h1>", "", false};
  });
  Leased token;
  const auto at = open(server)->access_token(*token.lease, {}, {});
  EXPECT_EQ(at.error().kind, ErrorKind::protocol);
  EXPECT_EQ(at.error().http_status, 502);
  EXPECT_TRUE(at.error().is_transient());
}

TEST(Client, retry_after_is_reported) {
  FakeServer server([](const FakeRequest&) {
    auto answer = answer_error(429, "Too Many Requests");
    answer.headers += "Retry-After: 17\r\n";
    return answer;
  });
  Leased token;
  Options options;
  options.longest_retry_after = Seconds(16);  // not waited for
  EXPECT_EQ(open(server, options)->access_token(*token.lease, {}, {}).error().retry_after,
            Seconds(17));
}

TEST(Client, a_rotated_token_is_committed_before_the_call_returns) {
  FakeServer server([](const FakeRequest&) {
    auto answer = access_token_answer();
    answer["token_update"] =
        json::object{{"mytoken", "the-successor"}, {"mytoken_type", "short_token"}};
    return answer_json(answer);
  });
  std::string stored;
  Leased token([&stored](const Secret& successor) -> Outcome<void> {
    stored = successor.reveal();
    return {};
  });
  const auto at = open(server)->access_token(*token.lease, {}, {});
  ASSERT_TRUE(at.has_value());
  EXPECT_EQ(stored, "the-successor");
  EXPECT_EQ(token.lease->token().reveal(), "the-successor");
  EXPECT_FALSE(at->token_update->not_stored.has_value());
}

TEST(Client, a_successor_that_cannot_be_stored_comes_together_with_the_result) {
  FakeServer server([](const FakeRequest&) {
    auto answer = access_token_answer();
    answer["token_update"] = json::object{{"mytoken", "the-successor"}};
    return answer_json(answer);
  });
  Leased token([](const Secret&) -> Outcome<void> {
    return failure(ErrorKind::token_source, "disk full", token_lost);
  });
  const auto at = open(server)->access_token(*token.lease, {}, {});
  ASSERT_TRUE(at.has_value());
  EXPECT_EQ(at->access_token.reveal(), "the-at");
  EXPECT_EQ(at->token_update->mytoken.reveal(), "the-successor");
  EXPECT_EQ(at->token_update->not_stored->description, "disk full");
}

TEST(Client, a_post_whose_answer_was_lost_is_not_repeated_even_on_a_kept_connection) {
  std::atomic<int> posts = 0;
  FakeServer server([&posts](const FakeRequest&) {
    if (++posts == 1) return answer_json(access_token_answer());
    return FakeAnswer{0, "", "", true};
  });
  const auto client = open(server);
  Leased token;
  ASSERT_TRUE(client->access_token(*token.lease, {}, {}).has_value());
  const auto lost = client->access_token(*token.lease, {}, {});
  EXPECT_EQ(lost.error().kind, ErrorKind::network);
  EXPECT_EQ(posts, 2);
}

TEST(Client, an_answer_beyond_the_limit_is_refused) {
  FakeServer server([](const FakeRequest&) {
    return FakeAnswer{200, std::string((1 << 20) + 1, ' '), "", false};
  });
  Leased token;
  EXPECT_EQ(open(server)->access_token(*token.lease, {}, {}).error().kind, ErrorKind::protocol);
}

TEST(Client, a_stop_request_ends_a_hanging_call_at_once) {
  std::promise<void> arrived;
  std::promise<void> released;
  FakeServer server([&](const FakeRequest&) {
    arrived.set_value();
    released.get_future().wait();
    return answer_json({});
  });
  const auto client = open(server);
  std::stop_source source;
  Leased token({}, jwt_that_stays);
  auto call = std::async(std::launch::async, [&] {
    return client->access_token(*token.lease, {}, {source.get_token(), {}});
  });
  arrived.get_future().wait();
  const auto start = std::chrono::steady_clock::now();
  source.request_stop();
  EXPECT_EQ(call.get().error().kind, ErrorKind::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(500));
  released.set_value();
}

TEST(Client, an_expired_deadline_is_a_timeout_without_a_request) {
  FakeServer server([](const FakeRequest&) { return answer_json({}); });
  Leased token;
  const auto at =
      open(server)->access_token(*token.lease, {}, {{}, std::chrono::steady_clock::now()});
  EXPECT_EQ(at.error().kind, ErrorKind::timeout);
  EXPECT_TRUE(server.requests().empty());
}

TEST(Client, nobody_listening_is_a_network_error) {
  std::string url;
  {
    FakeServer server([](const FakeRequest&) { return answer_json({}); });
    url = server.url();
  }
  auto client = Client::open(url, {});
  EXPECT_EQ((*client)->metadata({}).error().kind, ErrorKind::network);
}

TEST(Client, a_function_the_server_does_not_announce_is_a_usage_error) {
  FakeServer server([](const FakeRequest&) { return answer_json({}); });
  server.metadata_changes["token_transfer_endpoint"] = nullptr;
  Leased token;
  EXPECT_EQ(open(server)->create_transfer_code(*token.lease, {}).error().kind, ErrorKind::usage);
}

TEST(Client, an_empty_204_is_a_revocation) {
  FakeServer server([](const FakeRequest&) { return FakeAnswer{204, "", "", false}; });
  Leased token;
  EXPECT_TRUE(open(server)->revoke(*token.lease, {"the-id", true}, {}).has_value());
  const json::object expected{{"token", short_token}, {"mom_id", "the-id"}, {"recursive", true}};
  EXPECT_EQ(server.last_json(), expected);
}

TEST(Client, the_token_update_does_not_appear_in_a_tokeninfo_document) {
  FakeServer server([](const FakeRequest&) {
    return answer_json(
        {{"events", json::array()}, {"token_update", json::object{{"mytoken", "new"}}}});
  });
  Leased token;
  const auto answer = open(server)->tokeninfo(*token.lease, "event_history", {"this"}, {});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->json, R"({"events":[]})");
  EXPECT_EQ(token.lease->token().reveal(), "new");
}

}  // namespace
}  // namespace mytoken::client
