// Passwords of template groups: plain ones, Argon2id hashes made by the tool of Debian's package
// argon2, and which hashes are refused.
#include "crypto/password.h"

#include <gtest/gtest.h>

namespace mytoken::crypto {
namespace {

const std::string salt = "c29tZXNhbHRzb21lc2FsdA";
const std::string tag = "V87kMYmsyaEkugsyT7N/LvLU0jcl54uNLJrflb5v3NI";
// printf dteam-password | argon2 somesaltsomesalt -id -t 2 -k 19456 -p 1 -l 32 -e
const std::string known = "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + tag;

bool matches(const std::string& configured, const std::string& given) {
  const auto password = Password::parse(Secret(configured));
  if (!password) throw std::runtime_error(password.error().description);
  const auto same = password->matches(Secret(given));
  if (!same) throw std::runtime_error(same.error().cause);
  return *same;
}

std::string refusal_of(const std::string& configured) {
  const auto password = Password::parse(Secret(configured));
  return password ? "" : password.error().description;
}

TEST(Password, a_hash_of_argon2s_own_tool_matches_its_password_only) {
  EXPECT_TRUE(Password::parse(Secret(known))->is_hashed());
  EXPECT_TRUE(matches(known, "dteam-password"));
  EXPECT_FALSE(matches(known, "dteam-passwore"));
  EXPECT_FALSE(matches(known, ""));
  EXPECT_FALSE(matches(known, known));
  EXPECT_TRUE(matches(
      "$argon2id$v=19$m=1024,t=1,p=4$" + salt + "$/jzU6O5W4gl9Utgf8qKNzqSwBfMgluU2Y6mEc6Vms7g",
      "canary"));
}

TEST(Password, a_new_hash_matches_and_has_a_salt_of_its_own) {
  const auto first = Password::hash(Secret("pass:word"));
  const auto second = Password::hash(Secret("pass:word"));
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  EXPECT_TRUE(matches(*first, "pass:word"));
  EXPECT_FALSE(matches(*second, "pass"));
  EXPECT_EQ(first->substr(0, 31), "$argon2id$v=19$m=19456,t=2,p=1$");
}

TEST(Password, any_other_text_is_the_password_itself) {
  for (const char* text : {"dteam-password", "$2y$05$abcdef", "$", "argon2id"}) {
    EXPECT_FALSE(Password::parse(Secret(text))->is_hashed()) << text;
    EXPECT_TRUE(matches(text, text)) << text;
    EXPECT_FALSE(matches(text, "")) << text;
    EXPECT_FALSE(matches(text, std::string(text) + " ")) << text;
  }
  EXPECT_FALSE(*Password(Secret()).matches(Secret()));
}

TEST(Password, a_hash_of_absurd_cost_is_refused_before_anything_is_computed) {
  const auto with = [](const std::string& costs) {
    return refusal_of("$argon2id$v=19$" + costs + "$" + salt + "$" + tag);
  };
  EXPECT_EQ(with("m=262144,t=4,p=1"), "");
  EXPECT_EQ(with("m=65536,t=16,p=16"), "");
  for (const char* costs : {"m=262145,t=1,p=1", "m=262144,t=5,p=1", "m=1024,t=17,p=1",
                            "m=1024,t=1,p=17", "m=4294967295,t=4294967295,p=1"}) {
    EXPECT_EQ(with(costs),
              "is an Argon2 hash that costs too much: m is at most 262144, t 16, p 16, and m "
              "times t 1048576")
        << costs;
  }
  for (const char* costs :
       {"m=7,t=1,p=1", "m=1024,t=0,p=1", "m=1024,t=1,p=0", "m=100,t=1,p=4294967295"}) {
    EXPECT_EQ(with(costs), "is an Argon2 hash without a pass, a lane, or 8 KiB for a lane")
        << costs;
  }
}

TEST(Password, hashes_of_other_kinds_and_broken_ones_are_refused_without_being_shown) {
  for (const char* kind : {"$argon2i$v=19$", "$argon2d$v=19$", "$argon2id$v=16$", "$argon2id$m=8"})
    EXPECT_TRUE(
        refusal_of(kind + known.substr(15)).starts_with("is an Argon2 hash of another kind"))
        << kind;
  const std::string costs = "$argon2id$v=19$m=19456,t=2,p=1$";
  for (const std::string& text :
       {std::string("$argon2id$v=19$"), costs, costs + salt, costs + salt + "$" + tag + "=",
        costs + salt + "$" + tag + "$", costs + salt + "$!",
        std::string("$argon2id$v=19$m=1,t=1$a$b"),
        "$argon2id$v=19$t=2,m=19456,p=1$" + salt + "$" + tag,
        "$argon2id$v=19$m=19456,t=2,p=1,keyid=AA$" + salt + "$" + tag,
        "$argon2id$v=19$m=-1,t=2,p=1$" + salt + "$" + tag,
        "$argon2id$v=19$m=4294967296,t=2,p=1$" + salt + "$" + tag, costs + "$" + tag}) {
    const std::string refusal = refusal_of(text);
    EXPECT_TRUE(refusal.starts_with("is a broken Argon2 hash") ||
                refusal.starts_with("is an Argon2 hash whose salt"))
        << text << ": " << refusal;
    EXPECT_EQ(refusal.find(salt), std::string::npos);
  }
  EXPECT_TRUE(refusal_of(costs + salt + "$AAAA").starts_with("is an Argon2 hash whose salt"));
  EXPECT_TRUE(refusal_of(costs + "AAAA$" + tag).starts_with("is an Argon2 hash whose salt"));
}

}  // namespace
}  // namespace mytoken::crypto
