// The one format of everything sealed (DESIGN §8):
//
//   envelope := version(1 byte = 0x01) kdf(1 byte = 0x01) salt(16) nonce(12) ciphertext(n) tag(16)
//
// kdf 0x01: key = HKDF-SHA-512(secret, salt, "mytoken envelope v1", 32 bytes); cipher AES-256-GCM;
// associated data = version ‖ kdf ‖ context. The secret is a token, a code or a random key (always
// of high entropy, never a password); the context names entity and row ("refresh_token:42"), so
// that a value moved to another row does not open.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"

namespace mytoken::crypto {

// Seals `plain` with fresh salt and nonce. Result: raw bytes, 46 more than `plain`.
std::string seal(std::string_view plain, const Secret& secret, std::string_view context);

// For fixed vectors: the same with given salt (16 bytes) and nonce (12 bytes).
std::string seal_with(std::string_view plain, const Secret& secret, std::string_view context,
                      std::string_view salt, std::string_view nonce);

// Error internal_server_error (cause says what): unknown version, too short, wrong secret or
// context, altered bytes.
Result<Secret> open(std::string_view envelope, const Secret& secret, std::string_view context);

}  // namespace mytoken::crypto
