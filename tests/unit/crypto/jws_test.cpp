// Signing and verifying: the examples of RFC 7515, exact bytes, and every way a forged token might
// be let in.
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <string>
#include <thread>

#include "base/encoding.h"
#include "crypto/hash.h"
#include "crypto/jose.h"
#include "support/test_file.h"

namespace mytoken::crypto {
namespace {

constexpr Algorithm every_algorithm[] = {Algorithm::es256, Algorithm::es384, Algorithm::es512,
                                         Algorithm::rs256, Algorithm::rs384, Algorithm::rs512,
                                         Algorithm::ps256, Algorithm::ps384, Algorithm::ps512};

json::object header_for(Algorithm algorithm) {
  return {{"alg", name(algorithm)}, {"typ", "MT+JWT"}, {"kid", "k-1"}};
}

// One key per algorithm for the whole program: RSA keys take long to make.
const Key& key_for(Algorithm algorithm) {
  static const std::vector<Key> keys = [] {
    std::vector<Key> made;
    for (const Algorithm each : every_algorithm)
      made.push_back(Key::generate(each));
    return made;
  }();
  return keys.at(static_cast<std::size_t>(algorithm));
}

const std::string payload = R"({"ver":"0.7","iss":"https://mytoken.example.com","sub":"a/b+c="})";

std::string signed_token(Algorithm algorithm) {
  return *key_for(algorithm).sign(header_for(algorithm), payload);
}

std::string with_header(const std::string& token, std::string_view header) {
  return base64url(header) + token.substr(token.find('.'));
}

std::string with_signature(const std::string& token, std::string_view signature) {
  return token.substr(0, token.rfind('.') + 1) + base64url(signature);
}

std::string signature_of(const std::string& token) {
  return *decode_base64url(token.substr(token.rfind('.') + 1));
}

TEST(Jws, examples_of_rfc_7515_and_any_salt_length_verify) {
  const json::value document = test::read_data("jws_vectors.json");
  std::size_t count = 0;
  for (const json::value& entry : document.at("tokens").as_array()) {
    const json::object& vector = entry.as_object();
    const auto key =
        Key::from_jwk(vector.at("jwk").as_object(), *parse_algorithm(string_member(vector, "alg")));
    ASSERT_TRUE(key.has_value()) << string_member(vector, "name");
    const std::string token(string_member(vector, "token"));
    const auto result = key->verify(token);
    ASSERT_TRUE(result.has_value()) << string_member(vector, "name");
    EXPECT_EQ(*result, string_member(vector, "payload"));
    std::string forged = signature_of(token);
    forged[forged.size() / 2] = static_cast<char>(forged[forged.size() / 2] ^ 1);
    EXPECT_FALSE(key->verify(with_signature(token, forged)).has_value());
    ++count;
  }
  EXPECT_EQ(count, 8u);
}

TEST(Jws, what_a_key_signs_its_public_part_verifies) {
  for (const Algorithm algorithm : every_algorithm) {
    const std::string token = signed_token(algorithm);
    const auto verifier = Key::from_jwk(key_for(algorithm).public_jwk(), algorithm);
    ASSERT_TRUE(verifier.has_value());
    EXPECT_EQ(verifier->verify(token), payload) << name(algorithm);
    EXPECT_EQ(key_for(algorithm).verify(token), payload);
  }
}

TEST(Jws, signature_sizes_are_those_of_rfc_7518) {
  EXPECT_EQ(signature_of(signed_token(Algorithm::es256)).size(), 64u);
  EXPECT_EQ(signature_of(signed_token(Algorithm::es384)).size(), 96u);
  EXPECT_EQ(signature_of(signed_token(Algorithm::es512)).size(), 132u);
  EXPECT_EQ(signature_of(signed_token(Algorithm::ps512)).size(), 256u);
}

TEST(Jws, header_and_payload_are_written_exactly_as_given) {
  const std::vector<std::string> headers = {
      R"({"alg":"ES256","typ":"MT+JWT","kid":"k-1"})", R"({"typ":"x","alg":"ES256"})",
      R"({"alg":"ES256","z":[1,{"b":"ä/\"\\","a":null}],"a":true})"};
  for (const std::string& text : headers) {
    const auto token =
        key_for(Algorithm::es256).sign(parse_json(text)->as_object(), " {\"a\" : 1}\n\xff");
    ASSERT_TRUE(token.has_value()) << text;
    EXPECT_EQ(token->substr(0, token->find('.')), base64url(text));
    EXPECT_EQ(key_for(Algorithm::es256).verify(*token), " {\"a\" : 1}\n\xff");
  }
}

