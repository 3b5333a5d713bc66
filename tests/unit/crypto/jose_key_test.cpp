// Keys: what may be imported and what not, PEM and DER out, JWK and thumbprint.
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "crypto/jose.h"
#include "support/test_file.h"

namespace mytoken::crypto {
namespace {

using namespace std::string_literals;

constexpr Algorithm every_algorithm[] = {Algorithm::es256, Algorithm::es384, Algorithm::es512,
                                         Algorithm::rs256, Algorithm::rs384, Algorithm::rs512,
                                         Algorithm::ps256, Algorithm::ps384, Algorithm::ps512};

std::string written(const std::function<void(BIO*)>& write) {
  BIO* bio = BIO_new(BIO_s_mem());
  write(bio);
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio, &text);
  std::string result(text, static_cast<std::size_t>(length));
  BIO_free(bio);
  return result;
}

std::string pkcs8(EVP_PKEY* key, const char* password = nullptr) {
  return written([&](BIO* bio) {
    PEM_write_bio_PKCS8PrivateKey(bio, key, password ? EVP_aes_256_cbc() : nullptr, password,
                                  password ? 3 : 0, nullptr, nullptr);
  });
}

// The key as OpenSSL generated it, in every form an operator may have.
struct Generated {
  explicit Generated(EVP_PKEY* made) : key(made) {}
  ~Generated() { EVP_PKEY_free(key); }
  Generated(const Generated&) = delete;
  Generated& operator=(const Generated&) = delete;
  EVP_PKEY* key;
};

TEST(JoseKey, algorithm_names_are_those_of_rfc_7518) {
  for (const Algorithm algorithm : every_algorithm) {
    EXPECT_EQ(parse_algorithm(name(algorithm)), algorithm);
  }
  EXPECT_EQ(name(Algorithm::es512), "ES512");
  EXPECT_EQ(name(Algorithm::ps384), "PS384");
  for (const char* other : {"", "none", "HS256", "es256", "ES256 ", "EdDSA", "RSA-OAEP"}) {
    EXPECT_EQ(parse_algorithm(other), std::nullopt) << other;
  }
}

TEST(JoseKey, thumbprint_is_that_of_rfc_7638) {
  const json::value document = test::read_data("jws_vectors.json");
  const json::object& example = document.at("thumbprint").as_object();
  const auto key = Key::from_jwk(example.at("jwk").as_object(), Algorithm::rs256);
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->thumbprint(), string_member(example, "value"));
  EXPECT_EQ(key->public_jwk().at("n"), example.at("jwk").at("n"));
}

