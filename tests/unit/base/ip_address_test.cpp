// Addresses and networks: what parses, what is equal, what contains what.
#include "base/ip_address.h"

#include <gtest/gtest.h>

#include <random>

namespace mytoken {
namespace {

std::string canonical(std::string_view text) {
  const auto address = Address::parse(text);
  return address ? address->text() : "none";
}

std::string network(std::string_view text) {
  const auto parsed = Network::parse(text);
  return parsed ? parsed->text() : "none";
}

bool covers(std::string_view outer, std::string_view inner) {
  return Network::parse(outer).value().contains(Network::parse(inner).value());
}

TEST(Address, canonical_text_is_dotted_decimal_or_rfc_5952) {
  EXPECT_EQ(canonical("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(canonical("0.0.0.0"), "0.0.0.0");
  EXPECT_EQ(canonical("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
  EXPECT_EQ(canonical("2001:0db8:0000:0001:0000:0000:0000:0001"), "2001:db8:0:1::1");
  EXPECT_EQ(canonical("2001:db8:0:1:1:1:1:1"), "2001:db8:0:1:1:1:1:1");
  EXPECT_EQ(canonical("::"), "::");
  EXPECT_EQ(canonical("::1"), "::1");
}

TEST(Address, an_ipv4_address_inside_ipv6_is_the_ipv4_address) {
  EXPECT_EQ(canonical("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(canonical("::FFFF:c000:0201"), "192.0.2.1");
  EXPECT_EQ(canonical("0:0:0:0:0:ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_TRUE(Address::parse("::ffff:192.0.2.1")->is_v4());
  EXPECT_EQ(Address::parse("::ffff:192.0.2.1"), Address::parse("192.0.2.1"));
  EXPECT_FALSE(Address::parse("::fffe:192.0.2.1")->is_v4());
}

TEST(Address, anything_but_an_address_is_refused) {
  for (const std::string_view text : {"",
                                      " ",
                                      "1",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "256.1.1.1",
                                      "01.2.3.4",
                                      "1.2.3.04",
                                      "0x1.2.3.4",
                                      "1.2.3.4 ",
                                      " 1.2.3.4",
                                      "1.2.3.4:80",
                                      "[::1]",
                                      "::1%eth0",
                                      "fe80::1%1",
                                      ":::",
                                      "1::2::3",
                                      "12345::",
                                      "g::",
                                      "::1/128",
                                      "1.2.3.-4",
                                      "1..2.3",
                                      "localhost",
                                      "::1.2.3",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      ":1:2:3:4:5:6:7"}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
  EXPECT_FALSE(Address::parse(std::string_view("1.2.3.4\0", 8)));
  EXPECT_FALSE(Address::parse(std::string_view("1.2.3.4\0.5", 10)));
  EXPECT_FALSE(Address::parse(std::string(100, '1')));
}

TEST(Network, text_is_canonical) {
  EXPECT_EQ(network("192.0.2.0/24"), "192.0.2.0/24");
  EXPECT_EQ(network("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(network("192.0.2.1/32"), "192.0.2.1");
  EXPECT_EQ(network("2001:DB8::/32"), "2001:db8::/32");
  EXPECT_EQ(network("::1/128"), "::1");
  EXPECT_EQ(network("0.0.0.0/0"), "0.0.0.0/0");
  EXPECT_EQ(network("::/0"), "::/0");
}

TEST(Network, with_host_bits_set_is_the_single_address) {
  EXPECT_EQ(network("192.0.2.7/24"), "192.0.2.7");
  EXPECT_EQ(network("192.0.2.1/0"), "192.0.2.1");
  EXPECT_EQ(network("2001:db8::1/64"), "2001:db8::1");
  EXPECT_EQ(network("128.0.0.0/1"), "128.0.0.0/1");
  EXPECT_EQ(network("192.0.0.0/1"), "192.0.0.0");
}

TEST(Network, an_ipv4_network_inside_ipv6_is_the_ipv4_network) {
  EXPECT_EQ(network("::ffff:10.0.0.0/104"), "10.0.0.0/8");
  EXPECT_EQ(network("::ffff:0.0.0.0/96"), "0.0.0.0/0");
  EXPECT_EQ(network("::ffff:0.0.0.0/80"), "0.0.0.0");
  EXPECT_EQ(network("::ffff:10.0.0.1/128"), "10.0.0.1");
}

TEST(Network, a_broken_prefix_is_refused) {
  for (const std::string_view text :
       {"192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/+8", "192.0.2.0/08",
        "192.0.2.0/ 8", "192.0.2.0/8 ", "192.0.2.0/24/24", "/24", "::/129", "10/8",
        "192.0.2.0/255.255.255.0", "192.0.2.0/99999999999", "example.com/24"}) {
    EXPECT_FALSE(Network::parse(text)) << text;
  }
}

TEST(Network, containment_is_by_bits_and_family) {
  EXPECT_TRUE(covers("192.0.2.0/25", "192.0.2.100"));
  EXPECT_FALSE(covers("192.0.2.0/25", "192.0.2.128"));
  EXPECT_TRUE(covers("0.0.0.0/0", "255.255.255.255"));
  EXPECT_FALSE(covers("0.0.0.0/0", "::1"));
  EXPECT_FALSE(covers("::/0", "192.0.2.1"));
  EXPECT_FALSE(covers("::/0", "::ffff:192.0.2.1"));
  EXPECT_TRUE(covers("10.0.0.0/8", "10.1.0.0/16"));
  EXPECT_TRUE(covers("10.0.0.0/8", "10.0.0.0/8"));
  EXPECT_FALSE(covers("10.1.0.0/16", "10.0.0.0/8"));
  EXPECT_TRUE(covers("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(covers("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(covers("192.0.2.1", "192.0.2.1/32"));
}

TEST(Network, containment_agrees_with_plain_arithmetic) {
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    const auto prefix = static_cast<int>(random() % 33);
    const std::uint32_t mask = prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix);
    const auto base = static_cast<std::uint32_t>(random()) & mask;
    const auto other = (random() % 2) ? static_cast<std::uint32_t>(random())
                                      : base ^ (std::uint32_t{1} << (random() % 32));
    const auto dotted = [](std::uint32_t value) {
      return std::to_string(value >> 24) + '.' + std::to_string((value >> 16) & 255) + '.' +
             std::to_string((value >> 8) & 255) + '.' + std::to_string(value & 255);
    };
    const std::string text = dotted(base) + '/' + std::to_string(prefix);
    EXPECT_EQ(Network::parse(text)->contains(*Address::parse(dotted(other))),
              (other & mask) == base)
        << text << ' ' << dotted(other);
    EXPECT_EQ(canonical(dotted(other)), dotted(other));
  }
}

}  // namespace
}  // namespace mytoken
