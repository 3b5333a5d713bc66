// Tags as requests write them: names, colors, and the list that a new token is to carry (spec
// settings.md §5).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace mytoken::token {

constexpr std::size_t longest_tag = 64;         // characters
constexpr std::size_t most_tags_of_wish = 100;  // in one request for a token

// Error invalid_request, beginning with `member`: no UTF-8, nothing but blanks, longer than
// longest_tag, or with a control character or slash.
Result<void> check_tag(std::string_view name, std::string_view member = "tag");

// Six lower-case hexadecimal digits from RRGGBB or RGB in any case, with or without a leading #.
// Error invalid_request.
Result<std::string> parse_color(std::string_view text);
// The color of a tag that was given none: from the CRC-32 of its name, in the same form.
std::string default_color(std::string_view name);
// "#rrggbb"
std::string shown_color(std::string_view color);

// A tag that a new token is to carry; its children too, if the flag is set.
struct TagWish {
  std::string name;
  bool include_children = false;
};
// Member `tags`, an array of {"tag", "include_children"?}; nullptr: none. Each name once, in the
// order of the first mention; the last mention's flag counts. Error invalid_request naming the
// member.
Result<std::vector<TagWish>> parse_tags(const json::value* value);
// The same array.
json::array to_json(const std::vector<TagWish>& tags);

}  // namespace mytoken::token
