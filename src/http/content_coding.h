// Content codings of HTTP (RFC 9110 §8.4): gzip, deflate and br, both ways. Decoding is bounded by
// the size of what comes out, so that a small body cannot unpack into a large one.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace mytoken::http {

// Undoes the codings of a Content-Encoding header ("gzip", "gzip, br", "identity", ""; at most
// two). Errors: 415 for an unknown one, 400 invalid_request for damaged data or data behind the
// end, 413 if more than `limit` bytes come out. "deflate" is the zlib format (RFC 1950); raw
// deflate (RFC 1951) is taken as well, since clients send both.
Result<std::string> decode_content(std::string_view codings, std::string body, std::size_t limit);

enum class Coding { identity, br, gzip, deflate };
std::string_view name_of(Coding coding);

// The coding for an answer by Accept-Encoding (RFC 9110 §12.5.3), among equals br before gzip
// before deflate.
Coding choose_coding(std::string_view accept_encoding);

// nullopt if the library failed (no memory).
std::optional<std::string> encode_content(Coding coding, std::string_view body);

// Encoded forms of bodies that many answers share (Response::shared). Holds at most 64; not
// thread-safe: one per thread.
class EncodedBodies {
 public:
  std::shared_ptr<const std::string> get(const std::shared_ptr<const std::string>& plain,
                                         Coding coding);

 private:
  struct Entry {
    std::shared_ptr<const std::string> plain;  // kept, so that its address stays its own
    Coding coding;
    std::shared_ptr<const std::string> encoded;
  };
  std::vector<Entry> entries_;
  std::size_t next_ = 0;  // place to be overwritten when full
};

}  // namespace mytoken::http
