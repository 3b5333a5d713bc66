// Boxes, colours and columns.
#include "cli/table.h"

#include <algorithm>
#include <array>
#include <ctime>

namespace mytoken::cli {
namespace {

constexpr std::string_view reset = "\x1b[0m";

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
