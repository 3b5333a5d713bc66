// Everything random comes from getrandom(2): no user-space generator whose state could leak, repeat
// after a fork or be seeded badly.
#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace mytoken {
namespace {

void fill(void* to, std::size_t count) {
  auto* bytes = static_cast<unsigned char*>(to);
  while (count > 0) {
    const ssize_t got = getrandom(bytes, count, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::abort();  // without randomness no token may be made
    }
    bytes += got;
    count -= static_cast<std::size_t>(got);
  }
}

}  // namespace

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  fill(bytes.data(), count);
  return bytes;
}

std::string random_text(std::size_t length, std::string_view alphabet) {
  // Bytes at or above the largest multiple of the alphabet's size are drawn again, so no letter is
  // favoured.
  const unsigned limit = 256u - 256u % static_cast<unsigned>(alphabet.size());
  std::string text;
  text.reserve(length);
  while (text.size() < length) {
    for (const char c : random_bytes(length + 16)) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < limit && text.size() < length) text += alphabet[byte % alphabet.size()];
    }
  }
  return text;
}

std::string random_uuid() {
  std::string raw = random_bytes(16);
  raw[6] = static_cast<char>((raw[6] & 0x0f) | 0x40);
  raw[8] = static_cast<char>((raw[8] & 0x3f) | 0x80);
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    const auto byte = static_cast<unsigned char>(raw[i]);
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::uint64_t random_below(std::uint64_t bound) {
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  for (;;) {
    std::uint64_t value = 0;
    fill(&value, sizeof value);
    if (value < limit) return value % bound;
  }
}

}  // namespace mytoken
