// Keeping tokens fresh with a clock, a server and a chance that the test decides.
#include "cli/token_keeper.h"

#include <gtest/gtest.h>

#include <deque>

#include "unit/cli/harness.h"

namespace mytoken {
namespace {

using namespace std::chrono_literals;
using cli::FreshToken;
using cli::RefreshSchedule;
using cli::TokenFile;
using cli::TokenKeeper;
using cli::Uptime;
using client::ClientError;
using client::ErrorKind;
using client::Outcome;

TEST(RefreshSchedule, a_token_is_renewed_after_two_thirds_of_its_life_and_never_later) {
  RefreshSchedule early([] { return 0.0; });
  RefreshSchedule late([] { return 0.999999; });
  EXPECT_EQ(early.after_success(1s, 3000s, 3000s), 1801s);
  EXPECT_LE(late.after_success(1s, 3000s, 3000s), 2001s);
  EXPECT_GT(late.after_success(1s, 3000s, 3000s), 2000s);
}

TEST(RefreshSchedule, one_from_a_cache_is_renewed_when_its_whole_life_says_so) {
  RefreshSchedule schedule([] { return 0.0; });
  EXPECT_EQ(schedule.after_success(0s, 2000s, 3000s), 800s);
  EXPECT_EQ(schedule.after_success(0s, 100s, 3000s), 1s);  // overdue, but not at once and again
}

TEST(RefreshSchedule, without_a_known_end_five_minutes_are_assumed) {
  RefreshSchedule schedule([] { return 0.0; });
  EXPECT_EQ(schedule.after_success(0s, std::nullopt, std::nullopt), 180s);
}

TEST(RefreshSchedule, failures_double_the_pause_up_to_five_minutes) {
  RefreshSchedule schedule([] { return 0.0; });
  std::vector<Uptime> pauses;
  for (int i = 0; i < 10; ++i)
    pauses.push_back(schedule.after_failure(0s, 0s));
  EXPECT_EQ(pauses, (std::vector<Uptime>{1s, 2s, 4s, 8s, 16s, 32s, 64s, 128s, 150s, 150s}));
}

TEST(RefreshSchedule, half_of_a_pause_is_chance) {
  RefreshSchedule schedule([] { return 0.5; });
  EXPECT_EQ(schedule.after_failure(0s, 0s), 1500ms);
  EXPECT_EQ(schedule.after_failure(0s, 0s), 3s);
}

TEST(RefreshSchedule, a_success_ends_the_doubling) {
  RefreshSchedule schedule([] { return 0.0; });
  schedule.after_failure(0s, 0s);
  schedule.after_failure(0s, 0s);
  schedule.after_success(0s, 100s, 100s);
  EXPECT_EQ(schedule.after_failure(0s, 0s), 1s);
}

TEST(RefreshSchedule, nobody_comes_before_Retry_After_nor_all_at_that_moment) {
  RefreshSchedule punctual([] { return 0.0; });
  RefreshSchedule other([] { return 0.5; });
  EXPECT_EQ(punctual.after_failure(0s, 120s), 120s);
  EXPECT_EQ(other.after_failure(0s, 120s), 120s + 500ms);
}

ClientError server_error(int status, const std::string& code, Seconds retry_after = 0s) {
  return {ErrorKind::server, code, "as told", status, retry_after};
}
ClientError trouble(ErrorKind kind) {
  return {kind, "", "as told", 0, 0s};
}

// A keeper whose answers stand in a queue; each says which file it was for.
class Keeping {
 public:
  explicit Keeping(std::vector<std::string> names = {"/t/a"})
      : console_(quiet()), context_{console_} {
    context_.clock = std::make_shared<test::FixedClock>();
    std::vector<TokenFile> files;
    for (const std::string& name : names)
      files.push_back({name, {}, {}});
    TokenKeeper::Parts parts;
    parts.fetch = [this](const TokenFile& file, bool is_forced) -> Outcome<FreshToken> {
      asked.push_back(file.path.string() + (is_forced ? "!" : ""));
      Outcome<FreshToken> answer = answers.front();
      answers.pop_front();
      return answer;
    };
    parts.store = [this](const TokenFile& file, const FreshToken& token) -> std::string {
      if (!disk_problem.empty()) return disk_problem;
      files_[file.path.string()] = token.token.access_token.reveal();
      return "";
    };
    parts.now = [this] { return now; };
    parts.randomness = [] { return 0.0; };
    keeper.emplace(context_, std::move(files), std::move(parts));
  }
  ~Keeping() { ::close(err_); }

