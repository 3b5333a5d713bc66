// Random texts and numbers: bounds, alphabets, and that no letter is favoured.
#include "base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

namespace mytoken {
namespace {

// Pearson's statistic of observed counts against equal ones.
template <class Counts>
double chi_square(const Counts& counts, double expected) {
  double sum = 0;
  for (const auto count : counts) {
    sum += (static_cast<double>(count) - expected) * (static_cast<double>(count) - expected) /
           expected;
  }
  return sum;
}

TEST(Random, alphabets_are_those_of_the_specification) {
  EXPECT_EQ(readable_letters.size(), 50u);
  EXPECT_EQ(readable_letters.find_first_of("lI0123456789"), std::string_view::npos);
  EXPECT_EQ(base62_letters.size(), 62u);
  EXPECT_EQ(std::set<char>(readable_letters.begin(), readable_letters.end()).size(), 50u);
  EXPECT_EQ(std::set<char>(base62_letters.begin(), base62_letters.end()).size(), 62u);
}

TEST(Random, text_has_the_asked_length_and_letters) {
  for (const std::size_t length : {0u, 1u, 8u, 64u, 1000u}) {
    const std::string text = random_text(length);
    EXPECT_EQ(text.size(), length);
    EXPECT_EQ(text.find_first_not_of(readable_letters), std::string::npos);
  }
  EXPECT_EQ(random_text(100, "ab").find_first_not_of("ab"), std::string::npos);
}

TEST(Random, no_letter_is_favoured) {
  // 200,000 letters; chi-square with 49 degrees of freedom exceeds 120 once in ten million runs.
  // Taking bytes modulo 50 without redrawing would favour six letters by a fifth and give some 900.
  const std::string text = random_text(200'000);
  std::array<int, 50> counts{};
  for (const char c : text)
    ++counts.at(readable_letters.find(c));
  EXPECT_LT(chi_square(counts, 4000), 120);
}

TEST(Random, every_byte_value_of_a_full_alphabet_occurs) {
  std::string alphabet;
  for (int i = 0; i < 256; ++i)
    alphabet += static_cast<char>(i);
  const std::string text = random_text(20'000, alphabet);
  EXPECT_EQ(std::set<char>(text.begin(), text.end()).size(), 256u);
}

TEST(Random, numbers_are_below_their_bound_and_even) {
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(random_below(1), 0u);
  std::array<int, 3> counts{};
  for (int i = 0; i < 30'000; ++i)
    ++counts.at(random_below(3));
  EXPECT_LT(chi_square(counts, 10'000), 40);  // 2 degrees of freedom: once in 5 * 10^8 runs
  // A bound just above half of all numbers is where a modulus would favour the small ones: they
  // would come twice as often as the others.
  const std::uint64_t bound = (std::uint64_t{1} << 63) + 1;
  int small = 0;
  for (int i = 0; i < 3'000; ++i)
    small += random_below(bound) < bound / 2 ? 1 : 0;
  EXPECT_NEAR(small, 1500, 200);
  EXPECT_LT(random_below(UINT64_MAX), UINT64_MAX);
}

TEST(Random, uuids_are_version_4) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string uuid = random_uuid();
    ASSERT_EQ(uuid.size(), 36u);
    for (const std::size_t dash : {8u, 13u, 18u, 23u})
      EXPECT_EQ(uuid[dash], '-');
    EXPECT_EQ(uuid[14], '4');
    EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos);
    EXPECT_EQ(uuid.find_first_not_of("0123456789abcdef-"), std::string::npos);
    EXPECT_TRUE(seen.insert(uuid).second);
  }
}

TEST(Random, W1_bytes_are_fresh_each_time) {
  EXPECT_EQ(random_bytes(0), "");
  EXPECT_EQ(random_bytes(32).size(), 32u);
  EXPECT_NE(random_bytes(32), random_bytes(32));
  EXPECT_EQ(random_bytes(100'000).size(),
            100'000u);  // more than getrandom gives at once for small requests
}

}  // namespace
}  // namespace mytoken
