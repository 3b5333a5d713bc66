// A password as an operator configures it: the password itself, or its Argon2id hash (RFC 9106) in
// the text form of the password hashing competition,
//
//   $argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<tag>     base64 without padding
//
// so that a configuration file need not hold what opens the door. Immutable; thread-safe.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"

namespace mytoken::crypto {

class Password {
 public:
  // What one comparison may cost: more is no hash that somebody made for this purpose.
  static constexpr std::uint32_t most_memory = 256 * 1024;  // KiB
  static constexpr std::uint32_t most_passes = 16;
  static constexpr std::uint32_t most_lanes = 16;
  static constexpr std::uint64_t most_work = 1024 * 1024;  // KiB times passes; about a second

  // The password itself, which is never taken for a hash.
  explicit Password(Secret plain) : plain_(std::move(plain)) {}
  // A text that begins with $argon2 is a hash, any other one the password. Error invalid_request:
  // it is a hash of another kind, broken, or costs too much; the description says what, without
  // the text.
  static Result<Password> parse(Secret configured);
  // Argon2id with 19 MiB and two passes, a random salt; the text that parse() takes.
  static Result<std::string> hash(const Secret& password);

  // Comparing costs time and memory: not on a thread that serves others.
  bool is_hashed() const { return !tag_.empty(); }
  // In constant time for passwords of one length. An empty password never matches. Error
  // unavailable: no memory for it now.
  Result<bool> matches(const Secret& given) const;

 private:
  Password() = default;
  Secret plain_;
  std::string salt_;
  std::string tag_;
  std::uint32_t memory_ = 0;
  std::uint32_t passes_ = 0;
  std::uint32_t lanes_ = 0;
};

}  // namespace mytoken::crypto
