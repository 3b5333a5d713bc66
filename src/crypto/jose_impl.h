// What the parts of the JOSE implementation share and nobody else sees: the key material in its two
// forms, and guards for OpenSSL. cjose signs and verifies; OpenSSL reads and writes keys and does
// what cjose cannot (PEM, thumbprints, RSA-PSS with any salt length).
#pragma once
#include <cjose/cjose.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <cstddef>
#include <memory>
#include <string>

#include "crypto/jose.h"

namespace mytoken::crypto {

// Removes what a failed OpenSSL call leaves in the thread's error queue; a later TLS call would
// take it for its own.
class ErrorQueueGuard {
 public:
  ErrorQueueGuard() { ERR_set_mark(); }
  ~ErrorQueueGuard() { ERR_pop_to_mark(); }
  ErrorQueueGuard(const ErrorQueueGuard&) = delete;
  ErrorQueueGuard& operator=(const ErrorQueueGuard&) = delete;
};

template <auto function>
struct Free {
  template <class T>
  void operator()(T* value) const {
    function(value);
  }
};

using EvpKey = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using CjoseKey = std::unique_ptr<cjose_jwk_t, Free<cjose_jwk_release>>;

// One key pair or public key, whatever its algorithm; shared by the Key objects that differ only in
// that. Immutable; both libraries may use one key on several threads.
struct KeyMaterial {
  EvpKey evp;
  CjoseKey jwk;
  bool is_private = false;
  std::string kind;                // "EC" or "RSA"
  std::string curve;               // "P-256", …; empty for RSA
  std::size_t signature_size = 0;  // bytes: twice the coordinate, or the modulus
  json::object public_members;     // kty and crv,x,y or n,e, as in a JWK
  std::string thumbprint;
};

struct Key::Impl {
  Algorithm algorithm;
  std::shared_ptr<const KeyMaterial> material;
};

// What an algorithm asks of its key: "EC" and a curve, or "RSA" and no curve.
struct AlgorithmTraits {
  std::string_view name;
  const char* digest;
  const char* kind;
  std::string_view curve;
  bool pss;
};
const AlgorithmTraits& traits(Algorithm algorithm);
bool fits(const KeyMaterial& material, Algorithm algorithm);

// The material of a public JWK; null if it is malformed, private, symmetric, of another kind, or
// out of bounds (RSA 2048 to 8192 bits, public exponent odd and at most 32 bits; EC coordinates of
// full length on the curve).
std::shared_ptr<const KeyMaterial> material_from_jwk(const json::object& jwk);

}  // namespace mytoken::crypto
