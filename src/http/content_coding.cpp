// zlib and brotli behind two functions. Output grows block by block and stops at the limit.
#include "http/content_coding.h"

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/encoding.h"
#include "http/status.h"

namespace mytoken::http {
namespace {

constexpr std::size_t block = 16 * 1024;
constexpr std::size_t max_shared = 64;
constexpr int gzip_bits = 15 + 16;  // zlib's way to say "gzip format"
constexpr int zlib_bits = 15;
constexpr int raw_bits = -15;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

// Calls `use` for each element of a comma-separated list.
template <class Use>
void for_each_element(std::string_view list, Use use) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    const std::string_view element = trimmed(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (!element.empty()) use(element);
  }
}

Error too_large() {
  return http_error(413, "the request body is too large");
}
Error damaged() {
  return invalid_request("the body does not match its Content-Encoding");
}

Bytef* bytes_of(std::string_view text) {
  return reinterpret_cast<Bytef*>(
      const_cast<char*>(text.data()));  // zlib does not write to its input
}

Result<std::string> inflate_body(std::string_view body, int window_bits, std::size_t limit) {
  z_stream stream{};
  if (inflateInit2(&stream, window_bits) != Z_OK)
    return fail(internal_error("inflateInit2 failed"));
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, inflateEnd);
  stream.next_in = bytes_of(body);
  stream.avail_in = static_cast<uInt>(body.size());
  std::string plain;
  for (;;) {
    const std::size_t had = plain.size();
    plain.resize(had + std::min(block, limit + 1 - had));
    stream.next_out = bytes_of(std::string_view(plain).substr(had));
    stream.avail_out = static_cast<uInt>(plain.size() - had);
    const int state = inflate(&stream, Z_NO_FLUSH);
    plain.resize(plain.size() - stream.avail_out);
    if (plain.size() > limit) return fail(too_large());
    if (state == Z_STREAM_END) {
      if (stream.avail_in > 0) return fail(damaged());
      return plain;
    }
    if (state != Z_OK) return fail(damaged());
  }
}

Result<std::string> decode_brotli(std::string_view body, std::size_t limit) {
  const std::unique_ptr<BrotliDecoderState, void (*)(BrotliDecoderState*)> state(
      BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), BrotliDecoderDestroyInstance);
  if (!state) return fail(internal_error("no brotli decoder"));
  const std::uint8_t* next_in = bytes_of(body);
  std::size_t left_in = body.size();
  std::string plain;
  for (;;) {
    const std::size_t had = plain.size();
    plain.resize(had + std::min(block, limit + 1 - had));
    std::uint8_t* next_out = bytes_of(std::string_view(plain).substr(had));
    std::size_t left_out = plain.size() - had;
    const auto result = BrotliDecoderDecompressStream(state.get(), &left_in, &next_in, &left_out,
                                                      &next_out, nullptr);
    plain.resize(plain.size() - left_out);
    if (plain.size() > limit) return fail(too_large());
    if (result == BROTLI_DECODER_RESULT_SUCCESS) {
      if (left_in > 0) return fail(damaged());
      return plain;
    }
    if (result != BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) return fail(damaged());
  }
}

// RFC 1950 §2.2: the first two bytes are a multiple of 31 and name method 8.
bool has_zlib_header(std::string_view body) {
  if (body.size() < 2) return false;
  const unsigned first = static_cast<unsigned char>(body[0]);
  const unsigned second = static_cast<unsigned char>(body[1]);
  return (first & 15u) == 8 && (first * 256 + second) % 31 == 0;
}

// The weight of "gzip;q=0.5": 0 to 1000; 1000 without one, 0 for a broken one.
int weight_of(std::string_view parameters) {
  const std::size_t q = lower(parameters).find("q=");
  if (q == std::string::npos) return 1000;
  const std::string_view digits = trimmed(parameters.substr(q + 2));
  double value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (problem != std::errc() || value < 0 || value > 1) return 0;
  return static_cast<int>(value * 1000);
}

