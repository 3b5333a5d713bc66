// Mytokens in a real keyring, on a bus of the test's own.
#include <mytoken/keyring.h>

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include <mytoken/mytoken.h>
#include "unit/client/private_bus.h"

// glib's proxies of objects on the bus leave their weak references (24 bytes an operation) to a
// main loop that libsecret's blocking calls no longer run.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:g_malloc0\n";
}

namespace mytoken::client {
namespace {

using test::PrivateBus;

constexpr const char* short_token = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNOP";

// "a, b", or the error.
std::string listed() {
  const auto names = keyring_list();
  if (!names) return "error: " + names.error().code + ": " + names.error().description;
  std::string text;
  for (const std::string& name : *names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

TEST(Keyring, entries_are_stored_listed_read_replaced_and_removed) {
  const PrivateBus bus(PrivateBus::Service::gnome_keyring);
  ASSERT_EQ(listed(), "");
  const auto stored = keyring_store("work", {Secret(short_token), "https://mt.example.org"});
  ASSERT_TRUE(stored.has_value()) << stored.error().text();
  ASSERT_TRUE(keyring_store("at home", {Secret("the-jwt"), ""}).has_value());
  EXPECT_EQ(listed(), "at home, work");

  const auto entry = keyring_lookup("work");
  ASSERT_TRUE(entry.has_value()) << entry.error().text();
  EXPECT_EQ(entry->mytoken.reveal(), short_token);
  EXPECT_EQ(entry->server, "https://mt.example.org");
  EXPECT_EQ(keyring_lookup("at home")->server, "");

  ASSERT_TRUE(keyring_store("work", {Secret("another"), "https://mt2.example.org"}).has_value());
  EXPECT_EQ(keyring_lookup("work")->mytoken.reveal(), "another");
  EXPECT_EQ(keyring_lookup("work")->server, "https://mt2.example.org");
  EXPECT_EQ(listed(), "at home, work");

  ASSERT_TRUE(keyring_remove("work").has_value());
  EXPECT_EQ(listed(), "at home");
  EXPECT_EQ(keyring_lookup("work").error().code, no_token);
  EXPECT_EQ(keyring_remove("work").error().code, no_token);
}

TEST(Keyring, names_and_tokens_that_cannot_be_are_refused_before_anybody_is_asked) {
  const PrivateBus bus(PrivateBus::Service::none);
  const KeyringEntry good{Secret("t"), ""};
  for (const std::string& bad :
       {std::string(), std::string(129, 'x'), std::string("a\nb"), std::string("\xff")}) {
    EXPECT_EQ(keyring_store(bad, good).error().kind, ErrorKind::usage);
    EXPECT_EQ(keyring_lookup(bad).error().kind, ErrorKind::usage);
    EXPECT_EQ(keyring_remove(bad).error().kind, ErrorKind::usage);
    EXPECT_EQ(KeyringTokenSource(bad).acquire({}).error().kind, ErrorKind::usage);
  }
  EXPECT_EQ(keyring_store("a", {Secret(), ""}).error().kind, ErrorKind::usage);
  EXPECT_EQ(keyring_store("a", {Secret("a\nb"), ""}).error().kind, ErrorKind::usage);
}

TEST(Keyring, a_successor_is_in_the_keyring_before_commit_returns) {
  const PrivateBus bus(PrivateBus::Service::gnome_keyring);
  ASSERT_TRUE(keyring_store("work", {Secret("one"), "https://mt.example.org"}).has_value());
  KeyringTokenSource source("work");
  auto lease = source.acquire({});
  ASSERT_TRUE(lease.has_value()) << lease.error().text();
  EXPECT_EQ((*lease)->token().reveal(), "one");
  ASSERT_TRUE((*lease)->commit(Secret("two")).has_value());
  EXPECT_EQ((*lease)->token().reveal(), "two");
  EXPECT_EQ(keyring_lookup("work")->mytoken.reveal(), "two");
  EXPECT_EQ(keyring_lookup("work")->server, "https://mt.example.org");

  ASSERT_TRUE(keyring_store("work", {Secret("three"), ""}).has_value());
  (*lease)->refresh();
  EXPECT_EQ((*lease)->token().reveal(), "three");
}

TEST(Keyring, a_second_lease_waits_and_sees_the_successor) {
  const PrivateBus bus(PrivateBus::Service::gnome_keyring);
  ASSERT_TRUE(keyring_store("work", {Secret("one"), ""}).has_value());
  KeyringTokenSource source("work");
  auto first = std::move(*source.acquire({}));
  EXPECT_EQ(KeyringTokenSource("work").acquire({{}, std::chrono::steady_clock::now()}).error().kind,
            ErrorKind::timeout);
  auto second = std::async(std::launch::async, [&] {
    KeyringTokenSource other("work");
    auto lease = other.acquire({});
    return lease ? std::string((*lease)->token().reveal()) : lease.error().text();
  });
  ASSERT_TRUE(first->commit(Secret("two")).has_value());
  first.reset();
  EXPECT_EQ(second.get(), "two");
}

TEST(Keyring, without_a_service_the_error_says_so_and_a_chain_goes_on) {
  const PrivateBus bus(PrivateBus::Service::none);
  EXPECT_EQ(keyring_list().error().code, no_keyring);
  EXPECT_EQ(keyring_lookup("work").error().code, no_keyring);
  EXPECT_EQ(keyring_store("work", {Secret("t"), ""}).error().code, no_keyring);
  EXPECT_EQ(keyring_remove("work").error().kind, ErrorKind::token_source);
  ChainTokenSource chain({std::make_shared<KeyringTokenSource>("work"),
                          std::make_shared<MemoryTokenSource>(Secret("fallback"))});
  const auto lease = chain.acquire({});
  ASSERT_TRUE(lease.has_value()) << lease.error().text();
  EXPECT_EQ((*lease)->token().reveal(), "fallback");
}

TEST(Keyring, a_bus_that_goes_away_does_not_take_the_program_with_it) {
  PrivateBus bus(PrivateBus::Service::gnome_keyring);
  ASSERT_TRUE(keyring_store("work", {Secret("one"), ""}).has_value());
  bus.end_bus();
  EXPECT_EQ(keyring_lookup("work").error().code, no_keyring);
}

TEST(Keyring, a_successor_that_the_keyring_does_not_take_is_rescued) {
  PrivateBus bus(PrivateBus::Service::gnome_keyring);
  ASSERT_TRUE(keyring_store("work", {Secret("one"), ""}).has_value());
  KeyringTokenSource source("work");
  auto lease = std::move(*source.acquire({}));
  bus.end_service();
  const auto stored = lease->commit(Secret("two"));
  ASSERT_FALSE(stored.has_value());
  EXPECT_EQ(stored.error().code, token_rescued);
  bool was_found = false;
  for (const auto& file : std::filesystem::directory_iterator(bus.root / "state/mytoken")) {
    if (file.path().filename().string().rfind("keyring-work.rescue-", 0) != 0) continue;
    std::ifstream stream(file.path());
    std::string line;
    std::getline(stream, line);
    was_found = line == "two";
  }
  EXPECT_TRUE(was_found);
}

TEST(Keyring, a_silent_service_ends_at_the_deadline_and_when_stopped) {
  const PrivateBus bus(PrivateBus::Service::silent);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(keyring_lookup("work", {{}, start + std::chrono::milliseconds(50)}).error().kind,
            ErrorKind::timeout);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));

  std::stop_source source;
  auto waiting = std::async(std::launch::async, [&] {
    return keyring_lookup("work", {source.get_token(), {}});
  });
  // Stopped when it waits for the bus, or before: both are cancelled.
  const auto asked = std::chrono::steady_clock::now();
  source.request_stop();
  EXPECT_EQ(waiting.get().error().kind, ErrorKind::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::milliseconds(400));
}

TEST(Keyring, many_threads_use_it_at_once) {
  const PrivateBus bus(PrivateBus::Service::gnome_keyring);
  std::vector<std::future<std::string>> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(std::async(std::launch::async, [i] {
      const std::string name = "entry " + std::to_string(i);
      for (int round = 0; round < 3; ++round) {
        const auto stored = keyring_store(name, {Secret(name + " token"), ""});
        if (!stored) return stored.error().text();
      }
      const auto entry = keyring_lookup(name);
      return entry ? std::string(entry->mytoken.reveal()) : entry.error().text();
    }));
  }
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(all[static_cast<std::size_t>(i)].get(), "entry " + std::to_string(i) + " token");
}

}  // namespace
}  // namespace mytoken::client
