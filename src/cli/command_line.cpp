// The arguments are brought into one canonical order first (flags of a command right behind its
// name, values as separate words, positional arguments behind "--"); CLI11 then checks and assigns
// them. The only file that sees CLI11.
#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

namespace mytoken::cli {

struct CommandTree {
  CLI::App root{"get, use and manage mytokens", "mytoken"};
  std::map<const CLI::App*, std::function<int()>> actions;
  std::map<const CLI::App*, std::vector<std::string>*> rests;
};

namespace {

using client::ErrorKind;
using client::failure;

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  for (std::size_t end = text.find(separator); end != std::string::npos;
       end = text.find(separator, start)) {
    parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  parts.push_back(text.substr(start));
  return parts;
}

CLI::Option* find(const CLI::App* app, const std::string& name) {
  const auto exact = [app](const std::string& dashed) {
    for (const CLI::Option* option : app->get_options()) {
      // The lookup of CLI11 strips dashes itself; positional arguments have neither kind of name.
      if (!option->get_positional() && option->check_name(dashed))
        return const_cast<CLI::Option*>(option);
    }
    return static_cast<CLI::Option*>(nullptr);
  };
  if (CLI::Option* option = name.size() == 1 ? exact("-" + name) : nullptr) return option;
  return exact("--" + name);
}

std::string canonical_name(const CLI::Option* option) {
  return option->get_lnames().empty() ? "-" + option->get_snames().front()
                                      : "--" + option->get_lnames().front();
}

CLI::App* find_command(CLI::App* app, const std::string& name) {
  for (CLI::App* command : app->get_subcommands([](CLI::App*) { return true; })) {
    if (command->check_name(name)) return command;
  }
  return nullptr;
}

bool takes_arguments(const CLI::App* app) {
  const auto options = app->get_options();
  return std::any_of(options.begin(), options.end(),
                     [](const CLI::Option* o) { return o->get_positional(); });
}

// "mytoken tokeninfo history"
std::string full_name(const CLI::App* app) {
  const CLI::App* parent = app->get_parent();
  return parent ? full_name(parent) + " " + app->get_name() : app->get_name();
}

std::string help_of(const CLI::App* app) {
  const CLI::App* parent = app->get_parent();
  return app->help(parent ? full_name(parent) : "");
}

CommandText describe(const CLI::App* app, const CommandTree& tree) {
  CommandText text;
  text.names.push_back(app->get_name());
  const auto& aliases = app->get_aliases();
  text.names.insert(text.names.end(), aliases.begin(), aliases.end());
  text.help = app->get_description();
  text.runs = tree.actions.count(app) > 0;
  for (const CLI::Option* option : app->get_options()) {
    FlagText flag;
    flag.help = option->get_description();
    if (option->get_items_expected_max() != 0) flag.value = option->get_type_name();
    if (option->get_positional()) {
      flag.names.push_back(option->get_name(true));
      text.arguments.push_back(std::move(flag));
      continue;
    }
    for (const std::string& name : option->get_snames())
      flag.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames())
      flag.names.push_back("--" + name);
    text.flags.push_back(std::move(flag));
  }
  for (const CLI::App* command : app->get_subcommands([](const CLI::App*) { return true; }))
    text.commands.push_back(describe(command, tree));
  return text;
}

// The words of one command on the way down the tree.
struct Level {
  CLI::App* app;
  std::vector<std::string> words;
};

}  // namespace

void Command::text(const std::string& names, std::optional<std::string>& target,
                   const std::string& help) {
  app_->add_option_function<std::string>(
          names, [&target](const std::string& value) { target = value; }, help)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->type_name("TEXT");
}

void Command::list(const std::string& names, std::vector<std::string>& target,
                   const std::string& help) {
  app_->add_option_function<std::vector<std::string>>(
          names,
          [&target](const std::vector<std::string>& values) {
            for (const std::string& value : values) {
              for (std::string& part : split(value, ','))
                target.push_back(std::move(part));
            }
          },
          help)
      ->allow_extra_args(false)
      ->type_name("LIST");
}

void Command::number(const std::string& names, std::optional<std::int64_t>& target,
                     const std::string& help) {
  const std::string shown = names.substr(0, names.find(','));
  app_->add_option_function<std::string>(
          names,
          [&target, shown](const std::string& value) {
            std::int64_t number = 0;
            const auto [end, problem] =
                std::from_chars(value.data(), value.data() + value.size(), number);
            if (problem != std::errc() || end != value.data() + value.size() || number < 0) {
              throw CLI::ValidationError(shown, "'" + value + "' is not a number of 0 or more");
            }
            target = number;
          },
          help)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->type_name("NUMBER");
}

