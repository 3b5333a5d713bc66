// Every key that a configuration file may contain, as one table (spec operations.md §§2.1, 18): its
// type and what this version does with it. "[]" stands for each entry of a list.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/config_source.h"

namespace mytoken::app {

enum class KeyType {
  text,
  boolean,
  integer,   // decimal
  duration,  // seconds, or "1h 30m"
  texts,     // list of texts
  text_map,  // names chosen by the operator -> text
  any        // not looked into
};

enum class KeyUse {
  used,
  accepted,  // without meaning here, harmless: nothing is said
  replaced,  // without meaning here: a warning says what replaces it (note)
  feature,   // a switch of something this version does not have: a warning if it is on
};

struct KeyRule {
  std::string_view path;
  KeyType type;
  KeyUse use;
  std::string_view note = {};
};

std::span<const KeyRule> key_rules();
// nullptr: no such key.
const KeyRule* find_rule(std::string_view path);
// True if keys below `path` exist ("features", "providers[]").
bool has_keys_below(std::string_view path);
// What the writer of the unknown key `path` probably meant; "" if nothing is near.
std::string suggest_key(std::string_view path);

struct CheckOptions {
  bool allow_unknown_keys = false;
  const Environment& environment;
};

// `key: true` where `key: {enabled: true}` is expected becomes the latter. Before overlays are
// merged.
void expand_switches(Node& root);

// Judges every key of the tree and prepares it for reading: references are resolved, <key>_file
// becomes <key>, what is wrong or unknown is taken out.
void check_keys(Node& root, const CheckOptions& options, std::vector<Problem>& errors,
                std::vector<Problem>& warnings);

}  // namespace mytoken::app
