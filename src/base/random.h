// Random bytes come from the operating system's generator only (getrandom). There is no seed and
// nothing to inject: tests that need known bytes use the functions below the random ones (envelopes
// take their salt and nonce as arguments in crypto/).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mytoken {

// The 50 letters of short tokens and codes (spec tokens.md §2): no l, no I, no digits.
inline constexpr std::string_view readable_letters =
    "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNOPQRSTUVWXYZ";
inline constexpr std::string_view base62_letters =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

// `count` random bytes. Ends the process if the system has no randomness.
std::string random_bytes(std::size_t count);
// `length` letters of `alphabet` (2 to 256 letters), each equally likely.
std::string random_text(std::size_t length, std::string_view alphabet = readable_letters);
// A version 4 UUID (RFC 9562), lower case with dashes.
std::string random_uuid();
// Uniform in [0, bound), bound > 0.
std::uint64_t random_below(std::uint64_t bound);

}  // namespace mytoken
