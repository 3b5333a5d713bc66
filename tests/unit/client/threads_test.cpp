// One Client and one token for many threads: nobody sees a half-made state, and a rotating token is
// presented by one of them at a time, always the newest. Meant for the thread sanitizer, too.
#include <mytoken/inspect.h>

#include <atomic>
#include <thread>

#include "unit/client/harness.h"

namespace mytoken::client {
namespace {

TEST(Threads, many_use_one_client_and_one_rotating_token) {
  int newest = 1;  // of the server's one thread
  int reused = 0;
  FakeServer server([&](const FakeRequest& request) {
    if (request.path != "/at") return answer_json({{"valid", true}});
    if (string_member(request.json, "mytoken") != rotating_jwt(newest)) ++reused;
    return answer_json(with_successor(access_token_answer(), rotating_jwt(++newest)));
  });
  server.metadata_changes["usersettings_endpoint"] = server.url() + "/settings";
  FakeServer& other = server;
  Options options;
  std::atomic<long> now = 1'780'000'000;
  // The description of the server ends again and again meanwhile.
  options.date = [&now] { return std::chrono::sys_seconds(std::chrono::seconds(now += 500)); };
  const auto client = open(other, options);
  MemoryTokenSource rotating(Secret(rotating_jwt(1)));

  constexpr int threads = 8;
  constexpr int rounds = 10;
  std::atomic<int> failures = 0;
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([&, i] {
      for (int round = 0; round < rounds; ++round) {
        const auto token = with_token(
            rotating, {}, [&](TokenLease& lease) { return client->access_token(lease); });
        if (!token || token->access_token.reveal() != "the-at") ++failures;
        const auto info = with_token(Secret(short_token), {}, [&](TokenLease& lease) {
          return client->tokeninfo(lease, "introspect");
        });
        if (!info || info->json != R"({"valid":true})") ++failures;
        // Somebody changes his mind now and then.
        std::stop_source stop;
        if (i % 2 == 0) stop.request_stop();
        const auto metadata = client->metadata({stop.get_token(), {}});
        if (!metadata && metadata.error().kind != ErrorKind::cancelled) ++failures;
      }
    });
  }
  for (std::thread& thread : all)
    thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(reused, 0);
  EXPECT_EQ(newest, 1 + threads * rounds);
}

}  // namespace
}  // namespace mytoken::client
