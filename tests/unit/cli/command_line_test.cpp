// The published parsing rules (spec cli.md §1.1).
#include "cli/command_line.h"

#include <gtest/gtest.h>

namespace mytoken::cli {
namespace {

struct Example {
  Example() {
    Command root = line.root();
    root.text("--url,--mytoken-url", url, "address");
    Command command = root.command("AT,at", "get");
    command.list("-s,--scope,--scopes", scope, "scopes");
    command.text("-o,--out", out, "file");
    command.toggle("-r,--recursive", recursive, "all");
    command.number("--usages-AT", usages, "number");
    command.argument("comment", comment, "text");
    command.runs([] { return 0; });
    Command group = root.command("group", "has commands only");
    group.command("inner", "below").runs([] { return 0; });
  }
  bool parse(const std::vector<std::string>& words) {
    const auto parsed = line.parse(words);
    if (!parsed) error = parsed.error().description;
    if (parsed) help = parsed->help;
    return parsed.has_value();
  }
  CommandLine line;
  std::optional<std::string> url;
  std::vector<std::string> scope;
  std::optional<std::string> out;
  bool recursive = false;
  std::optional<std::int64_t> usages;
  std::optional<std::string> comment;
  std::string error;
  std::string help;
};

TEST(CommandLine, lists_repeat_and_split_at_commas_without_trimming) {
  Example it;
  ASSERT_TRUE(it.parse({"AT", "-s", "a b", "--scope=c, d", "-scopes", "e"}));
  EXPECT_EQ(it.scope, (std::vector<std::string>{"a b", "c", " d", "e"}));
}

TEST(CommandLine, one_or_two_dashes_and_an_equals_sign_mean_the_same) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"AT", "-out", "f"},
                                             {"AT", "--out", "f"},
                                             {"AT", "--out=f"},
                                             {"AT", "-out=f"},
                                             {"AT", "-o=f"},
                                             {"AT", "--o", "f"}}) {
    Example it;
    ASSERT_TRUE(it.parse(words)) << it.error;
    EXPECT_EQ(it.out, "f") << words[1];
  }
}

TEST(CommandLine, short_flags_do_not_bundle) {
  Example it;
  EXPECT_FALSE(it.parse({"AT", "-ro", "f"}));
  EXPECT_NE(it.error.find("'-ro'"), std::string::npos);
}

TEST(CommandLine, global_flags_may_stand_behind_the_command_and_arguments_between_flags) {
  Example it;
  ASSERT_TRUE(it.parse({"at", "why", "--url", "https://mt.example.org", "-r"})) << it.error;
  EXPECT_EQ(it.url, "https://mt.example.org");
  EXPECT_EQ(it.comment, "why");
  EXPECT_TRUE(it.recursive);
}

TEST(CommandLine, a_value_may_look_like_a_flag_be_empty_or_stand_in_brackets) {
  Example it;
  ASSERT_TRUE(it.parse({"AT", "--out", "-", "-s", "[a,b]", "--url="})) << it.error;
  EXPECT_EQ(it.out, "-");
  EXPECT_EQ(it.scope, (std::vector<std::string>{"[a", "b]"}));
  EXPECT_EQ(it.url, "");
}

TEST(CommandLine, two_dashes_end_the_flags_and_a_lone_dash_ends_everything) {
  Example dashes;
  ASSERT_TRUE(dashes.parse({"AT", "--", "-r"})) << dashes.error;
  EXPECT_EQ(dashes.comment, "-r");
  EXPECT_FALSE(dashes.recursive);
  Example lone;
  ASSERT_TRUE(lone.parse({"AT", "-r", "-", "--nonsense"})) << lone.error;
  EXPECT_TRUE(lone.recursive);
}

TEST(CommandLine, boolean_flags_take_true_and_false) {
  Example it;
  ASSERT_TRUE(it.parse({"AT", "--recursive=true"})) << it.error;
  EXPECT_TRUE(it.recursive);
  Example off;
  ASSERT_TRUE(off.parse({"AT", "-r=false"})) << off.error;
  EXPECT_FALSE(off.recursive);
}

TEST(CommandLine, a_number_can_be_zero_but_not_negative_or_text) {
  Example zero;
  ASSERT_TRUE(zero.parse({"AT", "--usages-AT", "0"})) << zero.error;
  EXPECT_EQ(zero.usages, 0);
  for (const char* bad : {"-1", "x", "1.5", "99999999999999999999"}) {
    Example it;
    EXPECT_FALSE(it.parse({"AT", "--usages-AT", bad})) << bad;
  }
}

TEST(CommandLine, the_last_value_wins) {
  Example it;
  ASSERT_TRUE(it.parse({"AT", "-o", "a", "-o", "b"})) << it.error;
  EXPECT_EQ(it.out, "b");
}

TEST(CommandLine, mistakes_are_errors) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"AT", "--nonsense"},
                                             {"nonsense"},
                                             {"AT", "--out"},
                                             {"AT", "one", "two"},
                                             {"group"},
                                             {"group", "outer"}}) {
    Example it;
    EXPECT_FALSE(it.parse(words)) << words.back();
    EXPECT_FALSE(it.error.empty());
  }
}

TEST(CommandLine, help_is_on_every_level) {
  for (const char* word : {"--help", "-h", "help", "-help"}) {
    Example root;
    ASSERT_TRUE(root.parse({word}));
    EXPECT_NE(root.help.find("group"), std::string::npos) << word;
    Example command;
    ASSERT_TRUE(command.parse({"AT", word}));
    EXPECT_NE(command.help.find("--scope"), std::string::npos) << word;
  }
}

}  // namespace
}  // namespace mytoken::cli
