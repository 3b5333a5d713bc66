// Sealing and opening the one envelope format (layout in envelope.h). Each envelope has its own
// key, derived from the secret and a fresh salt, so the random nonce can never meet the same key
// twice; opening fails closed and leaves no unauthenticated plain text in memory.
#include "crypto/envelope.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <climits>
#include <memory>
#include <stdexcept>

#include "base/random.h"
#include "crypto/hash.h"

namespace mytoken::crypto {
namespace {

constexpr std::string_view prefix = "\x01\x01";  // version, key derivation
constexpr std::size_t salt_size = 16;
constexpr std::size_t nonce_size = 12;
constexpr std::size_t tag_size = 16;
constexpr std::size_t header_size = prefix.size() + salt_size + nonce_size;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* bytes(std::string& text, std::size_t at) {
  return reinterpret_cast<unsigned char*>(text.data() + at);
}

// A cipher keyed for one envelope that has read the associated data.
Cipher start(bool sealing, const Secret& secret, std::string_view context, std::string_view salt,
             std::string_view nonce) {
  static EVP_CIPHER* const algorithm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  const Secret key = hkdf_sha512(secret.reveal(), salt, "mytoken envelope v1", 32);
  Cipher cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int length = 0;
  const int parts = static_cast<int>(context.size());
  if (!algorithm || !cipher ||
      EVP_CipherInit_ex2(cipher.get(), algorithm, bytes(key.reveal()), bytes(nonce),
                         sealing ? 1 : 0, nullptr) != 1 ||
      EVP_CipherUpdate(cipher.get(), nullptr, &length, bytes(prefix), prefix.size()) != 1 ||
      (parts > 0 && EVP_CipherUpdate(cipher.get(), nullptr, &length, bytes(context), parts) != 1)) {
    throw std::runtime_error("OpenSSL: AES-256-GCM failed");
  }
  return cipher;
}

}  // namespace

std::string seal(std::string_view plain, const Secret& secret, std::string_view context) {
  return seal_with(plain, secret, context, random_bytes(salt_size), random_bytes(nonce_size));
}

std::string seal_with(std::string_view plain, const Secret& secret, std::string_view context,
                      std::string_view salt, std::string_view nonce) {
  if (salt.size() != salt_size || nonce.size() != nonce_size || plain.size() > INT_MAX / 2 ||
      context.size() > INT_MAX / 2) {
    throw std::invalid_argument("seal: size");
  }
  const Cipher cipher = start(true, secret, context, salt, nonce);
  std::string envelope;
  envelope.reserve(header_size + plain.size() + tag_size);
  envelope += prefix;
  envelope += salt;
  envelope += nonce;
  envelope.resize(header_size + plain.size() + tag_size);
  int length = 0;
  // An update without bytes is legal only with a valid pointer, so it is left out.
  if ((!plain.empty() && EVP_CipherUpdate(cipher.get(), bytes(envelope, header_size), &length,
                                          bytes(plain), static_cast<int>(plain.size())) != 1) ||
      EVP_CipherFinal_ex(cipher.get(), bytes(envelope, header_size + plain.size()), &length) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, tag_size,
                          bytes(envelope, header_size + plain.size())) != 1) {
    throw std::runtime_error("OpenSSL: AES-256-GCM failed");
  }
  return envelope;
}

Result<Secret> open(std::string_view envelope, const Secret& secret, std::string_view context) {
  if (envelope.size() < header_size + tag_size) return fail(internal_error("envelope: too short"));
  if (envelope.size() > INT_MAX / 2 || context.size() > INT_MAX / 2) {
    return fail(internal_error("envelope: too long"));
  }
  if (!envelope.starts_with(prefix)) return fail(internal_error("envelope: unknown version"));
  if (secret.empty()) return fail(internal_error("envelope: no secret"));
  const Cipher cipher = start(false, secret, context, envelope.substr(prefix.size(), salt_size),
                              envelope.substr(prefix.size() + salt_size, nonce_size));
  const std::string_view sealed =
      envelope.substr(header_size, envelope.size() - header_size - tag_size);
  std::string tag(envelope.substr(envelope.size() - tag_size));
  std::string plain(sealed.size() + 1, '\0');  // never empty: Final wants a valid pointer
  int length = 0;
  ERR_set_mark();
  const bool good =
      (sealed.empty() || EVP_CipherUpdate(cipher.get(), bytes(plain, 0), &length, bytes(sealed),
                                          static_cast<int>(sealed.size())) == 1) &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, tag_size, tag.data()) == 1 &&
      EVP_CipherFinal_ex(cipher.get(), bytes(plain, sealed.size()), &length) == 1;
  ERR_pop_to_mark();  // whoever reads the error queue next (TLS) must not find ours
  if (!good) {
    OPENSSL_cleanse(plain.data(), plain.size());
    return fail(internal_error("envelope: wrong secret or context, or altered"));
  }
  plain.resize(sealed.size());
  return Secret(std::move(plain));
}

}  // namespace mytoken::crypto
