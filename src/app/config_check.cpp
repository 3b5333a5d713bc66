// Walks a configuration tree along the table of keys: types, unknown names, references, keys
// without effect.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "app/config_keys.h"
#include "app/config_values.h"

namespace mytoken::app {
namespace {

std::string join(std::string_view path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

// A name that was written where a key belongs may be a secret that lost its place.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 40 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

void expand(Node& node, const std::string& path) {
  if (node.kind == Node::Kind::list) {
    for (Node& item : node.items)
      expand(item, path + "[]");
    return;
  }
  if (node.kind == Node::Kind::scalar && !find_rule(path) && find_rule(path + ".enabled") &&
      parse_boolean(node.text)) {
    Node enabled = node;
    node = Node{Node::Kind::map, enabled.origin, {}, {}, {}};
    node.members.emplace_back("enabled", std::move(enabled));
    return;
  }
  if (find_rule(path)) return;
  for (auto& [key, value] : node.members)
    expand(value, join(path, key));
}

class Walk {
 public:
  Walk(const CheckOptions& options, std::vector<Problem>& errors, std::vector<Problem>& warnings)
      : options_(options), errors_(errors), warnings_(warnings) {}

  // `path` with [] for the table, `shown` with numbers for people.
  void map(Node& node, const std::string& path, const std::string& shown) {
    take_files(node, path, shown);
    std::erase_if(node.members, [&](auto& member) {
      return !keep(member.second, join(path, member.first), join(shown, member.first),
                   member.first);
    });
  }

 private:
  bool error(const Node& node, const std::string& shown, std::string text) {
    errors_.push_back({node.origin, shown, std::move(text)});
    return false;
  }

  // <key>_file beside a text key: the file's content becomes the key.
  void take_files(Node& node, const std::string& path, const std::string& shown) {
    constexpr std::string_view suffix = "_file";
    for (auto& [key, value] : node.members) {
      if (!key.ends_with(suffix) || find_rule(join(path, key))) continue;
      const std::string stem = key.substr(0, key.size() - suffix.size());
      const KeyRule* rule = find_rule(join(path, stem));
      if (!rule || rule->type != KeyType::text || value.kind != Node::Kind::scalar) continue;
      const std::string shown_key = join(shown, key);
      if (node.member(stem)) {
        error(value, shown_key, "given beside " + stem + "; remove one of them");
      } else if (auto text = read_text_file(value.text); text) {
        value.text = std::move(*text);
      } else {
        error(value, shown_key, text.error().cause);
        value.text.clear();
      }
      key = stem;  // a second one of the same name is ignored
    }
  }

  bool keep(Node& node, const std::string& path, const std::string& shown,
            const std::string& name) {
    if (const KeyRule* rule = find_rule(path)) {
      if (node.kind == Node::Kind::null) return false;  // `key:` leaves the default
      return leaf(node, *rule, shown);
    }
    if (!has_keys_below(path)) return unknown(node, path, shown, name);
    if (node.kind == Node::Kind::null) return false;
    if (has_keys_below(path + "[]")) {
      if (node.kind != Node::Kind::list)
        return error(node, shown, "must be a list; begin each entry with `- `");
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        const std::string item = fmt::format("{}[{}]", shown, i);
        if (node.items[i].kind == Node::Kind::map) {
          map(node.items[i], path + "[]", item);
        } else {
          error(node.items[i], item, "must be a mapping of `key: value`");
        }
      }
      return true;
    }
    if (node.kind != Node::Kind::map)
      return error(node, shown, "must be a mapping of `key: value`");
    map(node, path, shown);
    return true;
  }

  bool unknown(const Node& node, const std::string& path, const std::string& shown,
               const std::string& name) {
    std::string text = "unknown key";
    std::string key = shown;
    if (!is_plain_name(name)) {
      key = shown.substr(0, shown.size() - name.size()) + "(no name)";
      text = "not the name of a key; is a blank missing after the colon?";
    } else if (const std::string meant = suggest_key(path); !meant.empty()) {
      text += "; did you mean " + meant + "?";
    } else {
      text += "; remove it";
    }
    (options_.allow_unknown_keys ? warnings_ : errors_).push_back({node.origin, key, text});
    return false;
  }

  bool scalar(Node& node, const std::string& shown) {
    if (node.kind != Node::Kind::scalar) return error(node, shown, "must be a single value");
    auto value = resolve_reference(node.text, options_.environment);
    if (!value) return error(node, shown, value.error().cause);
    node.text = std::move(*value);
    return true;
  }

  bool leaf(Node& node, const KeyRule& rule, const std::string& shown) {
    if (!has_type(node, rule.type, shown)) return false;
    const bool on = rule.type == KeyType::boolean && *parse_boolean(node.text);
    if (rule.use == KeyUse::feature && on) {
      warn(node, shown, "not available in this version, ignored", rule.note);
    } else if (rule.use == KeyUse::replaced) {
      warn(node, shown, "without effect in this version", rule.note);
    }
    return true;
  }

  void warn(const Node& node, const std::string& shown, std::string text, std::string_view note) {
    if (!note.empty()) text += "; " + std::string(note);
    warnings_.push_back({node.origin, shown, std::move(text)});
  }

  bool has_type(Node& node, KeyType type, const std::string& shown) {
    switch (type) {
      case KeyType::any:
        return true;
      case KeyType::text:
        return scalar(node, shown);
      case KeyType::boolean:
        return scalar(node, shown) &&
               (parse_boolean(node.text) || error(node, shown, "must be true or false"));
      case KeyType::integer:
        return scalar(node, shown) &&
               (parse_integer(node.text) || error(node, shown, "must be a whole number"));
      case KeyType::duration:
        return scalar(node, shown) &&
               (parse_config_duration(node.text) ||
                error(node, shown, "must be seconds or a duration like 1h30m"));
      case KeyType::texts:
        if (node.kind != Node::Kind::list)
          return error(node, shown, "must be a list; begin each entry with `- `");
        for (std::size_t i = 0; i < node.items.size(); ++i) {
          if (!scalar(node.items[i], fmt::format("{}[{}]", shown, i))) return false;
        }
        return true;
      case KeyType::text_map:
        if (node.kind != Node::Kind::map)
          return error(node, shown, "must be a mapping of `name: text`");
        for (auto& [key, value] : node.members) {
          if (!scalar(value, shown)) return false;
        }
        return true;
    }
    return false;
  }

  const CheckOptions& options_;
  std::vector<Problem>& errors_;
  std::vector<Problem>& warnings_;
};

}  // namespace

void expand_switches(Node& root) {
  for (auto& [key, value] : root.members)
    expand(value, key);
}

void check_keys(Node& root, const CheckOptions& options, std::vector<Problem>& errors,
                std::vector<Problem>& warnings) {
  Walk(options, errors, warnings).map(root, "", "");
}

}  // namespace mytoken::app