TEST(JoseKey, ec_keys_are_read_from_sec1_and_pkcs8_alike) {
  const Generated made(EVP_EC_gen("P-384"));
  const std::string sec1 = written([&](BIO* bio) {
    PEM_write_bio_PrivateKey_traditional(bio, made.key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  ASSERT_TRUE(sec1.starts_with("-----BEGIN EC PRIVATE KEY-----"));
  const auto a = Key::from_pem(Secret(sec1), Algorithm::es384);
  const auto b = Key::from_pem(Secret(pkcs8(made.key)), Algorithm::es384);
  ASSERT_TRUE(a.has_value() && b.has_value());
  EXPECT_EQ(a->thumbprint(), b->thumbprint());
  EXPECT_EQ(a->private_der(), b->private_der());
  EXPECT_EQ(a->private_pem().reveal(), sec1);
  // `openssl ecparam -genkey` puts the curve before the key.
  const std::string with_parameters =
      "-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n" + sec1;
  EXPECT_TRUE(Key::from_pem(Secret(with_parameters), Algorithm::es384).has_value());
}

TEST(JoseKey, a_key_has_one_der_whatever_its_file_looked_like) {
  const Generated made(EVP_EC_gen("P-256"));
  const auto plain = Key::from_pem(Secret(pkcs8(made.key)), Algorithm::es256);
  EVP_PKEY_set_utf8_string_param(made.key, "point-format", "compressed");
  const auto compressed = Key::from_pem(Secret(pkcs8(made.key)), Algorithm::es256);
  ASSERT_TRUE(plain.has_value() && compressed.has_value());
  EXPECT_EQ(plain->private_der(), compressed->private_der());
}

TEST(JoseKey, rsa_keys_are_read_from_pkcs1_and_pkcs8_alike) {
  const Generated made(EVP_RSA_gen(2048));
  const std::string pkcs1 = written([&](BIO* bio) {
    PEM_write_bio_PrivateKey_traditional(bio, made.key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  ASSERT_TRUE(pkcs1.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
  const auto a = Key::from_pem(Secret(pkcs1), Algorithm::ps512);
  const auto b = Key::from_pem(Secret(pkcs8(made.key)), Algorithm::rs256);
  ASSERT_TRUE(a.has_value() && b.has_value());
  EXPECT_EQ(a->thumbprint(), b->thumbprint());
  EXPECT_EQ(a->private_der(), b->private_der());
  EXPECT_EQ(a->private_pem().reveal(), pkcs1);
}

TEST(JoseKey, a_private_key_survives_its_pem) {
  for (const Algorithm algorithm : every_algorithm) {
    const Key key = Key::generate(algorithm);
    const auto again = Key::from_pem(key.private_pem(), algorithm);
    ASSERT_TRUE(again.has_value()) << name(algorithm);
    EXPECT_EQ(again->thumbprint(), key.thumbprint());
    EXPECT_EQ(again->private_der(), key.private_der());
  }
}

TEST(JoseKey, keys_that_do_not_fit_the_algorithm_are_refused) {
  const Key p256 = Key::generate(Algorithm::es256);
  const Key rsa = Key::generate(Algorithm::rs256);
  for (const Algorithm algorithm : every_algorithm) {
    const bool is_rsa = name(algorithm).substr(0, 1) != "E";
    EXPECT_EQ(Key::from_pem(p256.private_pem(), algorithm).has_value(),
              algorithm == Algorithm::es256);
    EXPECT_EQ(Key::from_pem(rsa.private_pem(), algorithm).has_value(), is_rsa);
  }
  const auto refused = Key::from_pem(p256.private_pem(), Algorithm::es512);
  EXPECT_EQ(refused.error().cause, "signing key: EC P-256 does not fit the algorithm ES512");
}

TEST(JoseKey, what_is_no_usable_private_key_is_refused) {
  const Generated small(EVP_RSA_gen(1024));
  const Generated other_curve(EVP_EC_gen("secp256k1"));
  const Generated edwards(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const Generated pss_only(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA-PSS", std::size_t{2048}));
  const Generated p256(EVP_EC_gen("P-256"));
  const std::string public_key = written([&](BIO* bio) { PEM_write_bio_PUBKEY(bio, p256.key); });
  const std::string encrypted = pkcs8(p256.key, "abc");
  ASSERT_NE(encrypted.find("ENCRYPTED"), std::string::npos);
  const std::string good = pkcs8(p256.key);
  ASSERT_TRUE(Key::from_pem(Secret(good), Algorithm::es256).has_value());
  const std::vector<std::string> bad{std::string(),
                                     std::string("no PEM"),
                                     std::string(100'000, 'A'),
                                     public_key,
                                     encrypted,
                                     pkcs8(small.key),
                                     pkcs8(other_curve.key),
                                     pkcs8(edwards.key),
                                     pkcs8(pss_only.key),
                                     good.substr(0, good.size() / 2)};
  ERR_clear_error();  // what making the examples has left
  for (const std::string& pem : bad) {
    for (const Algorithm algorithm : {Algorithm::es256, Algorithm::rs256, Algorithm::ps256}) {
      EXPECT_FALSE(Key::from_pem(Secret(pem), algorithm).has_value()) << pem.substr(0, 40);
    }
  }
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(JoseKey, a_private_key_with_a_foreign_public_part_is_refused) {
  // A SEC1 file whose optional public point belongs to another key.
  const Generated mine(EVP_EC_gen("P-256"));
  const Generated foreign(EVP_EC_gen("P-256"));
  const auto der = [](EVP_PKEY* key) {
    unsigned char* bytes = nullptr;
    const int size = i2d_PrivateKey(key, &bytes);
    std::string text(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return text;
  };
  std::string mixed = der(mine.key);
  const std::string other = der(foreign.key);
  mixed.replace(mixed.size() - 64, 64, other.substr(other.size() - 64));
  const std::string pem = "-----BEGIN EC PRIVATE KEY-----\n" + base64(mixed).substr(0, 64) + "\n" +
                          base64(mixed).substr(64, 64) + "\n" + base64(mixed).substr(128) +
                          "\n-----END EC PRIVATE KEY-----\n";
  EXPECT_FALSE(Key::from_pem(Secret(pem), Algorithm::es256).has_value());
}

TEST(JoseKey, public_jwk_shows_the_public_part_only) {
  const Key ec = Key::generate(Algorithm::es512);
  const json::object jwk = ec.public_jwk();
  std::string members;
  for (const auto& [key, value] : jwk)
    members += std::string(key) + ' ';
  EXPECT_EQ(members, "kty use alg kid crv x y ");
  EXPECT_EQ(string_member(jwk, "use"), "sig");
  EXPECT_EQ(string_member(jwk, "alg"), "ES512");
  EXPECT_EQ(string_member(jwk, "kid"), ec.thumbprint());
  EXPECT_EQ(string_member(jwk, "x").size(), 88u);  // 66 bytes, also when the number is shorter
  const auto again = Key::from_jwk(jwk, Algorithm::es512);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->thumbprint(), ec.thumbprint());
  EXPECT_THROW(again->private_pem(), std::logic_error);
  EXPECT_THROW(again->private_der(), std::logic_error);
}

TEST(JoseKey, generated_rsa_keys_have_the_asked_size) {
  EXPECT_EQ(decode_base64url(string_member(Key::generate(Algorithm::rs384, 3072).public_jwk(), "n"))
                ->size(),
            384u);
  EXPECT_THROW(Key::generate(Algorithm::rs256, 1024), std::invalid_argument);
  EXPECT_THROW(Key::generate(Algorithm::ps256, 16384), std::invalid_argument);
}

TEST(JoseKey, malformed_jwks_are_refused) {
  const json::object ec = Key::generate(Algorithm::es256).public_jwk();
  const json::object rsa = Key::generate(Algorithm::rs256).public_jwk();
  const auto accepted = [](json::object jwk, std::string_view member, const json::value& value,
                           Algorithm algorithm) {
    jwk.insert_or_assign(member, value);
    return Key::from_jwk(jwk, algorithm).has_value();
  };
  const std::string x(string_member(ec, "x"));
  EXPECT_TRUE(accepted(ec, "x", x.c_str(), Algorithm::es256));
  const std::string other_x(x[0] == 'A' ? "B" + x.substr(1) : "A" + x.substr(1));
  EXPECT_FALSE(accepted(ec, "x", other_x.c_str(), Algorithm::es256)) << "not on the curve";
  EXPECT_FALSE(accepted(ec, "x", (x + "=").c_str(), Algorithm::es256));
  EXPECT_FALSE(accepted(ec, "x", base64url(*decode_base64url(x) + '\0').c_str(), Algorithm::es256));
  EXPECT_FALSE(accepted(ec, "y", nullptr, Algorithm::es256));
  EXPECT_FALSE(accepted(ec, "crv", "P-384", Algorithm::es384));
  EXPECT_FALSE(accepted(ec, "crv", "prime256v1", Algorithm::es256));
  EXPECT_FALSE(accepted(ec, "crv", "secp256k1", Algorithm::es256));
  EXPECT_FALSE(accepted(ec, "kty", "RSA", Algorithm::rs256));
  EXPECT_FALSE(accepted(ec, "alg", "ES384", Algorithm::es256)) << "alg contradicts";
  EXPECT_FALSE(accepted(ec, "alg", 256, Algorithm::es256));
  EXPECT_FALSE(accepted(ec, "d", "AQ", Algorithm::es256)) << "a published private part";
  EXPECT_FALSE(accepted(rsa, "d", "AQ", Algorithm::rs256));
  EXPECT_FALSE(accepted(rsa, "kty", "oct", Algorithm::rs256));
  const auto rsa_with = [&](const std::string& n, const std::string& e) {
    json::object jwk{{"kty", "RSA"}, {"n", base64url(n)}, {"e", base64url(e)}};
    return Key::from_jwk(jwk, Algorithm::rs256).has_value();
  };
  const std::string n = *decode_base64url(string_member(rsa, "n"));
  EXPECT_TRUE(rsa_with(n, "\x01\x00\x01"s));
  EXPECT_TRUE(rsa_with(n, "\x03"));
  EXPECT_FALSE(rsa_with(n, "\x01")) << "an exponent of 1 verifies everything";
  EXPECT_FALSE(rsa_with(n, "\x02"));
  EXPECT_FALSE(rsa_with(n, ""));
  EXPECT_FALSE(rsa_with(n, "\x01\x01\x01\x01\x01"));
  EXPECT_FALSE(rsa_with(n.substr(0, 255) + '\x02', "\x03")) << "an even modulus";
  EXPECT_FALSE(rsa_with("\xff" + std::string(126, '\x55') + "\x01", "\x03")) << "1024 bits";
  EXPECT_TRUE(rsa_with("\xff" + std::string(1022, '\x55') + "\x01", "\x03")) << "8192 bits";
  EXPECT_FALSE(rsa_with("\xff" + std::string(1023, '\x55') + "\x01", "\x03")) << "8200 bits";
  EXPECT_FALSE(rsa_with(std::string(100'000, '\xff'), "\x03"));
}

}  // namespace
}  // namespace mytoken::crypto
