// Texts for bytes: base64 (RFC 4648 §4, padded), base64url (RFC 4648 §5, unpadded, strict) and hex.
// Decoders accept exactly one text per byte string: no white space, no missing or superfluous
// padding, unused bits zero.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace mytoken {

std::string base64(std::string_view bytes);
std::optional<std::string> decode_base64(std::string_view text);

std::string base64url(std::string_view bytes);
std::optional<std::string> decode_base64url(std::string_view text);

// Lower-case hexadecimal digits.
std::string hex(std::string_view bytes);
std::optional<std::string> decode_hex(std::string_view text);

// Percent-encodes all but the unreserved characters of RFC 3986 §2.3 (for one path segment or query
// value).
std::string percent_encode(std::string_view text);
// Decodes %XX, and `+` as a blank if `plus_is_blank` (form encoding). nullopt for a broken escape.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank = false);

// True if `text` is well-formed UTF-8 (RFC 3629).
bool is_utf8(std::string_view text);
// Number of code points in well-formed UTF-8.
std::size_t characters(std::string_view text);

// ASCII only; other bytes are left alone.
std::string lower(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);

}  // namespace mytoken
