// Encodings: RFC 4648 examples, and that a decoder accepts exactly one text per byte string.
#include "base/encoding.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"

namespace mytoken {
namespace {

using namespace std::string_literals;

TEST(Base64, agrees_with_rfc_4648) {
  const std::pair<const char*, const char*> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : examples) {
    EXPECT_EQ(base64(bytes), text);
    EXPECT_EQ(decode_base64(text), bytes);
  }
  EXPECT_EQ(base64("\xfb\xff\xfe"), "+//+");
  EXPECT_EQ(base64url("\xfb\xff\xfe"), "-__-");
  EXPECT_EQ(base64url("f"), "Zg");
}

TEST(Base64, every_byte_string_survives_both_ways) {
  for (std::size_t size = 0; size < 100; ++size) {
    const std::string bytes = random_bytes(size);
    EXPECT_EQ(decode_base64(base64(bytes)), bytes);
    EXPECT_EQ(decode_base64url(base64url(bytes)), bytes);
    EXPECT_EQ(decode_hex(hex(bytes)), bytes);
    EXPECT_EQ(percent_decode(percent_encode(bytes)), bytes);
  }
}

TEST(Base64, decoders_accept_one_text_per_byte_string) {
  for (const std::string& bad : {"Zg"s, "Zg="s, "Zg==="s, "Zh=="s, "Zm9="s, "Z==="s, "===="s, "="s,
                                 "Zg==Zg=="s, " Zg=="s, "Zg==\n"s, "Zg= ="s, "Zm9v\n"s, "Zm\0v"s,
                                 "-__-"s, "Zm9v\xff\xff\xff\xff"s, "Z"s, "Zm9vZ"s}) {
    EXPECT_EQ(decode_base64(bad), std::nullopt) << bad;
  }
  for (const std::string& bad : {"Zg=="s, "Zg="s, "Zh"s, "Zm9"s, "Z"s, "Zm9vZ"s, " Zg"s, "Zg\n"s,
                                 "+//+"s, "Zm\0v"s, "Zm9v\x80\x80"s, "Zm.v"s}) {
    EXPECT_EQ(decode_base64url(bad), std::nullopt) << bad;
  }
}

TEST(Base64, no_two_short_texts_decode_to_the_same_bytes) {
  // All texts of two letters: 64 * 4 of them are one byte each, all others are refused.
  int accepted = 0;
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const std::string text{static_cast<char>(a), static_cast<char>(b)};
      const auto bytes = decode_base64url(text);
      if (!bytes) continue;
      ++accepted;
      EXPECT_EQ(base64url(*bytes), text);
    }
  }
  EXPECT_EQ(accepted, 256);
}

TEST(Hex, reads_both_cases_and_writes_lower_case) {
  EXPECT_EQ(hex("\x00\xfa\x0b"s), "00fa0b");
  EXPECT_EQ(decode_hex("00FA0b"), "\x00\xfa\x0b"s);
  for (const char* bad : {"0", "0g", "0x", " 0", "00 ", "+1"}) {
    EXPECT_EQ(decode_hex(bad), std::nullopt) << bad;
  }
}

TEST(Percent, encodes_all_but_unreserved_letters) {
  EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encode("a b/c+d%\xc3\xa4\n"), "a%20b%2Fc%2Bd%25%C3%A4%0A");
}

TEST(Percent, decodes_and_refuses_broken_escapes) {
  EXPECT_EQ(percent_decode("%41%c3%A4+"), "A\xc3\xa4+");
  EXPECT_EQ(percent_decode("a+b%2B", true), "a b+");
  EXPECT_EQ(percent_decode("%00"), "\0"s);
  for (const char* bad : {"%", "%4", "a%", "%zz", "%4g", "%%41", "% 41"}) {
    EXPECT_EQ(percent_decode(bad), std::nullopt) << bad;
  }
}

TEST(Utf8, accepts_what_rfc_3629_allows) {
  for (const std::string& good :
       {""s, "abc"s, "\0"s, "\x7f"s, "\xc2\x80"s, "\xdf\xbf"s, "\xe0\xa0\x80"s, "\xed\x9f\xbf"s,
        "\xee\x80\x80"s, "\xef\xbf\xbf"s, "\xf0\x90\x80\x80"s, "\xf4\x8f\xbf\xbf"s}) {
    EXPECT_TRUE(is_utf8(good)) << hex(good);
  }
}

TEST(Utf8, refuses_overlong_forms_surrogates_and_cut_sequences) {
  for (const std::string& bad :
       {"\x80"s, "\xbf"s, "\xc0\x80"s, "\xc1\xbf"s, "\xe0\x9f\xbf"s, "\xed\xa0\x80"s,
        "\xed\xbf\xbf"s, "\xf0\x8f\xbf\xbf"s, "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s, "\xff"s,
        "\xc3"s, "\xe2\x82"s, "\xf0\x9f\x98"s, "\xc3("s, "\xe2\x28\xa1"s, "a\xc3"s}) {
    EXPECT_FALSE(is_utf8(bad)) << hex(bad);
  }
}

TEST(AsciiCase, changes_ascii_letters_only) {
  EXPECT_EQ(lower("AZaz09[@\xc3\x84"), "azaz09[@\xc3\x84");
  EXPECT_TRUE(equals_ignoring_case("Content-TYPE", "content-type"));
  EXPECT_FALSE(equals_ignoring_case("a", "ab"));
  EXPECT_FALSE(equals_ignoring_case("[", "{"));
  EXPECT_FALSE(equals_ignoring_case("\xc3\x84", "\xc3\xa4"));
}

}  // namespace
}  // namespace mytoken
