// Known answers of the digests, HMAC and HKDF, from the standards or computed with another
// implementation.
#include "crypto/hash.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "base/encoding.h"
#include "support/test_file.h"

namespace mytoken::crypto {
namespace {

TEST(Hash, digests_have_their_known_answers) {
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha512("abc")),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(hex(sha3_256("")), "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a");
  // spec tokens.md §1.4
  EXPECT_EQ(base64(sha3_256("example@https://op.example.com")),
            "E0Cr0NTVuBVGJo5wvry4a63qM3Aedlgk+iseXTUEOPw=");
}

TEST(Hash, hmac_has_its_known_answer) {
  // RFC 4231 §4.3
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(hmac_sha256("", "")),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Hash, hkdf_agrees_with_the_vectors) {
  const json::value document = test::read_data("envelope_vectors.json");
  std::size_t count = 0;
  for (const json::value& entry : document.at("hkdf_sha512").as_array()) {
    const json::object& vector = entry.as_object();
    const Secret key = hkdf_sha512(*decode_hex(string_member(vector, "key_hex")),
                                   *decode_hex(string_member(vector, "salt_hex")),
                                   *decode_hex(string_member(vector, "info_hex")),
                                   vector.at("length").to_number<std::size_t>());
    EXPECT_EQ(hex(key.reveal()), string_member(vector, "result_hex"))
        << string_member(vector, "name");
    ++count;
  }
  EXPECT_EQ(count, 4u);
}

TEST(Hash, hkdf_without_a_key_or_with_an_impossible_length_is_a_bug) {
  EXPECT_THROW(hkdf_sha512("", "salt", "info", 32), std::invalid_argument);
  EXPECT_THROW(hkdf_sha512("key", "salt", "info", 0), std::invalid_argument);
  EXPECT_THROW(hkdf_sha512("key", "salt", "info", 64 * 255 + 1), std::invalid_argument);
  EXPECT_EQ(hkdf_sha512("key", "salt", "info", 64 * 255).size(), 64u * 255u);
}

}  // namespace
}  // namespace mytoken::crypto
