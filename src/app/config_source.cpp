// yaml-cpp throws; nothing of that leaves this file. Its messages are cut at a colon because what
// follows is text of the file, which may be a secret.
#include "app/config_source.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include "base/encoding.h"
#include "base/log.h"

namespace mytoken::app {
namespace {

constexpr std::size_t longest_file = 1 << 20;
constexpr std::size_t most_nodes = 100'000;  // aliases may repeat a part many times
constexpr int deepest_level = 32;

class Converter {
 public:
  Converter(const Origin& origin, std::vector<Problem>& problems)
      : origin_(origin), problems_(problems) {}

  Node convert(const YAML::Node& yaml, int level) {
    Node node;
    node.origin = origin_;
    node.origin.line = yaml.Mark().line + 1;
    if (++count_ > most_nodes || level > deepest_level) {
      if (!overflow_) problems_.push_back({node.origin, "", "too large or nested too deeply"});
      overflow_ = true;
      return node;
    }
    if (yaml.IsScalar()) {
      node.kind = Node::Kind::scalar;
      node.text = yaml.Scalar();
    } else if (yaml.IsSequence()) {
      node.kind = Node::Kind::list;
      for (const YAML::Node& item : yaml)
        node.items.push_back(convert(item, level + 1));
    } else if (yaml.IsMap()) {
      node.kind = Node::Kind::map;
      convert_members(yaml, node, level);
    }
    return node;
  }

 private:
  void convert_members(const YAML::Node& yaml, Node& node, int level) {
    std::vector<Node> merged;
    for (const auto& entry : yaml) {
      Origin at = origin_;
      at.line = entry.first.Mark().line + 1;
      if (!entry.first.IsScalar()) {
        problems_.push_back({at, "", "a key must be a name"});
        continue;
      }
      const std::string& key = entry.first.Scalar();
      Node value = convert(entry.second, level + 1);
      if (key == "<<") {
        if (value.kind == Node::Kind::list) {
          for (Node& item : value.items)
            merged.push_back(std::move(item));
        } else {
          merged.push_back(std::move(value));
        }
        continue;
      }
      value.origin.line = at.line;
      if (node.member(key)) {
        problems_.push_back({at, "", "a key of this mapping is given twice; remove one"});
        continue;
      }
      node.members.emplace_back(key, std::move(value));
    }
    for (Node& source : merged) {
      for (auto& [key, value] : source.members) {
        if (!node.member(key)) node.members.emplace_back(key, std::move(value));
      }
    }
  }

