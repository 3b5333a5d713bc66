// Reads tests/data/vectors/<name>.json, the files that other implementations can run as well.
#pragma once
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "base/encoding.h"
#include "base/json.h"
#include "token/restriction.h"

namespace mytoken::token {

inline json::object vectors(const std::string& name) {
  std::ifstream file(std::string(MYTOKEN_SOURCE_DIR "/tests/data/vectors/") + name + ".json");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto document = parse_json(text);
  if (!document || !document->is_object()) throw std::runtime_error("no vectors in " + name);
  return std::move(document->as_object());
}

inline std::string text(const json::value& value) {
  return std::string(value.as_string());
}

inline std::vector<std::string> texts(const json::value& value) {
  std::vector<std::string> list;
  for (const json::value& element : value.as_array())
    list.push_back(text(element));
  return list;
}

// The confirmed names in a "dns" member: reverse names whose forward look-up (which ignores case)
// gives the address.
inline std::vector<std::string> confirmed_names(const json::object& dns,
                                                const std::string& address) {
  std::vector<std::string> names;
  const json::value* pointers = dns.at("ptr").as_object().if_contains(address);
  if (!pointers) return names;
  for (const std::string& name : texts(*pointers)) {
    const json::value* addresses = dns.at("addr").as_object().if_contains(lower(name));
    if (!addresses) continue;
    for (const std::string& found : texts(*addresses)) {
      if (found == address) names.push_back(name);
    }
  }
  return names;
}

// A clause from JSON as a token holds it.
inline Restrictions claimed(const json::value& value) {
  auto restrictions = parse_restrictions_claim(value);
  if (!restrictions)
    throw std::runtime_error("not a restrictions claim: " + json::serialize(value));
  return std::move(*restrictions);
}

// The same from text.
inline Restrictions clauses(std::string_view json_text) {
  return claimed(json::parse(json_text));
}

}  // namespace mytoken::token
