// yaml-cpp throws; nothing of that leaves this file.
#include "cli/agent_outputs.h"

#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <set>
#include <sstream>

#include "client/durable_file.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

constexpr std::size_t most_outputs = 100;

// Words of a text, or the entries of a list.
std::vector<std::string> words(const YAML::Node& node) {
  std::vector<std::string> list;
  if (node.IsSequence()) {
    for (const auto& entry : node)
      list.push_back(entry.as<std::string>());
    return list;
  }
  std::istringstream text(node.as<std::string>());
  for (std::string word; text >> word;)
    list.push_back(word);
  return list;
}

std::filesystem::path expanded(const Context& context, const std::string& text) {
  constexpr std::string_view runtime = "$XDG_RUNTIME_DIR/";
  if (text.starts_with(runtime))
    return std::filesystem::path(context.variable("XDG_RUNTIME_DIR")) / text.substr(runtime.size());
  return context.expand(text);
}

client::Outcome<TokenFile> read_output(const Context& context, const YAML::Node& node,
                                       const std::string& where) {
  if (!node.IsMap()) return failure(ErrorKind::usage, where + " has no 'file: …'");
  TokenFile output;
  for (const auto& member : node) {
    const auto key = member.first.as<std::string>();
    if (key == "file") {
      output.path = expanded(context, member.second.as<std::string>());
    } else if (key == "scope") {
      output.scope = words(member.second);
    } else if (key == "audience") {
      output.audience = words(member.second);
    } else {
      return failure(ErrorKind::usage, where + ": unknown key '" + client::sanitised(key) + "'");
    }
  }
  if (!output.path.is_absolute())
    return failure(ErrorKind::usage, where + ": 'file' must be an absolute path");
  return output;
}

}  // namespace

client::Outcome<std::vector<TokenFile>> parse_outputs(const Context& context,
                                                      const std::string& text,
                                                      const std::string& name) {
  try {
    const YAML::Node document = YAML::Load(text);
    const YAML::Node list = document.IsMap() ? document["outputs"] : YAML::Node();
    if (!list || !list.IsSequence() || list.size() == 0 || list.size() > most_outputs)
      return failure(ErrorKind::usage, name + " has no list 'outputs' of 1 to 100 entries");
    std::vector<TokenFile> outputs;
    std::set<std::filesystem::path> seen;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string where = name + ", output " + std::to_string(i + 1);
      auto output = read_output(context, list[i], where);
      if (!output) return failure(std::move(output.error()));
      if (!seen.insert(output->path.lexically_normal()).second)
        return failure(ErrorKind::usage, where + ": the same file twice");
      outputs.push_back(std::move(*output));
    }
    return outputs;
  } catch (const YAML::Exception& problem) {
    return failure(ErrorKind::usage,
                   name + ", line " + std::to_string(problem.mark.line + 1) + ": " + problem.msg);
  }
}

std::filesystem::path default_output(const Context& context) {
  if (const std::string file = context.variable("BEARER_TOKEN_FILE"); !file.empty()) return file;
  const std::filesystem::path runtime = context.variable("XDG_RUNTIME_DIR");
  return (runtime.is_absolute() ? runtime : context.temporary_directory) /
         ("bt_u" + std::to_string(::geteuid()));
}

client::Outcome<std::filesystem::path> resolved_output(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return failure(ErrorKind::usage, path.string() + " is a directory");
  const auto link = client::link_at(path);
  if (link == client::Link::foreign) {
    return failure(ErrorKind::usage, "will not write through the link " + path.string() +
                                         ": it, or its folder, is open to others");
  }
  const auto whole = std::filesystem::absolute(path);
  // What is no link now must not be followed if it becomes one: it is replaced.
  if (link == client::Link::none) return whole;
  const auto target = std::filesystem::weakly_canonical(whole, ignored);
  return target.empty() ? whole : target;
}

}  // namespace mytoken::cli
