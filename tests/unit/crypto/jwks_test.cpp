// Sets of keys: which entries of a provider's document are used, and which key a token may be
// verified with.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "crypto/jose.h"

namespace mytoken::crypto {
namespace {

constexpr std::array every_algorithm{Algorithm::es256, Algorithm::es384, Algorithm::es512,
                                     Algorithm::rs256, Algorithm::rs384, Algorithm::rs512,
                                     Algorithm::ps256, Algorithm::ps384, Algorithm::ps512};

const Key& ec() {
  static const Key key = Key::generate(Algorithm::es256);
  return key;
}
const Key& rsa() {
  static const Key key = Key::generate(Algorithm::rs256);
  return key;
}

json::object without(json::object jwk, std::string_view member) {
  jwk.erase(member);
  return jwk;
}
json::object with(json::object jwk, std::string_view member, const json::value& value) {
  jwk.insert_or_assign(member, value);
  return jwk;
}
json::value set_of(json::array keys) {
  return json::object{{"keys", std::move(keys)}};
}

std::string token_of(const Key& key, const json::value& kid = nullptr) {
  json::object header{{"alg", name(key.algorithm())}};
  if (!kid.is_null()) header["kid"] = kid;
  return *key.sign(header, "{}");
}

std::size_t usable(const json::object& jwk) {
  const auto set = KeySet::from_jwks(set_of({jwk}), every_algorithm);
  return set ? set->keys().size() : 0;
}

TEST(Jwks, a_key_without_alg_serves_every_allowed_algorithm_of_its_kind) {
  EXPECT_EQ(usable(without(rsa().public_jwk(), "alg")), 6u);
  EXPECT_EQ(usable(without(ec().public_jwk(), "alg")), 1u);
  EXPECT_EQ(usable(rsa().public_jwk()), 1u);
  const std::array allowed{Algorithm::rs256, Algorithm::ps256, Algorithm::es512};
  const auto set = KeySet::from_jwks(set_of({without(rsa().public_jwk(), "alg")}), allowed);
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(set->keys().size(), 2u);
  const Key pss = *Key::from_pem(rsa().private_pem(), Algorithm::ps256);
  const Key rs512 = *Key::from_pem(rsa().private_pem(), Algorithm::rs512);
  EXPECT_TRUE(set->verify(token_of(rsa())).has_value());
  EXPECT_TRUE(set->verify(token_of(pss)).has_value());
  EXPECT_FALSE(set->verify(token_of(rs512)).has_value()) << "not allowed";
}

TEST(Jwks, entries_that_are_not_public_signature_keys_are_left_out) {
  const json::object good = ec().public_jwk();
  EXPECT_EQ(usable(good), 1u);
  EXPECT_EQ(usable(without(good, "use")), 1u);
  EXPECT_EQ(usable(with(good, "key_ops", json::array{"verify"})), 1u);
  EXPECT_EQ(usable(with(good, "x5c", json::array{"MIIB"})), 1u) << "certificates are ignored";
  EXPECT_EQ(usable(with(good, "use", "enc")), 0u);
  EXPECT_EQ(usable(with(good, "use", nullptr)), 0u);
  EXPECT_EQ(usable(with(good, "key_ops", json::array{"sign"})), 0u);
  EXPECT_EQ(usable(with(good, "d", "AQ")), 0u);
  EXPECT_EQ(usable(with(rsa().public_jwk(), "p", "AQ")), 0u);
  EXPECT_EQ(usable(with(good, "kty", "oct")), 0u);
  EXPECT_EQ(usable({{"kty", "oct"}, {"k", "AAAA"}, {"alg", "HS256"}}), 0u);
  EXPECT_EQ(usable({{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", "AAAA"}}), 0u);
  EXPECT_EQ(usable(with(good, "alg", "ECDH-ES")), 0u);
  EXPECT_EQ(usable(with(good, "alg", "ES512")), 0u);
  EXPECT_EQ(usable(with(good, "alg", 7)), 0u);
  EXPECT_EQ(usable(with(good, "kid", 7)), 0u);
  EXPECT_EQ(usable({}), 0u);
}

TEST(Jwks, one_bad_entry_does_not_spoil_the_set) {
  const auto set =
      KeySet::from_jwks(set_of({"text", nullptr, json::object{}, with(ec().public_jwk(), "x", "AA"),
                                ec().public_jwk()}),
                        every_algorithm);
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(set->keys().size(), 1u);
  EXPECT_TRUE(set->verify(token_of(ec())).has_value());
}

TEST(Jwks, what_is_not_a_set_or_too_large_is_refused) {
  EXPECT_FALSE(KeySet::from_jwks(json::array{}, every_algorithm).has_value());
  EXPECT_FALSE(KeySet::from_jwks(nullptr, every_algorithm).has_value());
  EXPECT_FALSE(KeySet::from_jwks(ec().public_jwk(), every_algorithm).has_value());
  EXPECT_FALSE(KeySet::from_jwks(json::object{{"keys", "x"}}, every_algorithm).has_value());
  EXPECT_FALSE(KeySet::from_jwks(set_of({}), every_algorithm).has_value());
  EXPECT_FALSE(KeySet::from_jwks(set_of({ec().public_jwk()}), {}).has_value());
  EXPECT_TRUE(KeySet::from_jwks(set_of(json::array(64, ec().public_jwk())), every_algorithm));
  EXPECT_FALSE(KeySet::from_jwks(set_of(json::array(65, ec().public_jwk())), every_algorithm));
}

TEST(Jwks, a_token_with_kid_is_tried_with_that_key_only) {
  const Key other = Key::generate(Algorithm::es256);
  const auto set = KeySet::from_jwks(
      set_of({with(ec().public_jwk(), "kid", "a"), with(other.public_jwk(), "kid", "b"),
              without(Key::generate(Algorithm::es256).public_jwk(), "kid")}),
      every_algorithm);
  ASSERT_TRUE(set.has_value());
  EXPECT_TRUE(set->has_kid("a"));
  EXPECT_TRUE(set->has_kid("b"));
  EXPECT_FALSE(set->has_kid(""));
  EXPECT_FALSE(set->has_kid(ec().thumbprint()));
  EXPECT_EQ(set->verify(token_of(ec(), "a")), "{}");
  EXPECT_EQ(set->verify(token_of(ec())), "{}") << "without kid every key is tried";
  EXPECT_EQ(set->verify(token_of(other)), "{}");
  for (const json::value& kid : {json::value("b"), json::value("c"), json::value(""),
                                 json::value(1), json::value(json::array{"a"})}) {
    const auto result = set->verify(token_of(ec(), kid));
    ASSERT_FALSE(result.has_value()) << json::serialize(kid);
    EXPECT_EQ(result.error().code, "invalid_token");
  }
  EXPECT_FALSE(set->verify("no token").has_value());
}

TEST(Jwks, our_own_keys_go_by_their_thumbprint) {
  const KeySet set({ec(), rsa()});
  EXPECT_FALSE(set.empty());
  EXPECT_TRUE(KeySet().empty());
  EXPECT_TRUE(set.has_kid(ec().thumbprint()));
  EXPECT_FALSE(set.has_kid("a"));
  EXPECT_EQ(set.verify(token_of(ec(), ec().thumbprint().c_str())), "{}");
  EXPECT_EQ(set.verify(token_of(rsa())), "{}");
  EXPECT_FALSE(set.verify(token_of(ec(), rsa().thumbprint().c_str())).has_value());
  EXPECT_FALSE(KeySet().verify(token_of(ec())).has_value());
  const json::object document = set.public_jwks();
  EXPECT_EQ(document.at("keys").as_array().size(), 2u);
  EXPECT_EQ(document.at("keys").at(0), json::value(ec().public_jwk()));
  EXPECT_EQ(json::serialize(document).find("\"d\""), std::string::npos);
}

}  // namespace
}  // namespace mytoken::crypto