std::optional<std::string> deflate_body(std::string_view body, int window_bits) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, deflateEnd);
  std::string encoded(deflateBound(&stream, static_cast<uLong>(body.size())), '\0');
  stream.next_in = bytes_of(body);
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = bytes_of(encoded);
  stream.avail_out = static_cast<uInt>(encoded.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) return {};
  encoded.resize(encoded.size() - stream.avail_out);
  return encoded;
}

}  // namespace

Result<std::string> decode_content(std::string_view codings, std::string body, std::size_t limit) {
  std::vector<std::string> applied;
  for_each_element(codings, [&](std::string_view coding) {
    if (!equals_ignoring_case(coding, "identity")) applied.push_back(lower(coding));
  });
  if (applied.size() > 2) return fail(http_error(415, "too many content codings"));
  for (auto coding = applied.rbegin(); coding != applied.rend(); ++coding) {
    Result<std::string> plain;
    if (*coding == "gzip" || *coding == "x-gzip") {
      plain = inflate_body(body, gzip_bits, limit);
    } else if (*coding == "deflate") {
      plain = inflate_body(body, has_zlib_header(body) ? zlib_bits : raw_bits, limit);
    } else if (*coding == "br") {
      plain = decode_brotli(body, limit);
    } else {
      return fail(http_error(415, "the content coding of the body is not supported"));
    }
    if (!plain) return plain;
    body = std::move(*plain);
  }
  return body;
}

std::string_view name_of(Coding coding) {
  switch (coding) {
    case Coding::identity:
      return "identity";
    case Coding::br:
      return "br";
    case Coding::gzip:
      return "gzip";
    case Coding::deflate:
      return "deflate";
  }
  return "identity";
}

Coding choose_coding(std::string_view accept_encoding) {
  constexpr std::array candidates = {Coding::br, Coding::gzip, Coding::deflate};
  std::array<int, 3> weights = {-1, -1, -1};
  int any = -1;
  for_each_element(accept_encoding, [&](std::string_view element) {
    const std::size_t end = std::min(element.find(';'), element.size());
    const std::string_view name = trimmed(element.substr(0, end));
    const int weight = weight_of(element.substr(end));
    if (name == "*") any = weight;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (equals_ignoring_case(name, name_of(candidates[i]))) weights[i] = weight;
    }
  });
  Coding best = Coding::identity;
  int best_weight = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const int weight = weights[i] >= 0 ? weights[i] : any;
    if (weight > best_weight) {
      best = candidates[i];
      best_weight = weight;
    }
  }
  return best;
}

std::optional<std::string> encode_content(Coding coding, std::string_view body) {
  if (coding == Coding::gzip) return deflate_body(body, gzip_bits);
  if (coding == Coding::deflate) return deflate_body(body, zlib_bits);
  if (coding == Coding::identity) return std::string(body);
  std::string encoded(BrotliEncoderMaxCompressedSize(body.size()), '\0');
  std::size_t size = encoded.size();
  constexpr int quality = 4;  // about gzip's time at 6, smaller result
  if (!BrotliEncoderCompress(quality, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, body.size(),
                             bytes_of(body), &size, bytes_of(encoded))) {
    return {};
  }
  encoded.resize(size);
  return encoded;
}

std::shared_ptr<const std::string> EncodedBodies::get(
    const std::shared_ptr<const std::string>& plain, Coding coding) {
  for (const Entry& entry : entries_) {
    if (entry.plain == plain && entry.coding == coding) return entry.encoded;
  }
  std::optional<std::string> encoded = encode_content(coding, *plain);
  if (!encoded) return nullptr;
  Entry entry{plain, coding, std::make_shared<const std::string>(std::move(*encoded))};
  auto result = entry.encoded;
  if (entries_.size() < max_shared) {
    entries_.push_back(std::move(entry));
  } else {
    entries_[next_++ % max_shared] = std::move(entry);
  }
  return result;
}

}  // namespace mytoken::http
