// Escaping for the canonical JSON text. Runs of plain characters are copied at once: nearly every
// string of a token is one such run.
#include "token/canonical_json.h"

#include <array>

#include "base/encoding.h"

namespace mytoken::token {
namespace {

constexpr std::array<bool, 256> plain_bytes() {
  std::array<bool, 256> plain{};
  for (std::size_t byte = 0x20; byte < 0x80; ++byte)
    plain[byte] = true;
  for (const char c : {'"', '\\', '<', '>', '&'})
    plain[static_cast<unsigned char>(c)] = false;
  return plain;
}

constexpr auto plain = plain_bytes();

// Length of the UTF-8 character that `text` begins with, 0 if it begins with none.
std::size_t character_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first < 0xC2   ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  return length <= text.size() && length > 0 && is_utf8(text.substr(0, length)) ? length : 0;
}

void append_escape(std::string& to, char c) {
  static constexpr std::string_view digits = "0123456789abcdef";
  switch (c) {
    case '"':
      to += "\\\"";
      break;
    case '\\':
      to += "\\\\";
      break;
    case '\t':
      to += "\\t";
      break;
    case '\n':
      to += "\\n";
      break;
    case '\r':
      to += "\\r";
      break;
    case '\b':
      to += "\\b";
      break;
    case '\f':
      to += "\\f";
      break;
    default:
      to += "\\u00";
      to += digits[static_cast<unsigned char>(c) >> 4];
      to += digits[static_cast<unsigned char>(c) & 15];
  }
}

}  // namespace

void append_json_string(std::string& to, std::string_view text) {
  to += '"';
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = at;
    while (end < text.size() && plain[static_cast<unsigned char>(text[end])])
      ++end;
    to.append(text, at, end - at);
    at = end;
    if (at == text.size()) break;
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      append_escape(to, text[at]);
      ++at;
      continue;
    }
    const std::size_t length = character_length(text.substr(at));
    const std::string_view character = text.substr(at, length);
    if (length == 0) {
      to += "\xEF\xBF\xBD";
    } else if (character == "\xE2\x80\xA8") {
      to += "\\u2028";
    } else if (character == "\xE2\x80\xA9") {
      to += "\\u2029";
    } else {
      to += character;
    }
    at += length == 0 ? 1 : length;
  }
  to += '"';
}

void append_json_strings(std::string& to, const std::vector<std::string>& texts) {
  to += '[';
  bool first = true;
  for (const std::string& text : texts) {
    if (!first) to += ',';
    first = false;
    append_json_string(to, text);
  }
  to += ']';
}

std::string& ObjectWriter::key(std::string_view name) {
  if (!first_) to_ += ',';
  first_ = false;
  to_ += '"';
  to_ += name;
  to_ += "\":";
  return to_;
}

}  // namespace mytoken::token