void Command::toggle(const std::string& names, bool& target, const std::string& help) {
  app_->add_flag(names, target, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void Command::argument(const std::string& name, std::optional<std::string>& target,
                       const std::string& help) {
  app_->add_option_function<std::string>(
          name, [&target](const std::string& value) { target = value; }, help)
      ->type_name("");
}

void Command::rest(const std::string& name, std::vector<std::string>& target,
                   const std::string& help) {
  // For the help only; the words are none of CLI11's business.
  app_->add_option_function<std::string>(
          name, [](const std::string&) {}, help)
      ->type_name("");
  tree_->rests[app_] = &target;
}

Command Command::command(const std::string& names, const std::string& help) {
  const auto all = split(names, ',');
  CLI::App* app = app_->add_subcommand(all.front(), help);
  for (std::size_t i = 1; i < all.size(); ++i)
    app->alias(all[i]);
  app->set_help_flag("-h,--help", "show this text");
  return Command(*tree_, app);
}

void Command::runs(std::function<int()> action) {
  tree_->actions[app_] = std::move(action);
}

CommandLine::CommandLine() : tree_(std::make_unique<CommandTree>()) {
  tree_->root.set_help_flag("-h,--help", "show this text");
}
CommandLine::~CommandLine() = default;

Command CommandLine::root() {
  return Command(*tree_, &tree_->root);
}

CommandText CommandLine::describe() const {
  return cli::describe(&tree_->root, *tree_);
}

const std::string& CommandText::shown(const FlagText& flag) {
  for (const std::string& name : flag.names) {
    if (name.starts_with("--")) return name;
  }
  return flag.names.front();
}

client::Outcome<CommandLine::Parsed> CommandLine::parse(const std::vector<std::string>& arguments) {
  std::vector<Level> levels{{&tree_->root, {}}};
  std::vector<std::string> positional;
  std::vector<std::string> rest;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    CLI::App* current = levels.back().app;
    const auto from_here = arguments.begin() + static_cast<std::ptrdiff_t>(i);
    const bool takes_rest = tree_->rests.contains(current);
    if (takes_rest && (word == "--" || !word.starts_with('-'))) {
      rest.assign(from_here + (word == "--" ? 1 : 0), arguments.end());
      break;
    }
    if (word == "--") {
      positional.insert(positional.end(), from_here + 1, arguments.end());
      break;
    }
    if (word == "-") break;  // published behaviour: ends everything
    if (!word.starts_with('-')) {
      if (word == "help" || (word == "h" && !takes_arguments(current)))
        return Parsed{help_of(current), {}};
      if (CLI::App* command = find_command(current, word); command && positional.empty()) {
        levels.push_back({command, {}});
      } else if (takes_arguments(current)) {
        positional.push_back(word);
      } else {
        return failure(ErrorKind::usage,
                       "unknown command '" + word + "', see '" + full_name(current) + " --help'");
      }
      continue;
    }
    const std::size_t equals = word.find('=');
    const std::string dashed = word.substr(0, equals);
    const std::string name = dashed.substr(dashed.starts_with("--") ? 2 : 1);
    if (name == "h" || name == "help") return Parsed{help_of(current), {}};
    CLI::Option* option = nullptr;
    auto owner = levels.rbegin();
    for (; owner != levels.rend(); ++owner) {
      option = name.empty() ? nullptr : find(owner->app, name);
      if (option) break;
    }
    if (!option) {
      return failure(ErrorKind::usage,
                     "unknown flag '" + dashed + "', see '" + full_name(current) + " --help'");
    }
    if (option->get_items_expected_max() == 0) {
      owner->words.push_back(canonical_name(option) +
                             (equals == std::string::npos ? "" : word.substr(equals)));
      continue;
    }
    owner->words.push_back(canonical_name(option));
    if (equals != std::string::npos) {
      owner->words.push_back(word.substr(equals + 1));
    } else if (++i < arguments.size()) {
      owner->words.push_back(arguments[i]);
    } else {
      return failure(ErrorKind::usage, "flag '" + dashed + "' needs a value");
    }
  }

  const CLI::App* last = levels.back().app;
  const auto action = tree_->actions.find(last);
  if (action == tree_->actions.end() && last != &tree_->root) {
    return failure(ErrorKind::usage, "'" + full_name(last) + "' needs a command, see '" +
                                         full_name(last) + " --help'");
  }
  std::vector<std::string> words;
  for (const Level& level : levels) {
    if (level.app != &tree_->root) words.push_back(level.app->get_name());
    words.insert(words.end(), level.words.begin(), level.words.end());
  }
  if (!positional.empty()) words.emplace_back("--");
  words.insert(words.end(), positional.begin(), positional.end());
  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  try {
    tree_->root.parse(std::move(words));
  } catch (const CLI::ParseError& problem) {
    return failure(ErrorKind::usage, problem.what());
  }
  if (!rest.empty()) *tree_->rests.at(last) = std::move(rest);
  if (action == tree_->actions.end()) return Parsed{help_of(last), {}};
  return Parsed{"", action->second};
}

}  // namespace mytoken::cli
