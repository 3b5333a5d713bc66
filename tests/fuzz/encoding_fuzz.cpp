// Everything in base/ that reads text: encodings, durations, times, JSON and the log filter.
// Decoders must accept one text per value, and results stay within their limits.
#include "base/encoding.h"

#include "base/duration.h"
#include "base/json.h"
#include "base/log.h"
#include "require.h"

namespace {

using namespace mytoken;
using fuzz::require;

void encodings(std::string_view text) {
  if (const auto bytes = decode_base64(text)) require(base64(*bytes) == text, "base64 is unique");
  if (const auto bytes = decode_base64url(text)) {
    require(base64url(*bytes) == text, "base64url is unique");
  }
  if (const auto bytes = decode_hex(text)) require(hex(*bytes) == lower(text), "hex is unique");
  require(decode_base64(base64(text)) == text, "base64 comes back");
  require(decode_base64url(base64url(text)) == text, "base64url comes back");
  require(decode_hex(hex(text)) == text, "hex comes back");
  require(percent_decode(percent_encode(text), true) == text, "percent encoding comes back");
  if (const auto decoded = percent_decode(text)) {
    require(decoded->size() <= text.size(), "percent decoding does not grow");
  }
  require(equals_ignoring_case(text, lower(text)), "case is ignored");
}

void times(std::string_view text) {
  constexpr std::int64_t thousand_years = std::int64_t{1000} * 365 * 86400;
  if (const auto duration = parse_duration(text)) {
    require(duration->count() >= 0 && duration->count() <= thousand_years, "a duration is bounded");
  }
  if (const auto time = parse_time(text, from_unix(1700000000))) {
    require(to_unix(*time) >= 0, "a time is not before 1970");
  }
}

void documents(std::string_view text) {
  const auto value = parse_json(text);
  if (!value) {
    require(is_utf8(value.error().description), "an error can be shown");
    return;
  }
  require(is_utf8(text), "only UTF-8 is accepted");
  const std::string shown = pretty(*value);
  require(parse_json(shown).has_value(), "pretty text is JSON");
  require(is_utf8(shown), "pretty text is UTF-8");
}

class Collecting final : public Log {
 public:
  explicit Collecting(Format format) : Log(-1, LogLevel::debug, format) {}
  std::string line;

 protected:
  void emit(std::string_view text) override { line = text; }
};

void log_lines(std::string_view text) {
  const std::string shown = redact(text);
  require(redact(shown) == shown, "a redacted text stays as it is");
  for (const Log::Format format : {Log::Format::text, Log::Format::json}) {
    Collecting log(format);
    log.info(text, {{"field", text}});
    require(is_utf8(log.line), "a line is UTF-8");
    require(log.line.find('\n') == log.line.size() - 1, "a line is one line");
    if (format == Log::Format::json) require(parse_json(log.line).has_value(), "a line is JSON");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text = fuzz::as_text(data, size);
  encodings(text);
  times(text);
  documents(text);
  log_lines(text);
  return 0;
}