  FreshToken token(const std::string& text, Seconds life = 3000s) const {
    FreshToken fresh;
    fresh.token.access_token = Secret(text);
    fresh.obtained = context_.clock->now();
    fresh.expires = fresh.obtained + life;
    return fresh;
  }
  void will_fail(const ClientError& error) { answers.push_back(client::failure(error)); }
  std::string content(const std::string& file) { return files_[file]; }
  std::string said() const {
    std::string text(static_cast<std::size_t>(::lseek(err_, 0, SEEK_END)), '\0');
    if (::pread(err_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
      std::abort();
    return text;
  }

  Uptime now = 1000s;
  std::deque<Outcome<FreshToken>> answers;
  std::vector<std::string> asked;
  std::string disk_problem;
  std::optional<TokenKeeper> keeper;

 private:
  cli::Descriptors quiet() {
    err_ = ::memfd_create("err", MFD_CLOEXEC);
    return {-1, -1, err_};
  }
  int err_ = -1;
  cli::Console console_;
  cli::Context context_;
  std::map<std::string, std::string> files_;
};

TEST(TokenKeeper, gets_each_file_its_token_and_comes_back_when_the_first_is_due) {
  Keeping keeping({"/t/a", "/t/b"});
  keeping.answers.push_back(keeping.token("one", 3000s));
  keeping.answers.push_back(keeping.token("two", 600s));
  const auto step = keeping.keeper->step();
  EXPECT_FALSE(step.end);
  EXPECT_TRUE(step.is_ready());
  EXPECT_EQ(step.next, 1000s + 360s);
  EXPECT_EQ(keeping.content("/t/a"), "one");
  EXPECT_EQ(keeping.content("/t/b"), "two");
  EXPECT_EQ(keeping.said(), "");

  keeping.now = step.next;
  keeping.answers.push_back(keeping.token("three", 600s));
  keeping.keeper->step();
  EXPECT_EQ(keeping.asked, (std::vector<std::string>{"/t/a", "/t/b", "/t/b"}));
  EXPECT_EQ(keeping.content("/t/b"), "three");
}

TEST(TokenKeeper, asks_nobody_before_something_is_due) {
  Keeping keeping;
  keeping.answers.push_back(keeping.token("one"));
  const auto first = keeping.keeper->step();
  keeping.now = first.next - 1ms;
  const auto second = keeping.keeper->step();
  EXPECT_EQ(second.next, first.next);
  EXPECT_EQ(keeping.asked.size(), 1U);
}

TEST(TokenKeeper, trouble_on_the_way_is_waited_out_and_said_once) {
  for (const ClientError& error :
       {trouble(ErrorKind::network), trouble(ErrorKind::timeout), trouble(ErrorKind::tls),
        trouble(ErrorKind::protocol), server_error(503, "temporarily_unavailable"),
        server_error(429, "too_many_requests")}) {
    Keeping keeping;
    keeping.will_fail(error);
    keeping.will_fail(error);
    keeping.answers.push_back(keeping.token("one"));
    auto step = keeping.keeper->step();
    EXPECT_FALSE(step.end);
    EXPECT_FALSE(step.is_ready());
    EXPECT_EQ(step.trouble.size(), 1U);
    EXPECT_EQ(step.next, 1001s);
    keeping.now = step.next;
    step = keeping.keeper->step();
    EXPECT_EQ(step.next, 1003s);
    keeping.now = step.next;
    step = keeping.keeper->step();
    EXPECT_TRUE(step.is_ready());
    EXPECT_TRUE(step.trouble.empty());
    EXPECT_EQ(keeping.content("/t/a"), "one");
    EXPECT_EQ(keeping.said(), "mytoken: warning: /t/a: " + error.text() +
                                  "; next try in 1 s\nmytoken: notice: /t/a is fresh again\n");
  }
}

TEST(TokenKeeper, a_busy_server_is_left_alone_as_long_as_it_wants) {
  Keeping keeping;
  keeping.will_fail(server_error(429, "too_many_requests", 600s));
  EXPECT_EQ(keeping.keeper->step().next, 1600s);
}

TEST(TokenKeeper, an_expired_token_is_never_stored) {
  Keeping keeping;
  keeping.answers.push_back(keeping.token("good"));
  auto step = keeping.keeper->step();
  keeping.now = step.next;
  keeping.answers.push_back(keeping.token("expired", 0s));
  step = keeping.keeper->step();
  EXPECT_FALSE(step.end);
  EXPECT_EQ(keeping.content("/t/a"), "good");
  EXPECT_EQ(step.next, keeping.now + 1s);
}

TEST(TokenKeeper, a_full_disk_is_waited_out) {
  Keeping keeping;
  keeping.answers.push_back(keeping.token("one"));
  keeping.answers.push_back(keeping.token("two"));
  keeping.disk_problem = "/t/a: No space left on device";
  auto step = keeping.keeper->step();
  EXPECT_FALSE(step.is_ready());
  EXPECT_EQ(step.next, 1001s);
  keeping.disk_problem.clear();
  keeping.now = step.next;
  step = keeping.keeper->step();
  EXPECT_TRUE(step.is_ready());
  EXPECT_EQ(keeping.content("/t/a"), "two");
}

TEST(TokenKeeper, a_revoked_expired_or_replaced_mytoken_ends_everything_with_1) {
  Keeping keeping({"/t/a", "/t/b"});
  keeping.will_fail(server_error(401, "invalid_token"));
  const auto step = keeping.keeper->step();
  EXPECT_EQ(step.end, cli::refused);
  EXPECT_EQ(keeping.asked.size(), 1U);
}

TEST(TokenKeeper, a_wish_that_is_refused_ends_that_file_and_with_the_last_one_everything) {
  Keeping keeping({"/t/a", "/t/b"});
  keeping.answers.push_back(keeping.token("one"));
  keeping.will_fail(server_error(403, "usage_restricted"));
  auto step = keeping.keeper->step();
  EXPECT_FALSE(step.end);
  EXPECT_TRUE(step.is_ready());
  EXPECT_EQ(step.kept, 1U);
  keeping.now = step.next;
  keeping.will_fail(server_error(403, "usage_restricted"));
  step = keeping.keeper->step();
  EXPECT_EQ(step.end, cli::refused);
  EXPECT_EQ(keeping.asked, (std::vector<std::string>{"/t/a", "/t/b", "/t/a"}));
}

TEST(TokenKeeper, a_mytoken_that_cannot_be_read_ends_the_beginning_but_is_waited_for_later) {
  Keeping keeping;
  keeping.will_fail(trouble(ErrorKind::token_source));
  EXPECT_EQ(keeping.keeper->step().end, cli::wrong_usage);

  Keeping later;
  later.answers.push_back(later.token("one"));
  later.now = later.keeper->step().next;
  later.will_fail(trouble(ErrorKind::token_source));
  EXPECT_FALSE(later.keeper->step().end);
}

TEST(TokenKeeper, after_a_rotated_mytoken_was_not_stored_the_old_one_is_not_used_again) {
  Keeping keeping;
  FreshToken token = keeping.token("one");
  token.token.token_update = client::TokenUpdate{
      Secret("successor"), ClientError{ErrorKind::token_source, client::token_rescued,
                                       "it was saved in /t/rescue", 0, 0s}};
  keeping.answers.push_back(token);
  const auto step = keeping.keeper->step();
  EXPECT_EQ(step.end, cli::not_stored);
  EXPECT_EQ(keeping.content("/t/a"), "one");
  EXPECT_NE(keeping.said().find("/t/rescue"), std::string::npos);
}

TEST(TokenKeeper, refreshing_all_asks_the_server_and_not_a_cache) {
  Keeping keeping;
  keeping.answers.push_back(keeping.token("one"));
  keeping.keeper->step();
  keeping.answers.push_back(keeping.token("two"));
  keeping.keeper->refresh_all();
  keeping.keeper->step();
  EXPECT_EQ(keeping.asked, (std::vector<std::string>{"/t/a", "/t/a!"}));
  EXPECT_EQ(keeping.content("/t/a"), "two");
}

TEST(TokenKeeper, begins_with_a_token_that_is_there_already) {
  Keeping keeping;
  const auto step = keeping.keeper->begin_with(keeping.token("one"));
  EXPECT_TRUE(step.is_ready());
  EXPECT_EQ(step.next, 1000s + 1800s);
  EXPECT_TRUE(keeping.asked.empty());
  EXPECT_EQ(keeping.keeper->written(), std::vector<std::filesystem::path>{"/t/a"});
}

}  // namespace
}  // namespace mytoken
