// Names, colors and lists of tags (spec settings.md §5).
#include "token/tag.h"

#include <gtest/gtest.h>

namespace mytoken::token {
namespace {

std::string problem(const json::value& value) {
  auto parsed = parse_tags(&value);
  return parsed ? "" : parsed.error().code + ": " + parsed.error().description;
}

TEST(Tag, a_name_has_up_to_64_characters_of_any_script) {
  for (const std::string& name : {std::string("ci"), std::string("my tag"), std::string(64, 'n'),
                                  std::string("#50% + ?"), std::string("日本語"), std::string("é")})
    EXPECT_TRUE(check_tag(name)) << name;
  std::string long_name;
  for (int i = 0; i < 64; ++i)
    long_name += "語";
  EXPECT_TRUE(check_tag(long_name)) << "characters are counted, not bytes";
  EXPECT_FALSE(check_tag(long_name + "x"));
}

TEST(Tag, a_name_is_not_empty_and_has_neither_controls_nor_slashes) {
  for (const std::string& name :
       {std::string(), std::string("   "), std::string("a/b"), std::string("a\nb"),
        std::string("a\0b", 3), std::string("\x7f"), std::string("\xc2\x85"), std::string("\xff")})
    EXPECT_FALSE(check_tag(name)) << name;
  EXPECT_EQ(check_tag("").error().description, "tag must not be empty");
  EXPECT_EQ(check_tag("a/b", "tags[3].tag").error().description.substr(0, 11), "tags[3].tag");
}

TEST(Tag, a_color_has_four_forms) {
  for (const char* text : {"FFA500", "#ffa500", "ffa500", "#FfA500"})
    EXPECT_EQ(parse_color(text).value_or("none"), "ffa500") << text;
  EXPECT_EQ(parse_color("0Fa").value_or("none"), "00ffaa");
  EXPECT_EQ(parse_color("#0fA").value_or("none"), "00ffaa");
  EXPECT_EQ(shown_color("00ffaa"), "#00ffaa");
}

TEST(Tag, settings_weakness_9_a_color_that_does_not_fit_is_refused) {
  for (const char* text : {"", "#", "##ffa500", "ffa5000", "#ffa50", "ffa5", "orange", "ggg",
                           "ff a500", "-fa500", "0xffa5"})
    EXPECT_FALSE(parse_color(text)) << text;
}

TEST(Tag, the_default_color_is_the_beginning_of_the_names_checksum_without_leading_zeros) {
  const std::pair<const char*, const char*> known[] = {
      {"ci", "3b67f3"},         // 3b67f367
      {"prod", "b5b411"},       // b5b41197
      {"日本語", "a80b52"},     // a80b52e5
      {"my tag", "ad90fe"},     // ad90fe36
      {"123456789", "cbf439"},  // cbf43926
      {"tag 53", "67e9a7"},     // 067e9a73
      {"tag 241", "d831e9"},    // 00d831e9
      {"tag 3142", "036d2b"},   // 00036d2b
  };
  for (const auto& [name, color] : known)
    EXPECT_EQ(default_color(name), color) << name;
}

TEST(Tag, a_list_names_each_tag_once) {
  const json::value value = {{{"tag", "a"}, {"include_children", true}, {"color", "ignored"}},
                             {{"tag", "b"}, {"include_children", nullptr}},
                             {{"tag", "a"}}};
  const auto tags = parse_tags(&value);
  ASSERT_TRUE(tags) << tags.error().description;
  ASSERT_EQ(tags->size(), 2u);
  EXPECT_EQ((*tags)[0].name, "a");
  EXPECT_FALSE((*tags)[0].include_children) << "the last mention counts";
  EXPECT_EQ((*tags)[1].name, "b");
  const json::value again = to_json(*tags);
  EXPECT_EQ(json::serialize(again), R"([{"tag":"a","include_children":false},)"
                                    R"({"tag":"b","include_children":false}])");
  EXPECT_EQ(parse_tags(&again)->size(), 2u);
  EXPECT_TRUE(parse_tags(nullptr)->empty());
}

TEST(Tag, a_malformed_list_is_refused_by_the_members_name) {
  const json::array too_many(101, json::object{{"tag", "a"}});
  for (const json::value& value :
       {json::value("ci"), json::value(5), json::value(json::object{{"tag", "a"}}),
        json::value{"ci"}, json::value(json::array{nullptr}),
        json::value(json::array{json::object{}}), json::value(json::array{{{"tag", nullptr}}}),
        json::value(json::array{{{"tag", 5}}}), json::value(json::array{{{"tag", ""}}}),
        json::value(json::array{{{"tag", "a"}, {"include_children", "yes"}}}),
        json::value(too_many)}) {
    EXPECT_EQ(problem(value).substr(0, 21), "invalid_request: tags") << json::serialize(value);
  }
}

}  // namespace
}  // namespace mytoken::token
