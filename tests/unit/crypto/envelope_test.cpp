// The sealed envelope: fixed vectors (tests/data/envelope_vectors.json, made by another
// implementation), and that nothing but the right secret, context and bytes opens one.
#include "crypto/envelope.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <set>
#include <stdexcept>

#include "base/encoding.h"
#include "support/test_file.h"

namespace mytoken::crypto {
namespace {

const Secret secret("header.payload.signature");

TEST(Envelope, sealing_and_opening_agree_with_the_vectors) {
  const json::value document = test::read_data("envelope_vectors.json");
  std::size_t count = 0;
  for (const json::value& entry : document.at("envelopes").as_array()) {
    const json::object& vector = entry.as_object();
    const Secret key{std::string(string_member(vector, "secret"))};
    const std::string_view context = string_member(vector, "context");
    const std::string envelope = seal_with(string_member(vector, "plain"), key, context,
                                           *decode_hex(string_member(vector, "salt_hex")),
                                           *decode_hex(string_member(vector, "nonce_hex")));
    EXPECT_EQ(hex(envelope), string_member(vector, "envelope_hex"));
    const auto plain = open(*decode_hex(string_member(vector, "envelope_hex")), key, context);
    ASSERT_TRUE(plain.has_value()) << string_member(vector, "name");
    EXPECT_EQ(plain->reveal(), string_member(vector, "plain"));
    ++count;
  }
  EXPECT_EQ(count, 4u);
}

TEST(Envelope, is_46_bytes_longer_than_its_content_and_never_the_same_twice) {
  std::set<std::string> seen;
  for (std::size_t size : {0u, 1u, 15u, 16u, 17u, 5000u}) {
    for (int i = 0; i < 3; ++i) {
      const std::string plain(size, 'p');
      const std::string envelope = seal(plain, secret, "c");
      EXPECT_EQ(envelope.size(), size + 46);
      EXPECT_TRUE(seen.insert(envelope).second);
      EXPECT_EQ(open(envelope, secret, "c")->reveal(), plain);
    }
  }
}

TEST(Envelope, any_flipped_bit_keeps_it_shut) {
  const std::string good = seal("a refresh token", secret, "refresh_token:1");
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    std::string bad = good;
    bad[i / 8] = static_cast<char>(bad[i / 8] ^ (1 << (i % 8)));
    EXPECT_FALSE(open(bad, secret, "refresh_token:1").has_value()) << "bit " << i;
  }
  EXPECT_EQ(ERR_peek_error(), 0u);  // a TLS call on this thread would stumble over it
}

TEST(Envelope, any_other_length_keeps_it_shut) {
  const std::string good = seal("a refresh token", secret, "c");
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(open(std::string_view(good).substr(0, size), secret, "c").has_value()) << size;
  }
  EXPECT_FALSE(open(good + '\0', secret, "c").has_value());
}

TEST(Envelope, another_secret_or_row_does_not_open_it) {
  const std::string envelope = seal("a refresh token", secret, "refresh_token:42");
  EXPECT_TRUE(open(envelope, secret, "refresh_token:42").has_value());
  EXPECT_FALSE(open(envelope, secret, "refresh_token:4").has_value());
  EXPECT_FALSE(open(envelope, secret, "refresh_token:421").has_value());
  EXPECT_FALSE(open(envelope, secret, "").has_value());
  EXPECT_FALSE(open(envelope, Secret("header.payload.signaturf"), "refresh_token:42").has_value());
  EXPECT_FALSE(open(envelope, Secret(), "refresh_token:42").has_value());
}

TEST(Envelope, failures_are_internal_errors_that_tell_the_log_why) {
  const std::string good = seal("x", secret, "c");
  const auto cause = [](const Result<Secret>& result) {
    EXPECT_EQ(result.error().code, "internal_server_error");
    EXPECT_EQ(result.error().status, 500);
    return result.error().cause;
  };
  EXPECT_EQ(cause(open("", secret, "c")), "envelope: too short");
  EXPECT_EQ(cause(open('\x02' + good.substr(1), secret, "c")), "envelope: unknown version");
  EXPECT_EQ(cause(open(good, secret, "d")), "envelope: wrong secret or context, or altered");
}

TEST(Envelope, sealing_with_a_wrong_salt_or_nonce_or_without_secret_is_a_bug) {
  const std::string salt(16, 's');
  const std::string nonce(12, 'n');
  EXPECT_THROW(seal_with("x", secret, "c", salt + 's', nonce), std::invalid_argument);
  EXPECT_THROW(seal_with("x", secret, "c", salt, "n"), std::invalid_argument);
  EXPECT_THROW(seal_with("x", Secret(), "c", salt, nonce), std::invalid_argument);
}

}  // namespace
}  // namespace mytoken::crypto
