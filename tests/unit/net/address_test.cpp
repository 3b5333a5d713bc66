// The client behind proxies (spec tokens.md §4, operations.md §18) and the ranges user-given URLs
// must not reach.
#include "net/address.h"

#include <gtest/gtest.h>

namespace mytoken::net {
namespace {

const TrustedProxies proxies{{"10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48"}};

TEST(ClientAddress, without_header_it_is_the_peer) {
  EXPECT_EQ(client_address("198.51.100.1", "", proxies), "198.51.100.1");
  EXPECT_EQ(client_address("10.1.2.3", "  ", proxies), "10.1.2.3");
}

TEST(ClientAddress, W24_the_header_of_an_untrusted_peer_is_ignored) {
  EXPECT_EQ(client_address("198.51.100.1", "203.0.113.9", proxies), "198.51.100.1");
  EXPECT_EQ(client_address("198.51.100.1", "203.0.113.9", TrustedProxies{}), "198.51.100.1");
}

TEST(ClientAddress, the_right_most_untrusted_entry_counts) {
  EXPECT_EQ(client_address("10.1.2.3", "1.1.1.1, 203.0.113.9", proxies), "203.0.113.9");
  EXPECT_EQ(client_address("10.1.2.3", "1.1.1.1, 203.0.113.9, 192.0.2.7,10.9.9.9", proxies),
            "203.0.113.9");
  EXPECT_EQ(client_address("2001:db8:1::5", "2001:4860::1", proxies), "2001:4860::1");
}

TEST(ClientAddress, if_all_are_trusted_the_left_most_counts) {
  EXPECT_EQ(client_address("10.1.2.3", "10.4.4.4, 10.5.5.5", proxies), "10.4.4.4");
}

TEST(ClientAddress, everyone_trusted_takes_the_left_most_entry) {
  EXPECT_EQ(client_address("198.51.100.1", "1.1.1.1, 2.2.2.2", TrustedProxies{{"*"}}), "1.1.1.1");
}

TEST(ClientAddress, ports_brackets_and_mapped_addresses_are_normalised) {
  EXPECT_EQ(client_address("10.1.2.3", "203.0.113.9:4711", proxies), "203.0.113.9");
  EXPECT_EQ(client_address("10.1.2.3", "[2001:4860:0::1]:443", proxies), "2001:4860::1");
  EXPECT_EQ(client_address("10.1.2.3", "[2001:4860::1]", proxies), "2001:4860::1");
  EXPECT_EQ(client_address("::ffff:10.1.2.3", "::ffff:203.0.113.9", proxies), "203.0.113.9");
}

TEST(ClientAddress, an_entry_that_is_no_address_fails_closed) {
  for (const char* header : {"unknown", "203.0.113.9, evil", "1.1.1.1,", "1.1.1.1, [::1",
                             "1.2.3.4:port", "1.2.3.4.5", "[::1]x", "_hidden"}) {
    EXPECT_EQ(client_address("10.1.2.3", header, proxies), "") << header;
  }
  // Behind the first untrusted entry nothing is read.
  EXPECT_EQ(client_address("10.1.2.3", "evil, 203.0.113.9", proxies), "203.0.113.9");
  EXPECT_EQ(client_address("", "203.0.113.9", TrustedProxies{{"*"}}), "");
}

TEST(ClientAddress, entries_of_the_header_forwarded_are_understood) {
  EXPECT_EQ(
      client_address("10.1.2.3", "for=1.1.1.1, proto=https;For=\"[2001:4860::1]:4711\"", proxies),
      "2001:4860::1");
  EXPECT_EQ(client_address("10.1.2.3", "by=203.0.113.9", proxies), "");
}

TEST(CanonicalAddress, has_one_text_per_address) {
  EXPECT_EQ(canonical_address("::ffff:1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(canonical_address("2001:DB8:0:0::1"), "2001:db8::1");
  EXPECT_EQ(canonical_address("1.2.3.04"), std::nullopt);
  EXPECT_EQ(canonical_address("localhost"), std::nullopt);
}

TEST(PrivateAddress, special_ranges_are_private) {
  for (const char* text : {"0.0.0.0",
                           "10.0.0.1",
                           "100.64.0.1",
                           "127.0.0.1",
                           "127.255.0.9",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.0.2.1",
                           "192.168.1.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "224.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::ffff:127.0.0.1",
                           "::ffff:a00:1",
                           "64:ff9b::7f00:1",
                           "fe80::1",
                           "fc00::1",
                           "fd12::1",
                           "ff02::1",
                           "2001:db8::1",
                           "2002:7f00:1::",
                           "2001:0:1::",
                           "not an address",
                           ""}) {
    EXPECT_TRUE(is_private_address(text)) << text;
  }
}

TEST(PrivateAddress, global_addresses_are_not) {
  for (const char* text :
       {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.128.0.0", "172.15.255.255", "172.32.0.0",
        "192.0.3.1", "198.20.0.0", "2001:4860:4860::8888", "2a00:1450::1", "::ffff:8.8.8.8"}) {
    EXPECT_FALSE(is_private_address(text)) << text;
  }
}

}  // namespace
}  // namespace mytoken::net
