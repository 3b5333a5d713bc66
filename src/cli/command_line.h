// The tree of commands and their flags. It hides CLI11 and adds the published parsing rules (spec
// cli.md §1.1): a single dash before long names, no bundling, flags anywhere, inherited by
// sub-commands, lists split at commas, help on every level. Help texts, completion and man pages
// come from this one description.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <mytoken/error.h>

namespace CLI {
class App;
}

namespace mytoken::cli {

struct CommandTree;

// One command; copies denote the same one. `names` is "-s,--scope,--scopes": the first long name is
// shown first. Targets must outlive the parsing and are touched only if the flag is given.
class Command {
 public:
  Command(CommandTree& tree, CLI::App* app) : tree_(&tree), app_(app) {}

  void text(const std::string& names, std::optional<std::string>& target,
            const std::string& help);  // last one wins
  void list(const std::string& names, std::vector<std::string>& target, const std::string& help);
  void number(const std::string& names, std::optional<std::int64_t>& target,
              const std::string& help);
  void toggle(const std::string& names, bool& target,
              const std::string& help);  // also --x=true|false
  void argument(const std::string& name, std::optional<std::string>& target,
                const std::string& help);
  // All words from the first one that is no flag on, or behind "--", as they are.
  void rest(const std::string& name, std::vector<std::string>& target, const std::string& help);

  // "MT,mt,mytoken": the name and its aliases.
  Command command(const std::string& names, const std::string& help);
  // What the command does if it is the last one named.
  void runs(std::function<int()> action);

 private:
  CommandTree* tree_;
  CLI::App* app_;
};

// What the tree says about itself, for help on all ways: completion and manual pages.
struct FlagText {
  std::vector<std::string> names;  // with dashes, short ones first
  std::string value;               // TEXT, LIST, NUMBER; "" = a flag without value
  std::string help;
};
struct CommandText {
  std::vector<std::string> names;  // the name and its aliases
  std::string help;
  std::vector<FlagText> flags;  // its own; those of the commands above are accepted, too
  std::vector<FlagText> arguments;
  std::vector<CommandText> commands;
  bool runs = false;  // false: needs a further command

  // The first long name of a flag, or what else it has.
  static const std::string& shown(const FlagText& flag);
};

class CommandLine {
 public:
  CommandLine();
  ~CommandLine();
  Command root();

  struct Parsed {
    std::string help;  // if not empty: to be printed, nothing else to be done
    std::function<int()> action;
  };
  // `arguments` without the program's name. Errors: usage.
  client::Outcome<Parsed> parse(const std::vector<std::string>& arguments);

  CommandText describe() const;

 private:
  std::unique_ptr<CommandTree> tree_;
};

}  // namespace mytoken::cli
