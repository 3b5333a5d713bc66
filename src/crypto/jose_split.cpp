// The text side of JWS: algorithm names, and taking a compact token apart strictly (RFC 7515 §5.2).
// Two readers must never see two different headers in one token, so duplicate members are refused
// at every depth.
#include <array>
#include <boost/json/basic_parser_impl.hpp>

#include "base/encoding.h"
#include "crypto/jose_impl.h"

namespace mytoken::crypto {
namespace {

constexpr std::size_t max_token_size = std::size_t{256} * 1024;
constexpr std::size_t max_header_size =
    std::size_t{16} * 1024;  // base64url; room for a certificate chain

// In the order of the enumeration.
constexpr std::array<AlgorithmTraits, 9> table{{{"ES256", "SHA2-256", "EC", "P-256", false},
                                                {"ES384", "SHA2-384", "EC", "P-384", false},
                                                {"ES512", "SHA2-512", "EC", "P-521", false},
                                                {"RS256", "SHA2-256", "RSA", "", false},
                                                {"RS384", "SHA2-384", "RSA", "", false},
                                                {"RS512", "SHA2-512", "RSA", "", false},
                                                {"PS256", "SHA2-256", "RSA", "", true},
                                                {"PS384", "SHA2-384", "RSA", "", true},
                                                {"PS512", "SHA2-512", "RSA", "", true}}};

// Counts the members as they are written. Boost.JSON keeps the last of two equal names, so a
// document has duplicates exactly if it is written with more members than its value has.
struct MemberCounter {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);
  using Problem = boost::system::error_code;

  std::size_t members = 0;

  bool on_document_begin(Problem&) { return true; }
  bool on_document_end(Problem&) { return true; }
  bool on_array_begin(Problem&) { return true; }
  bool on_array_end(std::size_t, Problem&) { return true; }
  bool on_object_begin(Problem&) { return true; }
  bool on_object_end(std::size_t, Problem&) { return true; }
  bool on_string_part(json::string_view, std::size_t, Problem&) { return true; }
  bool on_string(json::string_view, std::size_t, Problem&) { return true; }
  bool on_key_part(json::string_view, std::size_t, Problem&) { return true; }
  bool on_key(json::string_view, std::size_t, Problem&) {
    ++members;
    return true;
  }
  bool on_number_part(json::string_view, Problem&) { return true; }
  bool on_int64(std::int64_t, json::string_view, Problem&) { return true; }
  bool on_uint64(std::uint64_t, json::string_view, Problem&) { return true; }
  bool on_double(double, json::string_view, Problem&) { return true; }
  bool on_bool(bool, Problem&) { return true; }
  bool on_null(Problem&) { return true; }
  bool on_comment_part(json::string_view, Problem&) { return true; }
  bool on_comment(json::string_view, Problem&) { return true; }
};

std::size_t written_members(std::string_view text) {
  json::basic_parser<MemberCounter> parser{json::parse_options{}};
  boost::system::error_code problem;
  parser.write_some(false, text.data(), text.size(), problem);
  return parser.handler().members;
}

std::size_t members(const json::value& value) {
  std::size_t sum = 0;
  if (const auto* object = value.if_object()) {
    sum = object->size();
    for (const auto& member : *object)
      sum += members(member.value());
  } else if (const auto* array = value.if_array()) {
    for (const auto& element : *array)
      sum += members(element);
  }
  return sum;
}

}  // namespace

const AlgorithmTraits& traits(Algorithm algorithm) {
  return table.at(static_cast<std::size_t>(algorithm));
}

std::string_view name(Algorithm algorithm) {
  return traits(algorithm).name;
}

std::optional<Algorithm> parse_algorithm(std::string_view name) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i].name == name) return static_cast<Algorithm>(i);
  }
  return std::nullopt;
}

std::optional<UnverifiedJws> split_jws(std::string_view token) {
  if (token.size() > max_token_size) return std::nullopt;
  const std::size_t first = token.find('.');
  if (first == std::string_view::npos || first > max_header_size) return std::nullopt;
  const std::size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const std::string_view signature = token.substr(second + 1);
  // A third dot is refused by the decoder.
  const auto header_text = decode_base64url(token.substr(0, first));
  auto payload = decode_base64url(token.substr(first + 1, second - first - 1));
  const auto raw_signature = decode_base64url(signature);
  if (!header_text || !payload || !raw_signature || header_text->empty() || payload->empty() ||
      raw_signature->empty()) {
    return std::nullopt;
  }
  auto header = parse_json(*header_text);
  if (!header || !header->is_object() || written_members(*header_text) != members(*header)) {
    return std::nullopt;
  }
  return UnverifiedJws{std::move(header->get_object()), std::move(*payload), signature};
}

}  // namespace mytoken::crypto
