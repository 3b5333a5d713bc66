// Tables, colours and times of stdout.
#include "cli/table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>
#include <limits>
#include <map>

namespace mytoken::cli {
namespace {

TEST(Table, has_borders_a_centred_header_and_cells_to_the_left) {
  Table table({"Type", "Status of it"});
  table.row({"ssh", "Enabled"});
  table.row({"something", "Disabled for ever"});
  EXPECT_EQ(table.text(false),
            "┌───────────┬───────────────────┐\n"
            "│   TYPE    │   STATUS OF IT    │\n"
            "├───────────┼───────────────────┤\n"
            "│ ssh       │ Enabled           │\n"
            "│ something │ Disabled for ever │\n"
            "└───────────┴───────────────────┘\n");
}

TEST(Table, without_rows_is_nothing) {
  EXPECT_EQ(Table({"A", "B"}).text(true), "");
}

TEST(Table, missing_cells_are_empty) {
  Table table({"A", "B"});
  table.row({"x"});
  EXPECT_EQ(table.text(false), "┌───┬───┐\n│ A │ B │\n├───┼───┤\n│ x │   │\n└───┴───┘\n");
}

TEST(Table, widths_are_those_of_the_terminal) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("é"), 1U);
  EXPECT_EQ(display_width("e\u0301"), 1U);  // combining
  EXPECT_EQ(display_width("中文"), 4U);
  EXPECT_EQ(display_width("😀"), 2U);
  EXPECT_EQ(display_width("\xff"), 1U);
  Table table({"Tag"});
  table.row({"中文"});
  table.row({"e\u0301t\u00e9"});
  EXPECT_EQ(table.text(false),
            "┌──────┐\n│ TAG  │\n├──────┤\n│ 中文 │\n│ e\u0301t\u00e9  │\n└──────┘\n");
}

TEST(Table, what_controls_a_terminal_is_replaced) {
  EXPECT_EQ(harmless("a\x1b[2J\n\t\x7f"
                     "b"),
            "a?[2J???b");
  EXPECT_EQ(harmless("a\u0085\u009b"
                     "31mb"),
            "a??31mb");  // C1
  EXPECT_EQ(harmless("a\u202e\u2066\u2028\u200f"
                     "b"),
            "a????b");                                                 // direction, line separator
  EXPECT_EQ(harmless("a\xc3(\xff\xed\xa0\x80\xc0\xaf"), "a?(??????");  // no UTF-8
  EXPECT_EQ(harmless("ä中😀"), "ä中😀");
  Table table({"A"});
  table.row({"x\x1b]0;title\x07"});
  EXPECT_EQ(table.text(true).find('\x1b'), std::string::npos);
}

TEST(Table, colours_are_24_bit_and_end_behind_the_text) {
  Table table({"A", "Tag"});
  table.row({Cell().add("  ", {.background = Colour{1, 2, 3}}),
             Cell().add("ci", {.foreground = Colour{255, 0, 7}})});
  const std::string coloured = table.text(true);
  EXPECT_NE(coloured.find("│ \x1b[48;2;1;2;3m  \x1b[0m │ \x1b[38;2;255;0;7mci\x1b[0m  │\n"),
            std::string::npos)
      << coloured;
  EXPECT_EQ(table.text(false).find('\x1b'), std::string::npos);
}

TEST(Table, grey_rows_have_no_other_colour) {
  Table table({"A"});
  table.row({Cell().add("ci", {.foreground = Colour{255, 0, 7}}).add("x", {.is_italic = true})},
            true);
  const std::string text = table.text(true);
  EXPECT_NE(text.find("│ \x1b[90mci\x1b[0m\x1b[90m\x1b[3mx\x1b[0m │\n"), std::string::npos) << text;
}

TEST(Colours, have_36_names_and_four_forms_of_digits) {
  EXPECT_EQ(hex_digits(*parse_colour("green")), "008000");
  EXPECT_EQ(hex_digits(*parse_colour("lightgrey")), "D3D3D3");
  EXPECT_EQ(hex_digits(*parse_colour("wheat")), "F5DEB3");
  EXPECT_EQ(hex_digits(*parse_colour("#ffa500")), "FFA500");
  EXPECT_EQ(hex_digits(*parse_colour("ffA500")), "FFA500");
  EXPECT_EQ(hex_digits(*parse_colour("#fA0")), "FFAA00");
  EXPECT_EQ(hex_digits(*parse_colour("012")), "001122");
}

TEST(Colours, W18_must_be_hexadecimal) {
  for (const char* wrong : {"", "#", "ggg", "12", "1234", "12345", "1234567", "+12345", "-12",
                            "0x1234", "12 ", "rouge"}) {
    const auto colour = parse_colour(wrong);
    ASSERT_FALSE(colour) << wrong;
    EXPECT_EQ(colour.error().kind, client::ErrorKind::usage);
  }
}

struct Variables {
  std::map<std::string, std::string> values;
  bool is_coloured(int out, bool no_color = false) {
    Console console({0, out, 2});
    Context context{console};
    context.environment = [this](const char* name) -> std::optional<std::string> {
      const auto found = values.find(name);
      if (found == values.end()) return std::nullopt;
      return found->second;
    };
    context.no_color = no_color;
    return uses_colour(context);
  }
};

TEST(Colours, follow_the_variables_and_the_terminal) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  Variables variables;
  EXPECT_TRUE(variables.is_coloured(terminal));
  EXPECT_FALSE(variables.is_coloured(pipe[1]));
  EXPECT_FALSE(variables.is_coloured(terminal, true));
  variables.values = {{"NO_COLOR", "1"}};
  EXPECT_FALSE(variables.is_coloured(terminal));
  variables.values = {{"NO_COLOR", ""}};
  EXPECT_TRUE(variables.is_coloured(terminal));
  variables.values = {{"CLICOLOR", "0"}};
  EXPECT_FALSE(variables.is_coloured(terminal));
  variables.values = {{"CLICOLOR_FORCE", "1"}, {"NO_COLOR", "1"}, {"CLICOLOR", "0"}};
  EXPECT_TRUE(variables.is_coloured(pipe[1]));
  EXPECT_FALSE(variables.is_coloured(pipe[1], true));
  for (const int descriptor : {terminal, pipe[0], pipe[1]})
    ::close(descriptor);
}

TEST(Times, are_local_with_seconds) {
  const std::int64_t moment = 1'780'000'000;
  std::tm parts{};
  const auto time = static_cast<std::time_t>(moment);
  ::localtime_r(&time, &parts);
  const std::string text = local_time(moment);
  ASSERT_EQ(text.size(), 19U);
  EXPECT_EQ(text.substr(0, 4), "2026");
  EXPECT_EQ(std::stoi(text.substr(11, 2)), parts.tm_hour);
  EXPECT_EQ(text.substr(16), ":40");
  EXPECT_EQ(local_time(std::numeric_limits<std::int64_t>::max()), "?");
}

}  // namespace
}  // namespace mytoken::cli
