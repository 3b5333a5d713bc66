// Which words may stand at the cursor.
#include "cli/completion.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/cli/harness.h"

namespace mytoken::cli {
namespace {

struct Example {
  Example() {
    Command root = line.root();
    root.text("--url,--mytoken-url", text, "address");
    Command create = root.command("MT,mt,mytoken", "create");
    create.text("-i,--provider,--issuer", text, "provider");
    create.text("--capability,--capabilities", text, "what for");
    create.toggle("--oidc", flag, "log in");
    create.runs([] { return 0; });
    Command store = root.command("store", "names");
    Command show = store.command("show", "one");
    show.argument("name", text, "name");
    show.runs([] { return 0; });
  }
  // "a b c", or ":files"
  std::string operator()(const std::vector<std::string>& words) const {
    const auto known = [](ValueKind kind) -> std::vector<Candidate> {
      if (kind == ValueKind::stored_tokens) return {{"laptop", ""}, {"work", ""}};
      if (kind == ValueKind::providers) return {{"https://op.example.org", ""}};
      if (kind == ValueKind::capabilities) return {{"AT", ""}, {"settings", ""}};
      return {};
    };
    const auto found = complete(line.describe(), words, known);
    std::string all = found.are_files ? ":files" : "";
    for (const Candidate& candidate : found.candidates)
      all += (all.empty() ? "" : " ") + candidate.text;
    return all;
  }
  CommandLine line;
  std::optional<std::string> text;
  bool flag = false;
};

TEST(Completion, commands_by_name_and_by_alias_once_it_was_begun) {
  const Example at;
  EXPECT_EQ(at({""}), "MT store");
  EXPECT_EQ(at({"my"}), "mytoken");
  EXPECT_EQ(at({"store", ""}), "show");
  EXPECT_EQ(at({"nothing", ""}), "");
}

TEST(Completion, flags_of_the_command_and_those_above_it) {
  const Example at;
  EXPECT_EQ(at({"MT", "-"}), "--help --provider --capability --oidc --url");
  EXPECT_EQ(at({"mt", "--iss"}), "--issuer");
  EXPECT_EQ(at({"MT", "--my"}), "--mytoken-url");
}

TEST(Completion, values_of_flags_in_every_way_to_write_them) {
  const Example at;
  EXPECT_EQ(at({"MT", "--provider", ""}), "https://op.example.org");
  EXPECT_EQ(at({"MT", "-i", "https://op"}), "https://op.example.org");
  EXPECT_EQ(at({"MT", "-issuer", ""}), "https://op.example.org");
  EXPECT_EQ(at({"MT", "--issuer=https:"}), "--issuer=https://op.example.org");
  EXPECT_EQ(at({"MT", "--provider", "x", ""}), "");
  EXPECT_EQ(at({"MT", "--oidc", "--provider", "y"}), "");
  EXPECT_EQ(at({"MT", "--unknown="}), "");
}

TEST(Completion, lists_go_on_behind_the_last_comma) {
  const Example at;
  EXPECT_EQ(at({"MT", "--capability", "AT,se"}), "AT,settings");
}

TEST(Completion, one_argument_and_files_behind_two_dashes) {
  const Example at;
  EXPECT_EQ(at({"store", "show", "la"}), "laptop");
  EXPECT_EQ(at({"store", "show", "laptop", ""}), "");
  EXPECT_EQ(at({"store", "show", "--", ""}), ":files");
}

TEST(Completion, what_has_known_values_is_in_the_tree) {
  test::Cli program;
  const std::string pages = program.run({"__man", program.home.string()}).err;
  EXPECT_EQ(pages, "");
  std::string all;
  for (const auto& entry : std::filesystem::directory_iterator(program.home)) {
    if (entry.path().extension() == ".1") all += test::read_file(entry.path());
  }
  all.erase(std::remove(all.begin(), all.end(), '\\'), all.end());
  for (const std::string& flag : flags_with_values())
    EXPECT_NE(all.find(flag), std::string::npos) << flag;
  for (const std::string& argument : arguments_with_values()) {
    const std::size_t blank = argument.rfind(' ');
    const std::string usage =
        "mytoken " + argument.substr(0, blank) + " [flags] [" + argument.substr(blank + 1) + "]";
    EXPECT_NE(all.find(usage), std::string::npos) << usage;
  }
}

TEST(Completion, nothing_that_means_something_to_a_shell_is_offered) {
  test::Cli cli;
  test::write_file(cli.home / "config.yaml",
                   "providers:\n  '$(touch owned)': https://op.example.org\n"
                   "  plain: https://op.example.org/a\n  'a;b': https://op.example.org/b\n");
  const auto found = cli.run(
      {"__complete", "--config", (cli.home / "config.yaml").string(), "MT", "--provider", ""});
  EXPECT_EQ(found.code, 0) << found.err;
  EXPECT_EQ(found.out.find("touch"), std::string::npos);
  EXPECT_EQ(found.out.find("a;b"), std::string::npos);
  cli.environment["MYTOKEN_CONFIG"] = (cli.home / "config.yaml").string();
  EXPECT_EQ(cli.run({"__complete", "MT", "--provider", ""}).out,
            "plain\thttps://op.example.org/a\n");
}

}  // namespace
}  // namespace mytoken::cli
