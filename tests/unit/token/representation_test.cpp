// Which representation a text is, and which one an answer uses.
#include "token/representation.h"

#include <gtest/gtest.h>

#include "base/encoding.h"

namespace mytoken::token {
namespace {

std::string jwt(std::size_t signature_bytes) {
  return base64url(R"({"alg":"x","typ":"MT+JWT"})") + '.' + base64url(std::string(100, 'p')) + '.' +
         base64url(std::string(signature_bytes, 's'));
}

TEST(Classify, W3_signatures_of_every_algorithm_are_recognised) {
  for (const std::size_t bytes : {64, 96, 132, 256, 384, 512}) {
    EXPECT_EQ(classify(jwt(bytes)), Presented::jwt) << bytes;
  }
}

TEST(Classify, codes_and_the_empty_text_are_malformed) {
  EXPECT_EQ(classify(""), Presented::malformed);
  EXPECT_EQ(classify(std::string(31, 'a')), Presented::malformed);
  EXPECT_EQ(classify("a.b.c"), Presented::malformed);
}

TEST(Classify, anything_else_of_enough_length_is_a_short_token) {
  EXPECT_EQ(classify(std::string(32, 'a')), Presented::short_token);
  EXPECT_EQ(classify(std::string(64, 'Z')), Presented::short_token);
  EXPECT_EQ(classify(std::string(40, '!')), Presented::short_token);
}

TEST(Classify, three_parts_must_be_base64url_and_not_empty) {
  const std::string part(40, 'a');
  EXPECT_EQ(classify(part + '.' + part + '.' + part), Presented::jwt);
  EXPECT_EQ(classify(part + '.' + part + '.'), Presented::short_token);
  EXPECT_EQ(classify('.' + part + '.' + part), Presented::short_token);
  EXPECT_EQ(classify(part + ".." + part), Presented::short_token);
  EXPECT_EQ(classify(part + '.' + part), Presented::short_token);
  EXPECT_EQ(classify(part + '.' + part + '.' + part + '.' + part), Presented::short_token);
  EXPECT_EQ(classify(part + '.' + part + '.' + part + "a"),
            Presented::short_token);  // 41 letters are no bytes
  EXPECT_EQ(classify(part + '.' + part + '.' + part + "=="), Presented::short_token);
  EXPECT_EQ(classify(part + '.' + part + '.' + part + "+/"), Presented::short_token);
}

TEST(Classify, blanks_control_characters_and_other_bytes_are_malformed) {
  for (const char c : {' ', '\t', '\n', '\0', '\x7f', '\xc3'}) {
    EXPECT_EQ(classify(std::string(40, 'a') + c), Presented::malformed) << static_cast<int>(c);
  }
}

TEST(Classify, length_is_bounded) {
  EXPECT_EQ(classify(std::string(longest_token, 'a')), Presented::short_token);
  EXPECT_EQ(classify(std::string(longest_token + 1, 'a')), Presented::malformed);
}

TEST(ResponseTypes, names_round_trip) {
  for (const auto type :
       {ResponseType::token, ResponseType::short_token, ResponseType::transfer_code}) {
    EXPECT_EQ(parse_response_type(name(type)).value(), type);
  }
  EXPECT_EQ(name(ResponseType::transfer_code), "transfer_code");
  EXPECT_EQ(parse_response_type("").value(), ResponseType::token);
}

TEST(ResponseTypes, an_unknown_one_is_refused_by_name) {
  for (const char* text : {"Token", "jwt", "token ", "polling_code"}) {
    const auto result = parse_response_type(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, "invalid_request");
    EXPECT_NE(result.error().description.find("response_type"), std::string::npos);
  }
}

TEST(Representation, W12_the_request_decides_unless_the_feature_is_off) {
  const RepresentationOptions all;
  const RepresentationOptions none{false, false, 64};
  for (const auto type :
       {ResponseType::token, ResponseType::short_token, ResponseType::transfer_code}) {
    EXPECT_EQ(choose_representation(type, 0, 900, all), type);
    EXPECT_EQ(choose_representation(type, -1, 900, all), type);
    EXPECT_EQ(choose_representation(type, 0, 900, none), ResponseType::token);
  }
}

TEST(Representation, a_maximum_length_overrides_the_request) {
  const RepresentationOptions all;
  const auto choose = [](std::int64_t length, const RepresentationOptions& options) {
    return choose_representation(ResponseType::transfer_code, length, 900, options);
  };
  EXPECT_EQ(choose(900, all), ResponseType::token);
  EXPECT_EQ(choose(899, all), ResponseType::short_token);
  EXPECT_EQ(choose(64, all), ResponseType::short_token);
  EXPECT_EQ(choose(63, all), ResponseType::transfer_code);
  EXPECT_EQ(choose(1, all), ResponseType::transfer_code);
  EXPECT_EQ(choose(64, {false, true, 64}), ResponseType::transfer_code);
  EXPECT_EQ(choose(63, {true, false, 64}), ResponseType::token);
  EXPECT_EQ(choose(1, {false, false, 64}), ResponseType::token);
}

}  // namespace
}  // namespace mytoken::token
