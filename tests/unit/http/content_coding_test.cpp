// Content codings both ways (spec api.md §§2.2, 2.9; RFC 9110 §12.5.3).
#include "http/content_coding.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace mytoken::http {
namespace {

std::string raw_deflate(std::string_view text) {
  const std::string wrapped = *encode_content(Coding::deflate, text);
  return wrapped.substr(2, wrapped.size() - 6);  // without the zlib header and checksum
}

TEST(Decoding, each_coding_gives_back_what_went_in) {
  const std::string text = "{\"grant_type\":\"polling_code\"}";
  EXPECT_EQ(decode_content("gzip", *encode_content(Coding::gzip, text), 1000), text);
  EXPECT_EQ(decode_content("GZIP", *encode_content(Coding::gzip, text), 1000), text);
  EXPECT_EQ(decode_content("deflate", *encode_content(Coding::deflate, text), 1000), text);
  EXPECT_EQ(decode_content("deflate", raw_deflate(text), 1000), text);
  EXPECT_EQ(decode_content("br", *encode_content(Coding::br, text), 1000), text);
  EXPECT_EQ(decode_content("identity", text, 1000), text);
  EXPECT_EQ(decode_content("", text, 1000), text);
  const std::string twice = *encode_content(Coding::br, *encode_content(Coding::gzip, text));
  EXPECT_EQ(decode_content("gzip, br", twice, 1000), text);
}

TEST(Decoding, unknown_codings_are_415) {
  for (const char* coding : {"zstd", "compress", "gzip, zstd", "br, br, br"}) {
    const auto plain = decode_content(coding, "x", 1000);
    ASSERT_FALSE(plain) << coding;
    EXPECT_EQ(plain.error().status, 415);
  }
}

TEST(Decoding, damaged_cut_and_continued_data_are_400) {
  for (const Coding coding : {Coding::gzip, Coding::deflate, Coding::br}) {
    const std::string good = *encode_content(coding, std::string(500, 'a') + "bcd");
    for (const std::string& bad : {good.substr(0, good.size() - 3), good + "x", "!" + good}) {
      const auto plain = decode_content(name_of(coding), bad, 1000);
      ASSERT_FALSE(plain) << name_of(coding);
      EXPECT_EQ(plain.error().status, 400);
      EXPECT_EQ(plain.error().code, "invalid_request");
    }
  }
}

TEST(Decoding, a_bomb_stops_at_the_limit) {
  for (const Coding coding : {Coding::gzip, Coding::deflate, Coding::br}) {
    const std::string bomb = *encode_content(coding, std::string(50'000'000, 'a'));
    ASSERT_LT(bomb.size(), 100'000u);
    const auto plain = decode_content(name_of(coding), bomb, 1 << 20);
    ASSERT_FALSE(plain);
    EXPECT_EQ(plain.error().status, 413);
    EXPECT_EQ(
        decode_content(name_of(coding), *encode_content(coding, std::string(1 << 20, 'a')), 1 << 20)
            ->size(),
        std::size_t{1} << 20);
  }
}

TEST(Choosing, weights_and_preferences_count) {
  EXPECT_EQ(choose_coding(""), Coding::identity);
  EXPECT_EQ(choose_coding("gzip, deflate, br"), Coding::br);
  EXPECT_EQ(choose_coding("gzip, deflate"), Coding::gzip);
  EXPECT_EQ(choose_coding("deflate"), Coding::deflate);
  EXPECT_EQ(choose_coding("br;q=0.5, GZIP;q=0.8"), Coding::gzip);
  EXPECT_EQ(choose_coding("br;q=0, *"), Coding::gzip);
  EXPECT_EQ(choose_coding("gzip;q=0"), Coding::identity);
  EXPECT_EQ(choose_coding("*;q=0"), Coding::identity);
  EXPECT_EQ(choose_coding("zstd, identity"), Coding::identity);
}

TEST(SharedBodies, are_encoded_once) {
  EncodedBodies bodies;
  const auto plain = std::make_shared<const std::string>(std::string(1500, 'x'));
  const auto first = bodies.get(plain, Coding::br);
  EXPECT_EQ(bodies.get(plain, Coding::br), first);
  EXPECT_NE(bodies.get(plain, Coding::gzip), first);
  for (int i = 0; i < 100; ++i) {
    const auto other =
        std::make_shared<const std::string>(std::string(300, 'y') + std::to_string(i));
    EXPECT_EQ(decode_content("gzip", *bodies.get(other, Coding::gzip), 1000), *other);
  }
}

}  // namespace
}  // namespace mytoken::http
