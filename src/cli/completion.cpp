// Follows the words down the tree as the parser does. Two tables say what the values of flags and
// arguments are.
#include "cli/completion.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace mytoken::cli {
namespace {

struct Values {
  std::string_view of;  // the flag's shown name, or "command … argument"
  ValueKind kind;
  std::string_view words{};  // separated by blanks
};
constexpr std::array<Values, 14> of_flags{
    {{"--config", ValueKind::files},
     {"--url", ValueKind::servers},
     {"--MT-file", ValueKind::files},
     {"--MT-name", ValueKind::stored_tokens},
     {"--out", ValueKind::files},
     {"--profile", ValueKind::files},
     {"--restrictions", ValueKind::files},
     {"--rotation", ValueKind::files},
     {"--provider", ValueKind::providers},
     {"--capability", ValueKind::capabilities},
     {"--token-type", ValueKind::words, "token short transfer"},
     {"--storage", ValueKind::words, "keyring file"},
     {"--host", ValueKind::words, "this"},
     {"--mom-id", ValueKind::words, "this children"}}};
constexpr std::array<Values, 4> of_arguments{
    {{"store show name", ValueKind::stored_tokens},
     {"store rm name", ValueKind::stored_tokens},
     {"store default name", ValueKind::stored_tokens},
     {"completion shell", ValueKind::words, "bash zsh fish"}}};

template <std::size_t N>
Values values_of(const std::array<Values, N>& table, std::string_view name) {
  for (const Values& values : table) {
    if (values.of == name) return values;
  }
  return {name, ValueKind::none};
}

const FlagText* find_flag(const std::vector<const CommandText*>& path, std::string_view word) {
  const std::string_view bare = word.substr(word.starts_with("--") ? 2 : 1);
  for (auto level = path.rbegin(); level != path.rend(); ++level) {
    for (const FlagText& flag : (*level)->flags) {
      for (const std::string& name : flag.names) {
        const std::string_view known = name;
        if (known.substr(known.starts_with("--") ? 2 : 1) == bare) return &flag;
      }
    }
  }
  return nullptr;
}

const CommandText* find_command(const CommandText& command, const std::string& word) {
  for (const CommandText& inner : command.commands) {
    if (std::find(inner.names.begin(), inner.names.end(), word) != inner.names.end()) return &inner;
  }
  return nullptr;
}

// The shown name if it fits, else the first alias that does.
void offer(std::vector<Candidate>& candidates, const std::vector<std::string>& names,
           const std::string& shown, const std::string& help, const std::string& begun) {
  if (shown.starts_with(begun)) return candidates.push_back({shown, help});
  for (const std::string& name : names) {
    if (name.starts_with(begun)) return candidates.push_back({name, help});
  }
}

// `prefix` is what of the word stands before the value ("--storage=").
Completion values(const Values& of, bool is_list, const std::string& prefix,
                  const std::string& begun, const KnownValues& known) {
  Completion completion;
  if (of.kind == ValueKind::files) {
    completion.are_files = true;
    return completion;
  }
  std::vector<Candidate> all;
  if (of.kind == ValueKind::words) {
    for (std::string_view rest = of.words; !rest.empty();) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      all.push_back({std::string(rest.substr(0, end)), ""});
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  } else if (of.kind != ValueKind::none) {
    all = known(of.kind);
  }
  // Of a list only what stands behind the last comma is unfinished.
  const std::size_t comma = is_list ? begun.rfind(',') : std::string::npos;
  const std::string done = comma == std::string::npos ? "" : begun.substr(0, comma + 1);
  for (Candidate& candidate : all) {
    candidate.text = prefix + done + candidate.text;
    if (candidate.text.starts_with(prefix + begun))
      completion.candidates.push_back(std::move(candidate));
  }
  return completion;
}

Completion flag_values(const FlagText& flag, const std::string& prefix, const std::string& begun,
                       const KnownValues& known) {
  const Values of = values_of(of_flags, CommandText::shown(flag));
  return values(of, flag.value == "LIST" || of.kind == ValueKind::capabilities, prefix, begun,
                known);
}

}  // namespace

Completion complete(const CommandText& root, const std::vector<std::string>& words,
                    const KnownValues& known) {
  std::vector<const CommandText*> path{&root};
  const FlagText* open_flag = nullptr;
  bool has_argument = false;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (open_flag) {
      open_flag = nullptr;
    } else if (word == "--") {
      return {{}, true};
    } else if (word.starts_with('-') && word.size() > 1) {
      const std::size_t equals = word.find('=');
      const FlagText* flag = find_flag(path, std::string_view(word).substr(0, equals));
      if (flag && !flag->value.empty() && equals == std::string::npos) open_flag = flag;
    } else if (const CommandText* inner =
                   has_argument ? nullptr : find_command(*path.back(), word)) {
      path.push_back(inner);
    } else {
      has_argument = true;
    }
  }
  const std::string begun = words.empty() ? "" : words.back();
  if (open_flag) return flag_values(*open_flag, "", begun, known);
  Completion completion;
  if (begun.starts_with('-')) {
    const std::size_t equals = begun.find('=');
    if (equals != std::string::npos) {
      const FlagText* flag = find_flag(path, std::string_view(begun).substr(0, equals));
      if (!flag) return {};
      return flag_values(*flag, begun.substr(0, equals + 1), begun.substr(equals + 1), known);
    }
    for (auto level = path.rbegin(); level != path.rend(); ++level) {
      for (const FlagText& flag : (*level)->flags) {
        const std::string& shown = CommandText::shown(flag);
        if (shown == "--help" && level != path.rbegin()) continue;
        offer(completion.candidates, flag.names, shown, flag.help, begun);
      }
    }
    return completion;
  }
  if (!has_argument) {
    for (const CommandText& inner : path.back()->commands)
      offer(completion.candidates, inner.names, inner.names.front(), inner.help, begun);
    if (!path.back()->arguments.empty()) {
      std::string name;
      for (std::size_t i = 1; i < path.size(); ++i)
        name += path[i]->names.front() + " ";
      auto more =
          values(values_of(of_arguments, name + path.back()->arguments.front().names.front()),
                 false, "", begun, known);
      std::move(more.candidates.begin(), more.candidates.end(),
                std::back_inserter(completion.candidates));
    }
  }
  return completion;
}

std::vector<std::string> flags_with_values() {
  std::vector<std::string> names;
  for (const Values& values : of_flags)
    names.emplace_back(values.of);
  return names;
}

std::vector<std::string> arguments_with_values() {
  std::vector<std::string> names;
  for (const Values& values : of_arguments)
    names.emplace_back(values.of);
  return names;
}

}  // namespace mytoken::cli
