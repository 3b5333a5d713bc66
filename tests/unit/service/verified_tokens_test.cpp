// The memory of verified signatures: bounded, forgets at expiry, shared by threads (DESIGN §7 step
// 1).
#include "service/verified_tokens.h"

#include <gtest/gtest.h>

#include <thread>

#include "crypto/hash.h"

namespace mytoken::service {
namespace {

std::shared_ptr<const VerifiedToken> token_of(int number, std::optional<Time> exp = {}) {
  token::Claims claims;
  claims.seq_no = static_cast<std::uint64_t>(number);
  claims.exp = exp;
  return std::make_shared<VerifiedToken>(VerifiedToken{Secret("jwt"), claims, "id"});
}
std::string digest(int number) {
  return crypto::sha256(std::to_string(number));
}

TEST(VerifiedTokens, a_token_is_remembered_under_its_own_digest_only) {
  VerifiedTokens memory;
  memory.remember(digest(1), token_of(1));
  ASSERT_TRUE(memory.find(digest(1), from_unix(5)));
  EXPECT_EQ(memory.find(digest(1), from_unix(5))->claims.seq_no, 1u);
  EXPECT_FALSE(memory.find(digest(2), from_unix(5)));
  EXPECT_FALSE(memory.find("", from_unix(5)));
  memory.remember(digest(1), token_of(9));
  EXPECT_EQ(memory.find(digest(1), from_unix(5))->claims.seq_no, 1u);
}

TEST(VerifiedTokens, an_expired_token_is_forgotten) {
  VerifiedTokens memory;
  memory.remember(digest(1), token_of(1, from_unix(100)));
  EXPECT_TRUE(memory.find(digest(1), from_unix(100)));
  EXPECT_FALSE(memory.find(digest(1), from_unix(101)));
  EXPECT_FALSE(memory.find(digest(1), from_unix(50)));  // it was removed, not hidden
}

TEST(VerifiedTokens, the_memory_is_bounded_and_keeps_what_is_used) {
  VerifiedTokens memory(160);
  std::vector<std::weak_ptr<const VerifiedToken>> all;
  memory.remember(digest(0), token_of(0));
  for (int i = 1; i <= 5000; ++i) {
    auto token = token_of(i);
    all.push_back(token);
    memory.remember(digest(i), token);
    ASSERT_TRUE(memory.find(digest(0), from_unix(0))) << i;
  }
  std::size_t kept = 0;
  for (const auto& token : all)
    kept += token.expired() ? 0 : 1;
  EXPECT_LE(kept, 176u);
  EXPECT_GE(kept, 100u);
  EXPECT_TRUE(memory.find(digest(5000), from_unix(0)));
  EXPECT_FALSE(memory.find(digest(1), from_unix(0)));
}

TEST(VerifiedTokens, huge_tokens_are_verified_every_time) {
  VerifiedTokens memory;
  memory.remember(digest(1), std::make_shared<VerifiedToken>(VerifiedToken{
                                 Secret(std::string(5000, 'x')), token::Claims(), "id"}));
  EXPECT_FALSE(memory.find(digest(1), from_unix(5)));
}

TEST(VerifiedTokens, threads_share_it) {
  VerifiedTokens memory(64);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&memory, &wrong, t] {
      for (int i = 0; i < 4000; ++i) {
        const int number = (i * 7 + t) % 300;
        memory.remember(digest(number), token_of(number, from_unix(number)));
        const auto found = memory.find(digest(number), from_unix(150));
        if (found && found->claims.seq_no != static_cast<std::uint64_t>(number)) ++wrong;
        if (found && number < 150) ++wrong;
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace mytoken::service