  Origin origin_;
  std::vector<Problem>& problems_;
  std::size_t count_ = 0;
  bool overflow_ = false;
};

bool is_credential_name(std::string_view name) {
  return !name.empty() && name.front() != '.' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

std::vector<std::string> split_levels(std::string_view name) {
  std::vector<std::string> levels;
  for (std::size_t at = 0;;) {
    const std::size_t end = name.find("__", at);
    levels.push_back(
        lower(std::string(name.substr(at, end == std::string_view::npos ? end : end - at))));
    if (end == std::string_view::npos) return levels;
    at = end + 2;
  }
}

// The place that `levels` name, made if it is missing; nullptr: no such place in a list.
Node* place(Node& root, const std::vector<std::string>& levels, const Origin& origin) {
  Node* at = &root;
  for (const std::string& level : levels) {
    if (at->kind == Node::Kind::list) {
      std::size_t index = 0;
      const auto [end, problem] = std::from_chars(level.data(), level.data() + level.size(), index);
      if (problem != std::errc() || end != level.data() + level.size() || index >= at->items.size())
        return nullptr;
      at = &at->items[index];
      continue;
    }
    if (at->kind != Node::Kind::map) *at = Node{Node::Kind::map, origin, {}, {}, {}};
    Node* next = at->member(level);
    if (!next) {
      at->members.emplace_back(level, Node{Node::Kind::null, origin, {}, {}, {}});
      next = &at->members.back().second;
    }
    at = next;
  }
  return at;
}

}  // namespace

Node* Node::member(std::string_view name) {
  for (auto& [key, value] : members) {
    if (key == name) return &value;
  }
  return nullptr;
}

const Node* Node::member(std::string_view name) const {
  for (const auto& [key, value] : members) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string Problem::line() const {
  std::string text_line = origin.source;
  if (origin.line > 0) text_line += fmt::format(":{}", origin.line);
  if (!key.empty()) text_line += ": " + key;
  return text_line + ": " + text;
}

Node parse_yaml(const std::string& text, Origin origin, std::vector<Problem>& problems) {
  Node empty{Node::Kind::map, origin, {}, {}, {}};
  empty.origin.line = 1;
  try {
    const YAML::Node document = YAML::Load(text);
    if (!document.IsDefined() || document.IsNull()) return empty;
    if (!document.IsMap()) {
      problems.push_back({empty.origin, "", "not a list of `key: value`"});
      return empty;
    }
    return Converter(origin, problems).convert(document, 0);
  } catch (const YAML::Exception& problem) {
    origin.line = problem.mark.line + 1;
    const std::string what = problem.msg.substr(0, problem.msg.find(": "));
    problems.push_back({origin, "", "not valid YAML: " + what});
    return empty;
  }
}

void overlay(Node& base, Node&& upper) {
  if (upper.kind == Node::Kind::null) return;
  if (base.kind != Node::Kind::map || upper.kind != Node::Kind::map) {
    base = std::move(upper);
    return;
  }
  for (auto& [key, value] : upper.members) {
    if (Node* known = base.member(key)) {
      overlay(*known, std::move(value));
    } else {
      base.members.emplace_back(key, std::move(value));
    }
  }
}

void apply_environment(Node& root, const Environment& environment, std::size_t order,
                       std::vector<Problem>& problems) {
  constexpr std::string_view prefix = "MYTOKEN__";
  for (const auto& [name, value] : environment) {
    if (!name.starts_with(prefix)) continue;
    const Origin origin{order, "environment variable " + name, 0};
    Node* at = place(root, split_levels(std::string_view(name).substr(prefix.size())), origin);
    if (!at) {
      problems.push_back({origin, "", "names an entry of a list that does not exist"});
      continue;
    }
    *at = Node{Node::Kind::scalar, origin, value, {}, {}};
  }
}

Result<std::string> read_text_file(const std::string& file) {
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::string text;
  if (stream) {
    text.resize(longest_file + 1);
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(stream.gcount()));
  }
  if (!stream.is_open() || stream.bad()) {
    return fail(internal_error(
        fmt::format("cannot read {}: {}", file, std::strerror(errno ? errno : EIO))));
  }
  if (text.size() > longest_file)
    return fail(internal_error(fmt::format("{} is larger than 1 MiB", file)));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

Result<std::string> resolve_reference(const std::string& value, const Environment& environment) {
  if (!value.starts_with("${") || !value.ends_with('}')) return value;
  const std::string_view inner = std::string_view(value).substr(2, value.size() - 3);
  const std::size_t colon = inner.find(':');
  if (colon == std::string_view::npos) return value;
  const std::string_view kind = inner.substr(0, colon);
  const std::string name(inner.substr(colon + 1));
  if (kind == "env") {
    const auto found = environment.find(name);
    if (found == environment.end()) {
      return fail(
          internal_error(fmt::format("the environment variable {} is not set", redact(name))));
    }
    return found->second;
  }
  if (kind == "file") return read_text_file(name);
  if (kind == "cred") {
    const auto directory = environment.find("CREDENTIALS_DIRECTORY");
    if (directory == environment.end())
      return fail(internal_error("CREDENTIALS_DIRECTORY is not set"));
    if (!is_credential_name(name)) return fail(internal_error("not the name of a credential"));
    return read_text_file(directory->second + "/" + name);
  }
  return value;
}

}  // namespace mytoken::app
