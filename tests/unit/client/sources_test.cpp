// Sources of mytokens without a file: memory, environment, callbacks, chains; and what happens to a
// successor when there is no place for it.
#include <fstream>
#include <future>

#include "unit/client/harness.h"

namespace mytoken::client {
namespace {

std::string text_in(TokenSource& source) {
  auto lease = source.acquire({});
  return lease ? std::string((*lease)->token().reveal()) : "error: " + lease.error().code;
}

TEST(Sources, the_environment_is_read_trimmed_and_a_successor_is_reported_as_lost_but_used) {
  const Variable variable("MYTOKEN_TEST_TOKEN", " one\n");
  EnvironmentTokenSource source("MYTOKEN_TEST_TOKEN");
  {
    auto lease = std::move(*source.acquire({}));
    EXPECT_EQ(lease->token().reveal(), "one");
    const auto stored = lease->commit(Secret("two"));
    EXPECT_EQ(stored.error().kind, ErrorKind::token_source);
    EXPECT_EQ(stored.error().code, token_lost);
    EXPECT_EQ(stored.error().description.find("two"), std::string::npos);
  }
  EXPECT_EQ(text_in(source), "two");
  EXPECT_STREQ(std::getenv("MYTOKEN_TEST_TOKEN"), " one\n");
}

TEST(Sources, a_variable_that_is_not_set_or_blank_holds_no_token) {
  EnvironmentTokenSource unset("MYTOKEN_TEST_UNSET");
  EXPECT_EQ(unset.acquire({}).error().code, no_token);
  const Variable variable("MYTOKEN_TEST_TOKEN", " \n");
  EnvironmentTokenSource blank("MYTOKEN_TEST_TOKEN");
  EXPECT_EQ(blank.acquire({}).error().code, no_token);
  // The turn was given back.
  EXPECT_EQ(blank.acquire({}).error().code, no_token);
}

TEST(Sources, callbacks_are_asked_at_each_use_and_told_each_successor) {
  std::string stored = "one";
  CallbackTokenSource source([&stored]() -> Outcome<Secret> { return Secret(stored); },
                             [&stored](const Secret& successor) -> Outcome<void> {
                               stored = successor.reveal();
                               return {};
                             });
  {
    auto lease = std::move(*source.acquire({}));
    ASSERT_TRUE(lease->commit(Secret("two")).has_value());
    EXPECT_EQ(stored, "two");
    stored = "three";
    lease->refresh();
    EXPECT_EQ(lease->token().reveal(), "three");
  }
  stored = "four";
  EXPECT_EQ(text_in(source), "four");
}

TEST(Sources, a_callback_source_without_a_store_or_a_token_says_so) {
  CallbackTokenSource no_store([]() -> Outcome<Secret> { return Secret("one"); });
  EXPECT_EQ((*no_store.acquire({}))->commit(Secret("two")).error().code, token_lost);
  CallbackTokenSource empty([]() -> Outcome<Secret> { return Secret(); });
  EXPECT_EQ(empty.acquire({}).error().code, no_token);
  CallbackTokenSource broken([]() -> Outcome<Secret> {
    return failure(ErrorKind::token_source, "the safe is jammed", "jammed");
  });
  EXPECT_EQ(broken.acquire({}).error().code, "jammed");
}

TEST(Sources, an_exception_of_a_store_counts_as_not_stored) {
  MemoryTokenSource source(Secret("one"), [](const Secret&) -> Outcome<void> {
    throw std::runtime_error("disk on fire");
  });
  auto lease = std::move(*source.acquire({}));
  const auto stored = lease->commit(Secret("two"));
  EXPECT_EQ(stored.error().code, token_lost);
  EXPECT_NE(stored.error().description.find("disk on fire"), std::string::npos);
  EXPECT_EQ(lease->token().reveal(), "two");
}

TEST(Sources, a_chain_takes_the_first_that_has_a_token_and_stops_at_a_mistake) {
  const Folder folder;
  const auto missing = std::make_shared<FileTokenSource>(folder.path / "missing");
  const auto unset = std::make_shared<EnvironmentTokenSource>("MYTOKEN_TEST_UNSET");
  const auto memory = std::make_shared<MemoryTokenSource>(Secret("found"));
  ChainTokenSource chain({missing, unset, memory});
  EXPECT_EQ(text_in(chain), "found");
  EXPECT_EQ(ChainTokenSource({missing, unset}).acquire({}).error().code, no_token);

  // A directory is no token file; the next source must not be used instead unnoticed.
  const auto mistake = std::make_shared<FileTokenSource>(folder.path);
  ChainTokenSource stops({mistake, memory});
  EXPECT_EQ(stops.acquire({}).error().kind, ErrorKind::token_source);
}

TEST(Sources, a_lease_is_exclusive_and_waiting_for_it_ends_at_the_deadline_and_when_stopped) {
  MemoryTokenSource source(Secret("one"));
  auto first = std::move(*source.acquire({}));
  EXPECT_EQ(source.acquire({{}, std::chrono::steady_clock::now()}).error().kind,
            ErrorKind::timeout);
  std::stop_source stop;
  auto waiting = std::async(std::launch::async, [&] {
    return source.acquire({stop.get_token(), {}});
  });
  const auto start = std::chrono::steady_clock::now();
  stop.request_stop();
  EXPECT_EQ(waiting.get().error().kind, ErrorKind::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(500));
  first.reset();
  EXPECT_EQ(text_in(source), "one");
}

TEST(Sources, with_token_leases_a_source_or_wraps_a_plain_string) {
  FakeServer server([](const FakeRequest&) {
    return answer_json(with_successor(access_token_answer(), "the-successor"));
  });
  const auto client = open(server);
  const auto ask = [&](TokenLease& lease) { return client->access_token(lease); };
  MemoryTokenSource source{Secret(short_token)};
  ASSERT_TRUE(with_token(source, {}, ask).has_value());
  EXPECT_EQ(text_in(source), "the-successor");
  const auto plain = with_token(Secret(short_token), {}, ask);
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->token_update->mytoken.reveal(), "the-successor");
  EnvironmentTokenSource none("MYTOKEN_TEST_UNSET");
  EXPECT_EQ(with_token(none, {}, ask).error().code, no_token);
}

TEST(Sources, a_new_token_file_is_private_and_replaces_an_old_one) {
  const Folder folder;
  const auto file = folder.path / "token";
  std::ofstream(file) << "old content\nsecond line\n";
  ASSERT_TRUE(write_token_file(file, Secret("new")).has_value());
  EXPECT_EQ(FileTokenSource(file).peek()->reveal(), "new");
  EXPECT_EQ(std::filesystem::file_size(file), 4U);
  EXPECT_EQ(std::filesystem::status(file).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(write_token_file(folder.path / "no/such", Secret("x")).error().kind,
            ErrorKind::token_source);
}

}  // namespace
}  // namespace mytoken::client
