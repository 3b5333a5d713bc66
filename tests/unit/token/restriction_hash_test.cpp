// The canonical text of a clause and its hash, under which uses are counted.
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "unit/token/vectors.h"

namespace mytoken::token {
namespace {

TEST(RestrictionHashVectors, all) {
  const json::object file = vectors("restriction_hash");
  std::size_t count = 0;
  for (const json::value& test : file.at("cases").as_array()) {
    SCOPED_TRACE(text(test.at("name")));
    const Restrictions restrictions = claimed(json::value(json::array{test.at("restriction")}));
    ASSERT_EQ(restrictions.size(), 1u);
    const Clause& clause = restrictions.front();
    EXPECT_EQ(canonical(clause), text(test.at("canonical")));
    EXPECT_EQ(base64(clause_hash(clause)), text(test.at("hash")));
    EXPECT_EQ(canonical(clause, true), text(test.at("legacy_canonical")));
    EXPECT_EQ(base64(legacy_clause_hash(clause)), text(test.at("legacy_hash")));
    EXPECT_EQ(claimed(json::value(json::array{to_json(clause)})).front(), clause);
    ++count;
  }
  EXPECT_GE(count, 20u);
}

TEST(RestrictionHash, bytes_that_are_no_utf8_become_the_replacement_character) {
  Clause clause;
  clause.audience = {"a\xFFz", "\xC3", "\xE2\x80", "\xED\xA0\x80", "\xC0\xAF"};
  EXPECT_EQ(canonical(clause),
            "{\"audience\":[\"a\xEF\xBF\xBDz\",\"\xEF\xBF\xBD\",\"\xEF\xBF\xBD\xEF\xBF\xBD\","
            "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\",\"\xEF\xBF\xBD\xEF\xBF\xBD\"]}");
}

TEST(RestrictionHash, a_zero_byte_is_escaped) {
  Clause clause;
  clause.audience = {std::string("a\0b", 3)};
  EXPECT_EQ(canonical(clause), R"({"audience":["a\u0000b"]})");
}

}  // namespace
}  // namespace mytoken::token
