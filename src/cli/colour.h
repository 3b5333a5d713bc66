// Colours of tags: what people write (a name of CSS, or hexadecimal digits) and what servers send
// (spec cli.md §1.8, settings.md §5).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <mytoken/error.h>

namespace mytoken::cli {

struct Colour {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  bool operator==(const Colour&) const = default;
};

// "#RRGGBB", "RRGGBB", "#RGB" or "RGB", in any case. nullopt: anything else.
std::optional<Colour> parse_hex_colour(std::string_view text);

// One of the 36 names, or one of the forms above. Error usage, listing the names.
client::Outcome<Colour> parse_colour(std::string_view text);

// Six upper-case digits without '#', as sent in requests.
std::string hex_digits(Colour colour);

}  // namespace mytoken::cli
