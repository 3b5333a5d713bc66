// Names, colors and lists of tags; see tag.h.
#include "token/tag.h"

#include <algorithm>
#include <cstdint>

#include "base/encoding.h"

namespace mytoken::token {
namespace {

// CRC-32 of IEEE 802.3, bit by bit: names are short.
std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = 0xffffffffu;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0xedb88320u : 0u);
  }
  return ~crc;
}

// C0, DEL, and C1 (U+0080 to U+009F, in UTF-8 C2 80 to C2 9F).
bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0)
      return true;
  }
  return false;
}

Result<TagWish> parse_tag(const json::value& value, const std::string& member) {
  const auto* object = value.if_object();
  if (!object) return fail(invalid_request(member + " must be an object with the member tag"));
  TagWish wish;
  const auto* name = object->if_contains("tag");
  if (!name || !name->is_string()) return fail(invalid_request(member + ".tag must be a string"));
  wish.name = std::string(name->as_string());
  if (auto r = check_tag(wish.name, member + ".tag"); !r) return tl::unexpected(r.error());
  if (const auto* flag = object->if_contains("include_children"); flag && !flag->is_null()) {
    if (!flag->is_bool())
      return fail(invalid_request(member + ".include_children must be true or false"));
    wish.include_children = flag->as_bool();
  }
  return wish;
}

}  // namespace

Result<void> check_tag(std::string_view name, std::string_view member) {
  const auto refuse = [member](const std::string& why) {
    return fail(invalid_request(std::string(member) + " must " + why));
  };
  if (name.find_first_not_of(' ') == std::string_view::npos) return refuse("not be empty");
  if (!is_utf8(name)) return refuse("be UTF-8");
  if (characters(name) > longest_tag)
    return refuse("not be longer than " + std::to_string(longest_tag) + " characters");
  if (has_control_character(name) || name.find('/') != std::string_view::npos)
    return refuse("not have control characters or slashes");
  return {};
}

Result<std::string> parse_color(std::string_view text) {
  if (text.starts_with('#')) text.remove_prefix(1);
  const std::string digits = lower(text);
  const bool is_hex = digits.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (is_hex && digits.size() == 6) return digits;
  if (!is_hex || digits.size() != 3)
    return fail(invalid_request("color must be three or six hexadecimal digits"));
  std::string doubled;
  for (const char digit : digits)
    doubled.append(2, digit);
  return doubled;
}

std::string default_color(std::string_view name) {
  const std::uint32_t crc = crc32(name);
  std::string bytes;
  for (const unsigned shift : {24u, 16u, 8u, 0u})
    bytes += static_cast<char>(crc >> shift & 0xffu);
  std::string digits = hex(bytes);
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  digits.resize(std::min<std::size_t>(digits.size(), 6));
  return std::string(6 - digits.size(), '0') + digits;
}

std::string shown_color(std::string_view color) {
  return '#' + std::string(color);
}

Result<std::vector<TagWish>> parse_tags(const json::value* value) {
  std::vector<TagWish> tags;
  if (!value || (value->is_string() && value->as_string().empty())) return tags;
  const auto* list = value->if_array();
  if (!list) return fail(invalid_request("tags must be a list of objects with the member tag"));
  if (list->size() > most_tags_of_wish) {
    return fail(
        invalid_request("tags has more than " + std::to_string(most_tags_of_wish) + " elements"));
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto wish = parse_tag((*list)[i], "tags[" + std::to_string(i) + "]");
    if (!wish) return tl::unexpected(wish.error());
    const auto known = std::find_if(tags.begin(), tags.end(),
                                    [&](const TagWish& other) { return other.name == wish->name; });
    if (known == tags.end()) {
      tags.push_back(std::move(*wish));
    } else {
      known->include_children = wish->include_children;
    }
  }
  return tags;
}

json::array to_json(const std::vector<TagWish>& tags) {
  json::array list;
  for (const TagWish& tag : tags) {
    json::object entry;
    entry["tag"] = tag.name;
    entry["include_children"] = tag.include_children;
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace mytoken::token