TEST(Jws, signing_needs_a_private_key_and_its_own_algorithm_in_the_header) {
  const Key& key = key_for(Algorithm::es256);
  const Key public_key = *Key::from_jwk(key.public_jwk(), Algorithm::es256);
  EXPECT_FALSE(public_key.sign(header_for(Algorithm::es256), payload).has_value());
  EXPECT_FALSE(key.sign(header_for(Algorithm::es384), payload).has_value());
  EXPECT_FALSE(key.sign({{"typ", "JWT"}}, payload).has_value());
  EXPECT_FALSE(key.sign({{"alg", "none"}}, payload).has_value());
  EXPECT_FALSE(
      key.sign({{"alg", "ES256"}, {"crit", json::array{"exp"}}, {"exp", 1}}, payload).has_value());
}

TEST(Jws, W35_the_token_does_not_choose_the_algorithm) {
  const Key& rsa = key_for(Algorithm::rs256);
  const std::string token = signed_token(Algorithm::rs256);
  const std::string unsigned_part =
      token.substr(token.find('.'), token.rfind('.') - token.find('.'));
  const std::string none = base64url(R"({"alg":"none"})") + unsigned_part;
  EXPECT_FALSE(rsa.verify(none + '.').has_value());
  EXPECT_FALSE(rsa.verify(none + ".AA").has_value());
  EXPECT_FALSE(rsa.verify(with_header(token, R"({"alg":"None"})")).has_value());
  EXPECT_FALSE(rsa.verify(with_header(token, R"({"typ":"JWT"})")).has_value());
  EXPECT_FALSE(rsa.verify(with_header(token, R"({"alg":["RS256"]})")).has_value());
  // The public key taken for an HMAC secret.
  const std::string hs256 = base64url(R"({"alg":"HS256"})") + unsigned_part;
  for (const std::string& secret :
       {json::serialize(rsa.public_jwk()), std::string(string_member(rsa.public_jwk(), "n"))}) {
    EXPECT_FALSE(rsa.verify(hs256 + '.' + base64url(hmac_sha256(secret, hs256))).has_value());
  }
  // A good signature under another algorithm of the same key.
  const Key ps256 = *Key::from_pem(rsa.private_pem(), Algorithm::ps256);
  const std::string pss = *ps256.sign(header_for(Algorithm::ps256), payload);
  EXPECT_TRUE(ps256.verify(pss).has_value());
  EXPECT_FALSE(rsa.verify(pss).has_value());
  EXPECT_FALSE(ps256.verify(token).has_value());
}

TEST(Jws, critical_extensions_are_refused) {
  const std::string token = signed_token(Algorithm::es256);
  for (const char* header :
       {R"({"alg":"ES256","crit":["exp"],"exp":1})", R"({"alg":"ES256","crit":[]})",
        R"({"alg":"ES256","crit":null})", R"({"crit":["b64"],"b64":false,"alg":"ES256"})"}) {
    const auto result = key_for(Algorithm::es256).verify(with_header(token, header));
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().description, "the token has critical extensions") << header;
  }
}

TEST(Jws, duplicate_header_members_are_refused) {
  const std::string token = signed_token(Algorithm::es256);
  for (const char* header :
       {R"({"alg":"none","alg":"ES256"})", R"({"alg":"ES256","alg":"ES256"})",
        R"({"\u0061lg":"HS256","alg":"ES256"})", R"({"alg":"ES256","x":{"a":1,"a":2}})",
        R"({"alg":"ES256","x":[{"a":1,"a":2}]})"}) {
    EXPECT_FALSE(split_jws(with_header(token, header)).has_value()) << header;
    EXPECT_FALSE(key_for(Algorithm::es256).verify(with_header(token, header)).has_value());
  }
  EXPECT_TRUE(split_jws(with_header(token, R"({"alg":"ES256","x":{"alg":1},"y":{"alg":2}})")));
}

