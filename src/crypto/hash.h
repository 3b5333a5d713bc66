// Digests, MACs and key derivation (OpenSSL EVP). Inputs and results are raw bytes. Thread-safe.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace mytoken::crypto {

std::string sha256(std::string_view bytes);    // 32 bytes
std::string sha512(std::string_view bytes);    // 64 bytes
std::string sha3_256(std::string_view bytes);  // 32 bytes
std::string hmac_sha256(std::string_view key, std::string_view bytes);

// HKDF-SHA-512 (RFC 5869): `length` bytes (at most 64·255).
Secret hkdf_sha512(std::string_view key, std::string_view salt, std::string_view info,
                   std::size_t length);

}  // namespace mytoken::crypto
