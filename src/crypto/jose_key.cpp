// Keys: PEM and JWK in, JWK, PEM and DER out, RFC 7638 thumbprints. Every key is rebuilt from its
// numbers, so that one key has one DER, whatever file it came from, and cjose gets the same
// numbers.
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <stdexcept>

#include "base/encoding.h"
#include "crypto/hash.h"
#include "crypto/jose_impl.h"

namespace mytoken::crypto {
namespace {

constexpr int min_rsa_bits = 2048;
constexpr int max_rsa_bits = 8192;
constexpr std::size_t max_pem_size = std::size_t{64} * 1024;

using Bignum = std::unique_ptr<BIGNUM, Free<BN_clear_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;

struct Curve {
  std::string_view name;  // RFC 7518 §6.2.1.1
  const char* group;      // OpenSSL
  cjose_jwk_ec_curve cjose;
  std::size_t size;  // bytes of a coordinate
};
constexpr std::array<Curve, 3> curves{{{"P-256", "prime256v1", CJOSE_JWK_EC_P_256, 32},
                                       {"P-384", "secp384r1", CJOSE_JWK_EC_P_384, 48},
                                       {"P-521", "secp521r1", CJOSE_JWK_EC_P_521, 66}}};

const Curve* find_curve(std::string_view name) {
  for (const Curve& curve : curves) {
    if (curve.name == name || curve.group == name) return &curve;
  }
  return nullptr;
}

// Big-endian bytes of a number; `size` 0: as many as it needs. They may be private, hence Secret.
Secret number(const EVP_PKEY* key, const char* name, std::size_t size = 0) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return Secret();
  const Bignum value(raw);
  const auto needed = static_cast<std::size_t>(BN_num_bytes(raw));
  if (size == 0) size = needed;
  if (needed > size) return Secret();
  std::string bytes(size, '\0');
  BN_bn2binpad(raw, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size));
  return Secret(std::move(bytes));
}

unsigned char* data(const Secret& secret) {
  if (secret.empty()) return nullptr;
  return const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(secret.reveal().data()));
}

EvpKey build(const char* kind, OSSL_PARAM_BLD* builder, bool is_private) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                        parameters.get()) != 1) {
    return nullptr;
  }
  return EvpKey(key);
}

// `scalar` is empty for a public key. OpenSSL refuses a point that is not on the curve.
EvpKey build_ec(const Curve& curve, std::string_view x, std::string_view y, const Secret& scalar) {
  const std::string point = '\x04' + std::string(x) + std::string(y);
  const Builder builder(OSSL_PARAM_BLD_new());
  Bignum secret;
  bool pushed = OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                                curve.group, 0) == 1 &&
                OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                                 point.data(), point.size()) == 1;
  if (!scalar.empty()) {
    secret.reset(BN_secure_new());
    pushed = pushed && secret &&
             BN_bin2bn(data(scalar), static_cast<int>(scalar.size()), secret.get()) &&
             OSSL_PARAM_BLD_push_BN_pad(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get(),
                                        curve.size) == 1;
  }
  return pushed ? build("EC", builder.get(), !scalar.empty()) : nullptr;
}

EvpKey build_public_rsa(std::string_view modulus, std::string_view exponent) {
  const Bignum n(BN_bin2bn(reinterpret_cast<const unsigned char*>(modulus.data()),
                           static_cast<int>(modulus.size()), nullptr));
  const Bignum e(BN_bin2bn(reinterpret_cast<const unsigned char*>(exponent.data()),
                           static_cast<int>(exponent.size()), nullptr));
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!n || !e || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  return build("RSA", builder.get(), false);
}

bool complete_ec(KeyMaterial& material) {
  std::array<char, 32> group{};
  std::size_t length = 0;
  if (EVP_PKEY_get_group_name(material.evp.get(), group.data(), group.size(), &length) != 1) {
    return false;
  }
  const Curve* curve = find_curve(std::string_view(group.data(), length));
  if (!curve) return false;
  const Secret x = number(material.evp.get(), OSSL_PKEY_PARAM_EC_PUB_X, curve->size);
  const Secret y = number(material.evp.get(), OSSL_PKEY_PARAM_EC_PUB_Y, curve->size);
  if (x.empty() || y.empty()) return false;
  cjose_jwk_ec_keyspec spec{};
  spec.crv = curve->cjose;
  spec.x = data(x);
  spec.xlen = x.size();
  spec.y = data(y);
  spec.ylen = y.size();
  Secret scalar;
  if (material.is_private) {
    scalar = number(material.evp.get(), OSSL_PKEY_PARAM_PRIV_KEY, curve->size);
    if (scalar.empty()) return false;
    spec.d = data(scalar);
    spec.dlen = scalar.size();
    material.evp = build_ec(*curve, x.reveal(), y.reveal(), scalar);
    if (!material.evp) return false;
    const Context check(EVP_PKEY_CTX_new_from_pkey(nullptr, material.evp.get(), nullptr));
    if (!check || EVP_PKEY_check(check.get()) != 1) return false;
  }
  cjose_err problem{};
  material.jwk.reset(cjose_jwk_create_EC_spec(&spec, &problem));
  material.kind = "EC";
  material.curve = curve->name;
  material.signature_size = 2 * curve->size;
  material.public_members = {{"kty", "EC"},
                             {"crv", curve->name},
                             {"x", base64url(x.reveal())},
                             {"y", base64url(y.reveal())}};
  return material.jwk != nullptr;
}

