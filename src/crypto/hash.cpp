// Digests, MACs and HKDF on OpenSSL 3 EVP. The algorithms are fetched once: a fetch per call costs
// more than hashing a token does. A failure of these functions means broken infrastructure and is
// an exception.
#include "crypto/hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <memory>
#include <stdexcept>

namespace mytoken::crypto {
namespace {

const EVP_MD* fetch(const char* name) {
  const EVP_MD* digest = EVP_MD_fetch(nullptr, name, nullptr);
  if (!digest) throw std::runtime_error(std::string("OpenSSL has no digest ") + name);
  return digest;
}

std::string digest(const EVP_MD* algorithm, std::string_view bytes) {
  std::string result(static_cast<std::size_t>(EVP_MD_get_size(algorithm)), '\0');
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(result.data()),
                 &length, algorithm, nullptr) != 1 ||
      length != result.size()) {
    throw std::runtime_error("OpenSSL: digest failed");
  }
  return result;
}

// OpenSSL takes a null pointer for "no value given", which is not the same as an empty value.
void* pointer(std::string_view bytes) {
  static char none = 0;
  return bytes.empty() ? &none : const_cast<char*>(bytes.data());
}

}  // namespace

std::string sha256(std::string_view bytes) {
  static const EVP_MD* const algorithm = fetch("SHA2-256");
  return digest(algorithm, bytes);
}

std::string sha512(std::string_view bytes) {
  static const EVP_MD* const algorithm = fetch("SHA2-512");
  return digest(algorithm, bytes);
}

std::string sha3_256(std::string_view bytes) {
  static const EVP_MD* const algorithm = fetch("SHA3-256");
  return digest(algorithm, bytes);
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  std::string result(32, '\0');
  unsigned length = 0;
  if (!HMAC(EVP_sha256(), pointer(key), static_cast<int>(key.size()),
            static_cast<const unsigned char*>(pointer(bytes)), bytes.size(),
            reinterpret_cast<unsigned char*>(result.data()), &length) ||
      length != result.size()) {
    throw std::runtime_error("OpenSSL: HMAC failed");
  }
  return result;
}

Secret hkdf_sha512(std::string_view key, std::string_view salt, std::string_view info,
                   std::size_t length) {
  if (key.empty()) throw std::invalid_argument("hkdf_sha512: no key");
  if (length == 0 || length > 64 * 255) throw std::invalid_argument("hkdf_sha512: length");
  static EVP_KDF* const algorithm = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      EVP_KDF_CTX_new(algorithm), &EVP_KDF_CTX_free);
  char name[] = "SHA2-512";
  OSSL_PARAM parameters[5];
  std::size_t count = 0;
  parameters[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0);
  parameters[count++] =
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, pointer(key), key.size());
  if (!salt.empty()) {  // no salt means 64 zero bytes (RFC 5869 §2.2), OpenSSL's default
    parameters[count++] =
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, pointer(salt), salt.size());
  }
  if (!info.empty()) {
    parameters[count++] =
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, pointer(info), info.size());
  }
  parameters[count] = OSSL_PARAM_construct_end();
  std::string result(length, '\0');
  if (!context || EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(result.data()),
                                 result.size(), parameters) != 1) {
    throw std::runtime_error("OpenSSL: HKDF failed");
  }
  return Secret(std::move(result));
}

}  // namespace mytoken::crypto
