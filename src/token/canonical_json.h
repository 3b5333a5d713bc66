// Compact JSON text, byte for byte as clause hashes and JWT payloads need it (spec tokens.md §1.2,
// §5.6):
//   string  = '"' *( raw / escape ) '"'
//   escape  = \" \\ \t \n \r \b \f, \u00xx below 0x20, \u003c \u003e \u0026 for < > &, \u2028,
//   \u2029 raw     = every other character as UTF-8, DEL and / included; a byte that is not UTF-8
//   becomes U+FFFD
// Members are written in the order of the calls, without white space. Internal to this floor.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mytoken::token {

// Appends `text` as a JSON string, quotes included.
void append_json_string(std::string& to, std::string_view text);
// Appends a JSON array of strings.
void append_json_strings(std::string& to, const std::vector<std::string>& texts);

// Writes one object into `to`; the closing brace comes with close(). `to` must outlive it.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& to) : to_(to) { to_ += '{'; }
  // Names are constants of ours that need no escaping. The caller appends the value of key()
  // itself.
  std::string& key(std::string_view name);
  void text(std::string_view name, std::string_view value) { append_json_string(key(name), value); }
  void number(std::string_view name, std::int64_t value) { key(name) += std::to_string(value); }
  void texts(std::string_view name, const std::vector<std::string>& values) {
    append_json_strings(key(name), values);
  }
  void close() { to_ += '}'; }

 private:
  std::string& to_;
  bool first_ = true;
};

}  // namespace mytoken::token
