// Waiting for an approval: intervals, tolerated trouble, ends; time moves only when somebody waits.
#include <gtest/gtest.h>

#include <mytoken/client.h>
#include "base/clock.h"
#include "unit/cli/fake_server.h"

namespace mytoken::client {
namespace {

using test::answer_error;
using test::answer_json;
using test::FakeAnswer;
using test::FakeRequest;
using test::FakeServer;

std::unique_ptr<Client> open(const FakeServer& server, Options options = {}) {
  auto client = Client::open(server.url(), std::move(options));
  EXPECT_TRUE(client.has_value());
  return std::move(*client);
}

// Time that moves only when somebody waits.
class ManualTimer final : public Timer {
 public:
  TimePoint now() const override { return now_; }
  void wait_until(TimePoint until, const std::stop_token&) override {
    waited.push_back(until - now_);
    now_ = until;
  }
  std::vector<std::chrono::steady_clock::duration> waited;

 private:
  TimePoint now_{};
};

Authorization authorization() {
  Authorization it;
  it.consent_uri = "https://mt.example.org/c/x";
  it.polling_code = Secret("code");
  it.expires_in = Seconds(60);
  it.interval = Seconds(5);
  return it;
}

struct Polling {
  explicit Polling(FakeServer::Handler handler) : server(std::move(handler)) {
    options.timer = timer;
  }
  Outcome<Mytoken> wait(const Client::Progress& progress = {}) {
    return open(server, options)->wait_for_authorization(authorization(), progress, {});
  }
  std::shared_ptr<ManualTimer> timer = std::make_shared<ManualTimer>();
  Options options;
  FakeServer server;
};

TEST(Polling, pending_slow_down_and_trouble_are_waited_out) {
  int round = 0;
  Polling polling([&round](const FakeRequest&) {
    switch (++round) {
      case 1:
        return answer_error(428, "authorization_pending");
      case 2:
        return answer_error(400, "slow_down");
      case 3:
        return FakeAnswer{503, "<html>", "", false};
      case 4:
        return FakeAnswer{0, "", "", true};
      default:
        return answer_json(
            {{"mytoken", "the-mytoken"}, {"mytoken_type", "token"}, {"capabilities", nullptr}});
    }
  });
  const auto token = polling.wait();
  ASSERT_TRUE(token.has_value()) << token.error().text();
  EXPECT_EQ(token->mytoken.reveal(), "the-mytoken");
  const std::vector<std::chrono::steady_clock::duration> expected{
      Seconds(5), Seconds(5), Seconds(10), Seconds(10), Seconds(10)};
  EXPECT_EQ(polling.timer->waited, expected);
  const json::object body{{"grant_type", "polling_code"}, {"polling_code", "code"}};
  EXPECT_EQ(polling.server.last_json(), body);
}

TEST(Polling, nobody_approving_ends_with_one_last_poll_at_the_end) {
  Polling polling([](const FakeRequest&) { return answer_error(428, "authorization_pending"); });
  EXPECT_EQ(polling.wait().error().kind, ErrorKind::polling_expired);
  EXPECT_EQ(polling.server.count("/my"), 12U);
}

TEST(Polling, a_declined_consent_and_an_expired_code_have_their_own_kinds) {
  Polling declined([](const FakeRequest&) {
    return answer_error(401, "access_denied", "user declined consent");
  });
  EXPECT_EQ(declined.wait().error().kind, ErrorKind::consent_declined);
  Polling expired([](const FakeRequest&) { return answer_error(401, "expired_token"); });
  EXPECT_EQ(expired.wait().error().kind, ErrorKind::polling_expired);
  Polling unknown([](const FakeRequest&) { return answer_error(401, "invalid_token"); });
  EXPECT_EQ(unknown.wait().error().kind, ErrorKind::server);
  EXPECT_EQ(unknown.server.count("/my"), 1U);
}

TEST(Polling, progress_tells_the_remaining_time) {
  Polling polling([](const FakeRequest&) { return answer_json({{"mytoken", "m"}}); });
  std::vector<std::int64_t> seen;
  ASSERT_TRUE(polling.wait([&seen](Seconds left) { seen.push_back(left.count()); }).has_value());
  EXPECT_EQ(seen.front(), 60);
  EXPECT_EQ(seen.back(), 56);
}

TEST(Polling, an_address_that_is_no_web_address_is_not_shown) {
  for (const char* uri :
       {"", "javascript:alert(1)", "http://mt.example.org/c/x", "https://mt.example.org/\x1b[2J"}) {
    FakeServer server([uri](const FakeRequest&) {
      return answer_json({{"consent_uri", uri}, {"polling_code", "p"}});
    });
    EXPECT_EQ(open(server)->start_authorization({}, {}).error().kind, ErrorKind::protocol) << uri;
  }
}

}  // namespace
}  // namespace mytoken::client