bool complete_rsa(KeyMaterial& material) {
  const EVP_PKEY* key = material.evp.get();
  const int bits = EVP_PKEY_get_bits(key);
  if (bits < min_rsa_bits || bits > max_rsa_bits) return false;
  const Secret n = number(key, OSSL_PKEY_PARAM_RSA_N);
  const Secret e = number(key, OSSL_PKEY_PARAM_RSA_E);
  if (n.empty() || e.empty() || e.size() > 4) return false;
  const bool odd = (n.reveal().back() & 1) != 0 && (e.reveal().back() & 1) != 0;
  if (!odd || e.reveal() == std::string_view("\x01")) return false;
  cjose_jwk_rsa_keyspec spec{};
  spec.n = data(n);
  spec.nlen = n.size();
  spec.e = data(e);
  spec.elen = e.size();
  Secret d, p, q, dp, dq, qi;
  if (material.is_private) {
    // A third prime would be lost on the way to cjose.
    if (!number(key, OSSL_PKEY_PARAM_RSA_FACTOR3).empty()) return false;
    d = number(key, OSSL_PKEY_PARAM_RSA_D);
    p = number(key, OSSL_PKEY_PARAM_RSA_FACTOR1);
    q = number(key, OSSL_PKEY_PARAM_RSA_FACTOR2);
    dp = number(key, OSSL_PKEY_PARAM_RSA_EXPONENT1);
    dq = number(key, OSSL_PKEY_PARAM_RSA_EXPONENT2);
    qi = number(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
    for (const Secret* part : {&d, &p, &q, &dp, &dq, &qi}) {
      if (part->empty()) return false;
    }
    spec.d = data(d);
    spec.dlen = d.size();
    spec.p = data(p);
    spec.plen = p.size();
    spec.q = data(q);
    spec.qlen = q.size();
    spec.dp = data(dp);
    spec.dplen = dp.size();
    spec.dq = data(dq);
    spec.dqlen = dq.size();
    spec.qi = data(qi);
    spec.qilen = qi.size();
    const Context check(EVP_PKEY_CTX_new_from_pkey(nullptr, material.evp.get(), nullptr));
    if (!check || EVP_PKEY_pairwise_check(check.get()) != 1) return false;
  }
  cjose_err problem{};
  material.jwk.reset(cjose_jwk_create_RSA_spec(&spec, &problem));
  material.kind = "RSA";
  material.signature_size = n.size();
  material.public_members = {
      {"kty", "RSA"}, {"n", base64url(n.reveal())}, {"e", base64url(e.reveal())}};
  return material.jwk != nullptr;
}

// RFC 7638 §3: the required members in alphabetical order, without blanks. The values need no
// escaping.
std::string thumbprint_of(const KeyMaterial& material) {
  const auto member = [&](std::string_view name) {
    return std::string(string_member(material.public_members, name));
  };
  const std::string text =
      material.kind == "EC"
          ? R"({"crv":")" + member("crv") + R"(","kty":"EC","x":")" + member("x") + R"(","y":")" +
                member("y") + R"("})"
          : R"({"e":")" + member("e") + R"(","kty":"RSA","n":")" + member("n") + R"("})";
  return base64url(sha256(text));
}

// Null if the key is of another kind or out of bounds.
std::shared_ptr<const KeyMaterial> complete(EvpKey key, bool is_private) {
  if (!key) return nullptr;
  auto material = std::make_shared<KeyMaterial>();
  material->evp = std::move(key);
  material->is_private = is_private;
  const bool good = EVP_PKEY_is_a(material->evp.get(), "EC") == 1    ? complete_ec(*material)
                    : EVP_PKEY_is_a(material->evp.get(), "RSA") == 1 ? complete_rsa(*material)
                                                                     : false;
  if (!good) return nullptr;
  material->thumbprint = thumbprint_of(*material);
  return material;
}

// An encrypted key file must fail, not ask for a pass phrase on the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

}  // namespace

bool fits(const KeyMaterial& material, Algorithm algorithm) {
  return material.kind == traits(algorithm).kind && material.curve == traits(algorithm).curve;
}

