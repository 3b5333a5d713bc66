// Reading JSON of strangers: depth, encoding, trailing bytes; and pretty printing.
#include "base/json.h"

#include <gtest/gtest.h>

#include <string>

namespace mytoken {
namespace {

using namespace std::string_literals;

TEST(Json, valid_documents_are_read) {
  EXPECT_EQ(parse_json(R"({"a":[1,-2.5,true,null,"\u00e4"]})")->at("a").at(4).as_string(), "ä");
  EXPECT_TRUE(parse_json(" \t\r\n1 \n")->is_int64());
  EXPECT_EQ(parse_json("9223372036854775807")->as_int64(), INT64_MAX);
  EXPECT_EQ(parse_json("18446744073709551615")->as_uint64(), UINT64_MAX);
}

TEST(Json, what_is_not_json_is_refused) {
  for (const std::string& bad :
       {""s,    " "s,    "{"s,      "[1,]"s,      "{\"a\":1,}"s,  "{a:1}"s,          "{'a':1}"s,
        "01"s,  "+1"s,   ".5"s,     "1."s,        "NaN"s,         "Infinity"s,       "-Infinity"s,
        "nul"s, "\"a"s,  "\"\n\""s, "\"\\x41\""s, "\"\\ud800\""s, "// c\n1"s,        "/* */1"s,
        "1 2"s, "{}{}"s, "{} x"s,   "{}\0"s,      "\0{}"s,        "\xef\xbb\xbf{}"s, "\"\0\""s}) {
    const auto result = parse_json(bad);
    ASSERT_FALSE(result.has_value()) << bad;
    EXPECT_EQ(result.error().code, "invalid_request");
    EXPECT_EQ(result.error().status, 400);
    EXPECT_TRUE(result.error().description.starts_with("the body is not valid JSON: "));
  }
}

TEST(Json, text_that_is_not_utf8_is_refused) {
  for (const std::string& bad :
       {"\xff"s, "\xc0\x80"s, "\xed\xa0\x80"s, "\xf4\x90\x80\x80"s, "\xc3"s}) {
    EXPECT_FALSE(parse_json('"' + bad + '"').has_value());
    EXPECT_FALSE(parse_json("{\"" + bad + "\":1}").has_value());
  }
  EXPECT_TRUE(parse_json("\"\xf0\x9f\x98\x80\"").has_value());
}

TEST(Json, depth_is_limited_to_32) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(32)).has_value());
  EXPECT_FALSE(parse_json(nested(33)).has_value());
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')).has_value());
  std::string objects;
  for (int i = 0; i < 33; ++i)
    objects += "{\"a\":";
  EXPECT_FALSE(parse_json(objects + "1" + std::string(33, '}')).has_value());
}

TEST(Json, callers_may_permit_more_depth) {
  const std::string nested = std::string(100, '[') + std::string(100, ']');
  EXPECT_TRUE(parse_json(nested, 100).has_value());
  EXPECT_FALSE(parse_json(nested, 99).has_value());
}

TEST(Json, errors_do_not_repeat_the_text) {
  const auto result = parse_json("{\"refresh_token\":\"canary-value\"");
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().description.find("canary"), std::string::npos);
  EXPECT_EQ(result.error().cause.find("canary"), std::string::npos);
}

TEST(Json, string_member_gives_nothing_for_other_types) {
  const json::value value = *parse_json(R"({"a":"x","b":1,"c":null,"d":["x"]})");
  EXPECT_EQ(string_member(value.as_object(), "a"), "x");
  for (const char* name : {"b", "c", "d", "e", ""}) {
    EXPECT_EQ(string_member(value.as_object(), name), "") << name;
  }
}

TEST(Json, numbers_that_no_double_holds_are_refused) {
  EXPECT_FALSE(parse_json("700010E00000010000"));
  EXPECT_FALSE(parse_json(R"({"a":[1,-1e999]})"));
  EXPECT_TRUE(parse_json("1e300"));
}

TEST(Json, pretty_text_is_indented_and_means_the_same) {
  const json::value value = *parse_json(R"({"b":{"x":[]},"a":[1,{"k\"":"v\n"}],"e":{},"n":null})");
  const std::string text = pretty(value);
  EXPECT_EQ(text,
            "{\n"
            "  \"b\": {\n"
            "    \"x\": []\n"
            "  },\n"
            "  \"a\": [\n"
            "    1,\n"
            "    {\n"
            "      \"k\\\"\": \"v\\n\"\n"
            "    }\n"
            "  ],\n"
            "  \"e\": {},\n"
            "  \"n\": null\n"
            "}");
  EXPECT_EQ(*parse_json(text), value);
  EXPECT_EQ(pretty(json::value("x")), "\"x\"");
}

}  // namespace
}  // namespace mytoken