TEST(Jws, splitting_is_strict) {
  const std::string good = "eyJhbGciOiJFUzI1NiJ9.e30.AAAA";
  const auto parts = split_jws(good);
  ASSERT_TRUE(parts.has_value());
  EXPECT_EQ(string_member(parts->header, "alg"), "ES256");
  EXPECT_EQ(parts->payload, "{}");
  EXPECT_EQ(parts->signature, "AAAA");
  for (const std::string& bad :
       {std::string(),
        std::string("."),
        std::string(".."),
        std::string("a.b.c"),
        std::string("eyJhbGciOiJFUzI1NiJ9.e30"),
        std::string("eyJhbGciOiJFUzI1NiJ9.e30."),
        std::string("eyJhbGciOiJFUzI1NiJ9..AAAA"),
        std::string(".e30.AAAA"),
        good + ".AAAA",
        good + "=",
        good + " ",
        good + "\n",
        ' ' + good,
        good + '\0',
        std::string("eyJhbGciOiJFUzI1NiJ9.e30=.AAAA"),
        std::string("eyJhbGciOiJFUzI1NiJ9.e31.AAAA"),
        std::string("eyJhbGciOiJFUzI1NiJ9.e3+.AAAA"),
        std::string("eyJhbGciOiJFUzI1NiJ9.e30.A"),
        base64url("[1]") + ".e30.AAAA",
        base64url("{}x") + ".e30.AAAA",
        base64url("{\"a\":\"\xff\"}") + ".e30.AAAA",
        base64url("\"alg\"") + ".e30.AAAA",
        base64url("{\"a\":" + std::string(50, '[') + std::string(50, ']') + "}") + ".e30.AAAA",
        base64url("{\"a\":\"" + std::string(20'000, 'x') + "\"}") + ".e30.AAAA",
        "e30." + std::string(400'000, 'A') + ".AAAA"}) {
    EXPECT_FALSE(split_jws(bad).has_value()) << bad.substr(0, 60);
  }
}

TEST(Jws, signatures_of_another_size_are_refused) {
  for (const Algorithm algorithm :
       {Algorithm::es256, Algorithm::es512, Algorithm::rs256, Algorithm::ps256}) {
    const std::string token = signed_token(algorithm);
    const std::string signature = signature_of(token);
    const std::size_t half = signature.size() / 2;
    for (const std::string& other :
         {std::string(1, '\0'), signature.substr(1), signature + '\0', '\0' + signature,
          std::string(signature.size(), '\0'), std::string(signature.size(), '\xff'),
          '\0' + signature.substr(0, half) + '\0' + signature.substr(half),
          signature.substr(half) + signature.substr(0, half)}) {
      const auto result = key_for(algorithm).verify(with_signature(token, other));
      ASSERT_FALSE(result.has_value()) << name(algorithm) << ' ' << other.size();
      EXPECT_EQ(result.error().code, "invalid_token");
      EXPECT_EQ(result.error().status, 401);
    }
  }
  // A signature on another curve, under the header of this one.
  const std::string p384 = signed_token(Algorithm::es384);
  EXPECT_FALSE(
      key_for(Algorithm::es256).verify(with_header(p384, R"({"alg":"ES256"})")).has_value());
}

TEST(Jws, an_altered_payload_or_a_foreign_key_is_refused) {
  for (const Algorithm algorithm : every_algorithm) {
    const std::string token = signed_token(algorithm);
    std::string altered = token;
    altered[token.find('.') + 3] = altered[token.find('.') + 3] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(key_for(algorithm).verify(altered).has_value()) << name(algorithm);
  }
  EXPECT_FALSE(Key::generate(Algorithm::es256).verify(signed_token(Algorithm::es256)).has_value());
  EXPECT_FALSE(Key::generate(Algorithm::ps256).verify(signed_token(Algorithm::ps256)).has_value());
}

TEST(Jws, failures_leave_nothing_in_the_error_queue_of_openssl) {
  ERR_clear_error();
  for (const Algorithm algorithm : every_algorithm) {
    const std::string token = signed_token(algorithm);
    std::string forged = signature_of(token);
    forged[5] = static_cast<char>(forged[5] ^ 1);
    EXPECT_FALSE(key_for(algorithm).verify(with_signature(token, forged)).has_value());
    EXPECT_EQ(ERR_peek_error(), 0u) << name(algorithm);
  }
}

TEST(Jws, one_key_signs_and_verifies_on_many_threads) {
  for (const Algorithm algorithm : {Algorithm::es256, Algorithm::rs256, Algorithm::ps256}) {
    std::vector<std::thread> threads;
    std::vector<int> good(4, 0);
    for (std::size_t i = 0; i < good.size(); ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < 20; ++round) {
          good[i] += key_for(algorithm).verify(signed_token(algorithm)) == payload ? 1 : 0;
        }
      });
    }
    for (std::thread& thread : threads)
      thread.join();
    EXPECT_EQ(good, std::vector<int>(4, 20)) << name(algorithm);
  }
}

}  // namespace
}  // namespace mytoken::crypto