std::shared_ptr<const KeyMaterial> material_from_jwk(const json::object& jwk) {
  const ErrorQueueGuard guard;
  for (const char* member : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
    if (jwk.contains(member)) return nullptr;  // a key whose private part is public is nobody's
  }
  const std::string_view kind = string_member(jwk, "kty");
  if (kind == "EC") {
    const Curve* curve = find_curve(string_member(jwk, "crv"));
    if (!curve || string_member(jwk, "crv") != curve->name) return nullptr;
    const auto x = decode_base64url(string_member(jwk, "x"));
    const auto y = decode_base64url(string_member(jwk, "y"));
    if (!x || !y || x->size() != curve->size || y->size() != curve->size) return nullptr;
    return complete(build_ec(*curve, *x, *y, Secret()), false);
  }
  if (kind == "RSA") {
    const std::string_view n_text = string_member(jwk, "n");
    const std::string_view e_text = string_member(jwk, "e");
    if (n_text.size() > max_rsa_bits / 6 + 8 || e_text.size() > 8) return nullptr;
    const auto n = decode_base64url(n_text);
    const auto e = decode_base64url(e_text);
    if (!n || !e || n->empty() || e->empty()) return nullptr;
    return complete(build_public_rsa(*n, *e), false);
  }
  return nullptr;
}

Result<Key> Key::from_pem(const Secret& pem, Algorithm algorithm) {
  const ErrorQueueGuard guard;
  if (pem.empty() || pem.size() > max_pem_size) {
    return fail(internal_error("signing key: not a PEM file"));
  }
  const Bio bio(BIO_new_mem_buf(pem.reveal().data(), static_cast<int>(pem.size())));
  EvpKey key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_passphrase, nullptr) : nullptr);
  if (!key) {
    return fail(internal_error(
        "signing key: not an unencrypted private key in PEM (PKCS#1, SEC1 or PKCS#8)"));
  }
  const auto material = complete(std::move(key), true);
  if (!material) {
    return fail(internal_error(
        "signing key: neither EC on P-256, P-384 or P-521 nor RSA of 2048 to 8192 bits"));
  }
  if (!fits(*material, algorithm)) {
    return fail(internal_error("signing key: " + material->kind + " " + material->curve +
                               " does not fit the algorithm " + std::string(name(algorithm))));
  }
  return Key(std::make_shared<const Impl>(Impl{algorithm, material}));
}

Key Key::generate(Algorithm algorithm, int rsa_bits) {
  const ErrorQueueGuard guard;
  const Curve* curve = find_curve(traits(algorithm).curve);
  if (!curve && (rsa_bits < min_rsa_bits || rsa_bits > max_rsa_bits)) {
    throw std::invalid_argument("Key::generate: RSA keys have 2048 to 8192 bits");
  }
  EvpKey key(curve ? EVP_EC_gen(curve->group) : EVP_RSA_gen(static_cast<unsigned>(rsa_bits)));
  auto material = complete(std::move(key), true);
  if (!material) throw std::runtime_error("OpenSSL: key generation failed");
  return Key(std::make_shared<const Impl>(Impl{algorithm, std::move(material)}));
}

Result<Key> Key::from_jwk(const json::object& jwk, Algorithm algorithm) {
  const auto* stated = jwk.if_contains("alg");
  if (stated && (!stated->is_string() || stated->get_string() != name(algorithm))) {
    return fail(internal_error("JWK: alg is not " + std::string(name(algorithm))));
  }
  const auto material = material_from_jwk(jwk);
  if (!material) return fail(internal_error("JWK: not a usable public EC or RSA key"));
  if (!fits(*material, algorithm)) {
    return fail(internal_error("JWK: key does not fit " + std::string(name(algorithm))));
  }
  return Key(std::make_shared<const Impl>(Impl{algorithm, material}));
}

Algorithm Key::algorithm() const {
  return impl_->algorithm;
}

const std::string& Key::thumbprint() const {
  return impl_->material->thumbprint;
}

json::object Key::public_jwk() const {
  json::object jwk{{"kty", impl_->material->kind},
                   {"use", "sig"},
                   {"alg", name(impl_->algorithm)},
                   {"kid", impl_->material->thumbprint}};
  for (const auto& [key, value] : impl_->material->public_members)
    jwk.insert_or_assign(key, value);
  return jwk;
}

Secret Key::private_pem() const {
  if (!impl_->material->is_private) throw std::logic_error("private_pem of a public key");
  const Bio bio(BIO_new(BIO_s_secmem()));
  char* text = nullptr;
  if (!bio || PEM_write_bio_PrivateKey_traditional(bio.get(), impl_->material->evp.get(), nullptr,
                                                   nullptr, 0, nullptr, nullptr) != 1) {
    throw std::runtime_error("OpenSSL: writing a private key failed");
  }
  const long length = BIO_get_mem_data(bio.get(), &text);
  return Secret(std::string(text, static_cast<std::size_t>(length)));
}

Secret Key::private_der() const {
  if (!impl_->material->is_private) throw std::logic_error("private_der of a public key");
  unsigned char* bytes = nullptr;
  const int length = i2d_PrivateKey(impl_->material->evp.get(), &bytes);
  if (length <= 0) throw std::runtime_error("OpenSSL: writing a private key failed");
  Secret der(std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length)));
  OPENSSL_clear_free(bytes, static_cast<std::size_t>(length));
  return der;
}

}  // namespace mytoken::crypto
