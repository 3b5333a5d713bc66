// Typed access to a checked configuration tree. A value that is missing gives its default; one that
// is out of range is reported and gives its default. Lives while one configuration is read.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config_source.h"
#include "base/clock.h"

namespace mytoken::app {

// true false yes no on off, in any case.
std::optional<bool> parse_boolean(std::string_view text);
// Decimal, with a sign if negative.
std::optional<std::int64_t> parse_integer(std::string_view text);
// Seconds, or numbers with units, blanks between them allowed ("1h 30m").
std::optional<Seconds> parse_config_duration(std::string_view text);

class Values {
 public:
  // `prefix`: how keys of `node` are shown, "" or "providers[0]". `node` and the lists outlive
  // this.
  Values(const Node& node, std::string prefix, std::vector<Problem>& errors,
         std::vector<Problem>& warnings)
      : node_(node), prefix_(std::move(prefix)), errors_(errors), warnings_(warnings) {}

  // "a.b.c"; nullptr: not given.
  const Node* find(std::string_view path) const;
  bool has(std::string_view path) const { return find(path) != nullptr; }
  std::string text(std::string_view path, std::string_view otherwise = {}) const;
  bool boolean(std::string_view path, bool otherwise) const;
  std::int64_t integer(std::string_view path, std::int64_t otherwise, std::int64_t least,
                       std::int64_t most);
  Seconds duration(std::string_view path, Seconds otherwise, Seconds least, Seconds most);
  std::vector<std::string> texts(std::string_view path) const;
  std::vector<std::pair<std::string, std::string>> pairs(std::string_view path) const;
  // The text, which must not be empty; reports `what_to_do` otherwise.
  std::string required(std::string_view path, std::string_view what_to_do);
  // The place of the text in `names`; reports the names if it is none of them.
  std::size_t choice(std::string_view path, std::size_t otherwise,
                     std::initializer_list<std::string_view> names);

  void error(std::string_view path, std::string text) {
    errors_.push_back(problem(path, std::move(text)));
  }
  void warning(std::string_view path, std::string text) {
    warnings_.push_back(problem(path, std::move(text)));
  }
  // Values of one entry of the list `path`.
  Values entry(std::string_view path, std::size_t index) const;

 private:
  Problem problem(std::string_view path, std::string text) const;

  const Node& node_;
  std::string prefix_;
  std::vector<Problem>& errors_;
  std::vector<Problem>& warnings_;
};

}  // namespace mytoken::app
