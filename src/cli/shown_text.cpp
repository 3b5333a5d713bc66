// Widths are those of the C library's character data, in a locale object of our own: the program's
// locale stays as it is.
#include "cli/shown_text.h"

#include <locale.h>
#include <wchar.h>

#include <algorithm>
#include <array>

namespace mytoken::cli {
namespace {

struct Decoded {
  char32_t character;
  std::size_t bytes;  // 0: no UTF-8 here
};

// The first character of `text`, which is not empty. Strict as of RFC 3629.
Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return {0, 0};
  char32_t character = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return {0, 0};
    character = (character << 6U) | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = character >= 0xd800 && character <= 0xdfff;
  if (character < smallest[length] || is_surrogate || character > 0x10ffff) return {0, 0};
  return {character, length};
}

// Controls (C0, C1), separators of lines, and what changes the direction of writing.
bool is_harmful(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0x061c ||
         c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

// The character data of UTF-8 for this thread.
class Utf8Locale {
 public:
  Utf8Locale() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_) before_ = ::uselocale(locale_);
  }
  ~Utf8Locale() {
    if (!locale_) return;
    ::uselocale(before_);
    ::freelocale(locale_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

  // Without data every character takes one column.
  std::size_t width(char32_t c) const {
    const int columns = locale_ ? ::wcwidth(static_cast<wchar_t>(c)) : 1;
    return columns < 0 ? 1 : static_cast<std::size_t>(columns);
  }

 private:
  locale_t locale_;
  locale_t before_{};
};

}  // namespace

std::string harmless(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const Decoded next = decode(text);
    const std::size_t bytes = std::max<std::size_t>(next.bytes, 1);
    if (next.bytes == 0 || is_harmful(next.character)) {
      clean += '?';
    } else {
      clean += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return clean;
}

std::size_t display_width(std::string_view text) {
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (std::all_of(text.begin(), text.end(), is_ascii)) return text.size();
  const Utf8Locale locale;
  std::size_t columns = 0;
  while (!text.empty()) {
    const Decoded next = decode(text);
    columns += next.bytes == 0 ? 1 : locale.width(next.character);
    text.remove_prefix(std::max<std::size_t>(next.bytes, 1));
  }
  return columns;
}

}  // namespace mytoken::cli
