// JWS in compact form (RFC 7515), JWK (RFC 7517, 7518) and thumbprints (RFC 7638) through cjose.
// The algorithm is a property of the key: a token's header never chooses it. ES256/384/512,
// RS256/384/512, PS256/384/512. All classes are immutable after construction and thread-safe.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/secret.h"

namespace mytoken::crypto {

enum class Algorithm { es256, es384, es512, rs256, rs384, rs512, ps256, ps384, ps512 };

std::string_view name(Algorithm algorithm);  // "ES512"
std::optional<Algorithm> parse_algorithm(std::string_view name);

// The three parts of a compact JWS, split and decoded but not verified.
struct UnverifiedJws {
  json::object header;
  std::string payload;         // raw bytes
  std::string_view signature;  // base64url text inside the token
};
// nullopt unless `token` is three non-empty strict base64url parts and the header a JSON object
// without duplicates.
std::optional<UnverifiedJws> split_jws(std::string_view token);

// One key with its algorithm: private (signs and verifies) or public (verifies).
class Key {
 public:
  // A private key from PEM: RSA as PKCS#1 or PKCS#8, EC as SEC1 or PKCS#8. Error (start-up text in
  // `cause`): not a private key, of another family or curve than `algorithm`, RSA below 2048 bits.
  static Result<Key> from_pem(const Secret& pem, Algorithm algorithm);
  // A new private key: P-256/384/521, or RSA with `rsa_bits`.
  static Key generate(Algorithm algorithm, int rsa_bits = 2048);
  // A public key from a JWK. `algorithm` wins over the JWK's `alg`; error if they or the key type
  // contradict.
  static Result<Key> from_jwk(const json::object& jwk, Algorithm algorithm);

  Algorithm algorithm() const;
  // RFC 7638 SHA-256 thumbprint, base64url.
  const std::string& thumbprint() const;
  // The public part: kty, use=sig, alg, kid (= thumbprint), and n,e or crv,x,y.
  json::object public_jwk() const;
  // The private key as PEM: "EC PRIVATE KEY" or "RSA PRIVATE KEY". Only for private keys.
  Secret private_pem() const;
  // The private key's DER; for deriving installation-wide secrets. Only for private keys.
  Secret private_der() const;

  // Compact JWS over `payload` with exactly the members of `header` in order (the caller puts alg
  // first, it must equal the key's). Error: public key, or header alg differs.
  Result<std::string> sign(const json::object& header, std::string_view payload) const;
  // Verifies signature and that the header's alg is this key's and no `crit` is present. Result:
  // the payload. Error invalid_token.
  Result<std::string> verify(std::string_view token) const;

  struct Impl;

 private:
  friend class KeySet;  // makes several keys of one RSA key without an alg
  explicit Key(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// Keys that may have signed a token: ours (active first) or a provider's.
class KeySet {
 public:
  KeySet() = default;
  explicit KeySet(std::vector<Key> keys) : keys_(std::move(keys)) {}
  // The usable signature keys of a JWK set (RFC 7517 §5) for the algorithms in `allowed`: entries
  // that are not for signatures, of unknown kind, private or symmetric are left out. A key without
  // `alg` serves every allowed algorithm of its kind. Error: not a JWK set, or no usable key.
  static Result<KeySet> from_jwks(const json::value& jwks, std::span<const Algorithm> allowed);

  bool empty() const { return keys_.empty(); }
  const std::vector<Key>& keys() const { return keys_; }
  // {"keys":[…]} of the public parts, in order.
  json::object public_jwks() const;
  // True if a key has this kid (as published by its owner; thumbprint for ours).
  bool has_kid(std::string_view kid) const;
  // Tries the keys with the header's kid, or, without kid, all keys of the header's alg. Error
  // invalid_token.
  Result<std::string> verify(std::string_view token) const;

 private:
  std::vector<Key> keys_;
  std::vector<std::string> kids_;  // published kid of keys_[i], may be empty
};

}  // namespace mytoken::crypto
