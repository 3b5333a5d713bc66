// The values are those of CSS Color 4, in which "green" is not full green and "gray" has two
// spellings.
#include "cli/colour.h"

#include <array>
#include <charconv>
#include <cstdio>

#include "base/encoding.h"
#include "client/durable_file.h"

namespace mytoken::cli {
namespace {

struct Named {
  std::string_view name;
  std::uint32_t value;
};

constexpr std::array<Named, 36> names{{
    {"red", 0xff0000},       {"blue", 0x0000ff},      {"green", 0x008000},
    {"yellow", 0xffff00},    {"orange", 0xffa500},    {"purple", 0x800080},
    {"pink", 0xffc0cb},      {"cyan", 0x00ffff},      {"magenta", 0xff00ff},
    {"lime", 0x00ff00},      {"teal", 0x008080},      {"navy", 0x000080},
    {"maroon", 0x800000},    {"olive", 0x808000},     {"silver", 0xc0c0c0},
    {"gray", 0x808080},      {"grey", 0x808080},      {"black", 0x000000},
    {"white", 0xffffff},     {"darkgray", 0xa9a9a9},  {"darkgrey", 0xa9a9a9},
    {"lightgray", 0xd3d3d3}, {"lightgrey", 0xd3d3d3}, {"gold", 0xffd700},
    {"brown", 0xa52a2a},     {"coral", 0xff7f50},     {"crimson", 0xdc143c},
    {"indigo", 0x4b0082},    {"ivory", 0xfffff0},     {"khaki", 0xf0e68c},
    {"lavender", 0xe6e6fa},  {"salmon", 0xfa8072},    {"tan", 0xd2b48c},
    {"tomato", 0xff6347},    {"violet", 0xee82ee},    {"wheat", 0xf5deb3},
}};

Colour from_value(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value >> 16U), static_cast<std::uint8_t>(value >> 8U),
          static_cast<std::uint8_t>(value)};
}

}  // namespace

std::optional<Colour> parse_hex_colour(std::string_view text) {
  if (text.starts_with('#')) text.remove_prefix(1);
  std::string digits;
  if (text.size() == 3) {
    for (const char c : text)
      digits.append(2, c);
  } else if (text.size() == 6) {
    digits = text;
  } else {
    return std::nullopt;
  }
  std::uint32_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, problem] = std::from_chars(digits.data(), end, value, 16);
  if (problem != std::errc() || stop != end) return std::nullopt;
  return from_value(value);
}

client::Outcome<Colour> parse_colour(std::string_view text) {
  for (const Named& named : names) {
    if (equals_ignoring_case(named.name, text)) return from_value(named.value);
  }
  if (const auto colour = parse_hex_colour(text)) return *colour;
  std::string problem = "'" + client::sanitised(text) + "' is no colour; use RRGGBB, RGB or one of";
  for (const Named& named : names)
    problem.append(&named == names.begin() ? " " : ", ").append(named.name);
  return client::failure(client::ErrorKind::usage, std::move(problem));
}

std::string hex_digits(Colour colour) {
  std::array<char, 7> digits{};
  std::snprintf(digits.data(), digits.size(), "%02X%02X%02X", colour.red, colour.green,
                colour.blue);
  return digits.data();
}

}  // namespace mytoken::cli
