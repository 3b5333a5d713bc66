// Reading test data from the source tree (tests/data).
#pragma once
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "base/json.h"

namespace mytoken::test {

// The JSON document tests/data/<name>; fails the test and gives null if it cannot be read.
inline json::value read_data(const std::string& name) {
  std::ifstream file(std::string(MYTOKEN_SOURCE_DIR) + "/tests/data/" + name, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  auto document = parse_json(text);
  EXPECT_TRUE(document.has_value()) << name;
  return document ? *document : json::value();
}

}  // namespace mytoken::test
