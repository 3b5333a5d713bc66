// Secret: leaves nothing behind, does not print, compares whole values.
#include "base/secret.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <new>
#include <sstream>
#include <type_traits>

namespace mytoken {
namespace {

// Short strings live inside the object, so its own bytes show whether it was wiped.
bool contains(const void* object, std::size_t size, std::string_view needle) {
  const std::string_view bytes(static_cast<const char*>(object), size);
  return bytes.find(needle) != std::string_view::npos;
}

TEST(Secret, a_moved_from_secret_holds_nothing) {
  Secret source(std::string("canary-short"));
  ASSERT_TRUE(contains(&source, sizeof source, "canary"));
  const Secret target(std::move(source));
  EXPECT_EQ(target.reveal(), "canary-short");
  EXPECT_TRUE(source.empty());  // NOLINT(bugprone-use-after-move): that is the promise
  EXPECT_FALSE(contains(&source, sizeof source, "canary"));
  Secret assigned;
  Secret second(std::string("canary-other"));
  assigned = std::move(second);
  EXPECT_EQ(assigned.reveal(), "canary-other");
  EXPECT_FALSE(contains(&second, sizeof second, "canary"));
}

TEST(Secret, an_overwritten_secret_leaves_no_tail) {
  Secret secret(std::string("canary-short"));
  secret = Secret(std::string("x"));
  EXPECT_FALSE(contains(&secret, sizeof secret, "nary"));
  Secret copied(std::string("canary-short"));
  const Secret other(std::string("y"));
  copied = other;
  EXPECT_EQ(copied.reveal(), "y");
  EXPECT_FALSE(contains(&copied, sizeof copied, "nary"));
}

TEST(Secret, a_destroyed_secret_is_wiped) {
  alignas(Secret) unsigned char place[sizeof(Secret)];
  auto* secret = new (place) Secret(std::string("canary-short"));
  ASSERT_TRUE(contains(place, sizeof place, "canary"));
  std::destroy_at(secret);
  EXPECT_FALSE(contains(place, sizeof place, "canary"));
}

TEST(Secret, assigning_a_secret_to_itself_keeps_it) {
  Secret secret(std::string(100, 's'));
  Secret& same = secret;
  secret = same;
  EXPECT_EQ(secret.size(), 100u);
  secret = std::move(same);
  EXPECT_EQ(secret.reveal(), std::string(100, 's'));
}

TEST(Secret, copies_are_independent) {
  Secret first(std::string("value"));
  const Secret copy = first;  // NOLINT(performance-unnecessary-copy-initialization)
  first = Secret();
  EXPECT_TRUE(first.empty());
  EXPECT_EQ(copy.reveal(), "value");
}

TEST(Secret, comparison_looks_at_every_byte) {
  const std::string value(64, 'a');
  EXPECT_EQ(Secret(value), Secret(value));
  for (std::size_t i = 0; i < value.size(); ++i) {
    std::string other = value;
    other[i] = 'b';
    EXPECT_FALSE(Secret::equal(value, other)) << i;
  }
  EXPECT_FALSE(Secret::equal("a", "aa"));
  EXPECT_FALSE(Secret::equal("", "a"));
  EXPECT_FALSE(Secret::equal(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
  EXPECT_TRUE(Secret::equal("", std::string_view()));
}

template <class T>
concept Printable = requires(std::ostream& stream, const T& value) {
  stream << value;
};

TEST(Secret, does_not_print_or_turn_into_text_by_itself) {
  static_assert(Printable<std::string>);
  static_assert(!Printable<Secret>);
  static_assert(!std::is_convertible_v<Secret, std::string>);
  static_assert(!std::is_convertible_v<Secret, std::string_view>);
  static_assert(!std::is_convertible_v<std::string, Secret>);
  SUCCEED();
}

}  // namespace
}  // namespace mytoken
