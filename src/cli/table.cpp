// Widths are those of the C library's character data, in a locale object of our own: the program's
// locale stays as it is.
#include "cli/table.h"

#include <locale.h>
#include <wchar.h>

#include <algorithm>
#include <array>
#include <ctime>

namespace mytoken::cli {
namespace {

constexpr std::string_view reset = "\x1b[0m";

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

std::string colour_sequence(const char* kind, Colour colour) {
  std::string text = "\x1b[";
  text.append(kind).append(";2;");
  text += std::to_string(colour.red) + ";" + std::to_string(colour.green) + ";" +
          std::to_string(colour.blue) + "m";
  return text;
}

std::string sequence(const Style& style, bool is_grey) {
  std::string text;
  if (is_grey) {
    text = "\x1b[90m";
  } else {
    if (style.foreground) text += colour_sequence("38", *style.foreground);
    if (style.background) text += colour_sequence("48", *style.background);
  }
  if (style.is_italic) text += "\x1b[3m";
  return text;
}

// "┌─┬┐" and the like: left, line, crossing, right.
using Border = std::array<std::string_view, 4>;
constexpr Border top{"┌", "─", "┬", "┐"};
constexpr Border middle{"├", "─", "┼", "┤"};
constexpr Border bottom{"└", "─", "┴", "┘"};

std::string border(const Border& parts, const std::vector<std::size_t>& widths) {
  std::string line(parts[0]);
  for (std::size_t column = 0; column < widths.size(); ++column) {
    if (column > 0) line += parts[2];
    for (std::size_t i = 0; i < widths[column] + 2; ++i)
      line += parts[1];
  }
  line.append(parts[3]).append("\n");
  return line;
}

// Headers are ours: ASCII.
std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

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

Cell& Cell::add(std::string_view text, Style style) {
  parts_.push_back({harmless(text), style});
  return *this;
}

std::size_t Cell::width() const {
  std::size_t columns = 0;
  for (const Part& part : parts_)
    columns += display_width(part.text);
  return columns;
}

std::string Cell::text(bool uses_colour, bool is_grey) const {
  std::string text;
  for (const Part& part : parts_) {
    const std::string start = uses_colour ? sequence(part.style, is_grey) : "";
    text += start + part.text;
    if (!start.empty()) text += reset;
  }
  return text;
}

void Table::row(std::vector<Cell> cells, bool is_grey) {
  cells.resize(header_.size());
  rows_.push_back({std::move(cells), is_grey});
}

std::string Table::text(bool uses_colour) const {
  if (rows_.empty()) return "";
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < header_.size(); ++column) {
    std::size_t width = display_width(header_[column]);
    for (const Row& row : rows_)
      width = std::max(width, row.cells[column].width());
    widths.push_back(width);
  }
  std::string lines = border(top, widths) + "│";
  for (std::size_t column = 0; column < widths.size(); ++column) {
    const std::size_t space = widths[column] - display_width(header_[column]);
    lines += std::string(1 + space / 2, ' ') + upper(header_[column]) +
             std::string(1 + space - space / 2, ' ') + "│";
  }
  lines += "\n" + border(middle, widths);
  for (const Row& row : rows_) {
    lines += "│";
    for (std::size_t column = 0; column < widths.size(); ++column) {
      const Cell& cell = row.cells[column];
      lines += " " + cell.text(uses_colour, row.is_grey) +
               std::string(widths[column] - cell.width() + 1, ' ') + "│";
    }
    lines += "\n";
  }
  return lines + border(bottom, widths);
}

bool uses_colour(const Context& context) {
  if (context.no_color) return false;
  if (context.variable("CLICOLOR_FORCE") == "1") return true;
  if (!context.variable("NO_COLOR").empty() || context.variable("CLICOLOR") == "0") return false;
  return context.console.result_is_for_people();
}

std::string local_time(std::int64_t unix_seconds) {
  const auto time = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  std::array<char, 64> text{};
  if (!::localtime_r(&time, &parts) ||
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts) == 0) {
    return "?";  // a year beyond what the C library can count
  }
  return text.data();
}

}  // namespace mytoken::cli
