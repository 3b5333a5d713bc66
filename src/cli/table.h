// Tables, trees' cells and times as people read them on stdout (spec cli.md §1.11): box drawing,
// columns as wide as their widest cell on a terminal of UTF-8, colours only where they are wanted.
// What a cell says may come from strangers: control characters never reach the terminal.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/colour.h"
#include "cli/context.h"
#include "cli/shown_text.h"

namespace mytoken::cli {

struct Style {
  std::optional<Colour> foreground{};
  std::optional<Colour> background{};
  bool is_italic = false;
};

// One line of text in parts of different style.
class Cell {
 public:
  Cell() = default;
  Cell(std::string_view text) { add(text); }  // NOLINT: a text is a cell
  Cell(const std::string& text) { add(text); }
  Cell(const char* text) { add(text); }

  // `text` as it came; it is made harmless here.
  Cell& add(std::string_view text, Style style = {});

  // Columns on a terminal.
  std::size_t width() const;
  // With ANSI sequences if `uses_colour`; all parts grey without colours of their own if `is_grey`.
  std::string text(bool uses_colour, bool is_grey = false) const;

 private:
  struct Part {
    std::string text;
    Style style;
  };
  std::vector<Part> parts_;
};

class Table {
 public:
  // The header is shown in upper case, centred.
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}

  // As many cells as the header has. Grey rows are those that no longer count (expired).
  void row(std::vector<Cell> cells, bool is_grey = false);
  // Lines, each with its newline; "" without rows.
  std::string text(bool uses_colour) const;

 private:
  struct Row {
    std::vector<Cell> cells;
    bool is_grey;
  };
  std::vector<std::string> header_;
  std::vector<Row> rows_;
};

// Whether results are coloured: CLICOLOR_FORCE=1, else not with NO_COLOR or CLICOLOR=0, else if
// stdout is a terminal; --no-color beats all.
bool uses_colour(const Context& context);

// "YYYY-MM-DD HH:MM:SS" in local time.
std::string local_time(std::int64_t unix_seconds);

}  // namespace mytoken::cli
