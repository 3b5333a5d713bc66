// Configuration files as a tree that remembers where everything was written: YAML in, several files
// and environment variables laid over each other. Knows nothing of the keys' meaning. yaml-cpp
// stays inside the .cpp.
#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace mytoken::app {

// Where a value was written. `order` sorts: files in the order given, then the environment.
struct Origin {
  std::size_t order = 0;
  std::string source;  // file name as given, or "environment variable NAME"
  int line = 0;        // from 1; 0 = none
};

struct Node {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  Origin origin;
  std::string text;                                   // of a scalar
  std::vector<Node> items;                            // of a list
  std::vector<std::pair<std::string, Node>> members;  // of a map, in the order written

  Node* member(std::string_view name);
  const Node* member(std::string_view name) const;
};

// One finding about the configuration. Never shows a value.
struct Problem {
  Origin origin;
  std::string key;  // "providers[0].issuer"; "" = the file as a whole
  std::string text;

  // "FILE:LINE: key: what is wrong; what to do"
  std::string line() const;
};

using Environment = std::map<std::string, std::string>;

// Reads YAML. Every problem (syntax, key given twice, nested too deeply, too large) is added to
// `problems`; what could be read is returned. Merge keys (<<) are resolved.
Node parse_yaml(const std::string& text, Origin origin, std::vector<Problem>& problems);

// Maps are merged, everything else is replaced; a key without value leaves what was there.
void overlay(Node& base, Node&& upper);

// Sets what variables MYTOKEN__A__B=value name (operations.md §18.5): a double underscore is a
// level, a number the place in a list that exists, capital letters do not matter.
void apply_environment(Node& root, const Environment& environment, std::size_t order,
                       std::vector<Problem>& problems);

// The value itself, or what ${env:NAME}, ${file:/path} or ${cred:name} stands for. Error: the cause
// says why, without the value.
Result<std::string> resolve_reference(const std::string& value, const Environment& environment);

// Content of a file of at most 1 MiB without one trailing line feed. Error: cause with file name
// and reason.
Result<std::string> read_text_file(const std::string& file);

}  // namespace mytoken::app
