// Clauses with countries against a database of countries (spec tokens.md §5.5, W 16).
#include <gtest/gtest.h>

#include "service/access.h"
#include "support/country_file.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

class Countries : public testing::Test {
 protected:
  Countries() {
    std::ofstream(file(), std::ios::binary)
        << country_file({{"0.0.0.0", "-"}, {"192.0.2.0", "DE"}, {"192.0.3.0", "-"}},
                        {{"::", "-"}, {"2001:db8::", "FR"}, {"2001:db9::", "-"}});
    EXPECT_TRUE(geoip.load());
    site.context->countries = &geoip;
  }
  ~Countries() override { site.context->countries = nullptr; }

  std::string file() const { return site.folder / "countries.bin"; }

  Secret token(std::vector<std::string> allow, std::vector<std::string> disallow) {
    token::Clause clause;
    clause.geoip_allow = std::move(allow);
    clause.geoip_disallow = std::move(disallow);
    service::TokenWish wish;
    wish.restrictions = {clause};
    return site.login_token(std::move(wish));
  }
  // 200, or the error's code.
  std::string use(const Secret& token, const std::string& address) {
    service::AccessRequest request = site.access(token);
    request.presentation.client.address = address;
    const auto answer = site.run(service::access_token(*site.context, std::move(request)));
    return answer ? "200" : answer.error().code;
  }

  Installation site;
  net::GeoIp geoip{{file(), net::GeoIpFormat::automatic, "CH"}};
};

TEST_F(Countries, an_allow_list_admits_its_countries_only) {
  const Secret one = token({"DE", "FR"}, {});
  EXPECT_EQ(use(one, "192.0.2.1"), "200");
  EXPECT_EQ(use(one, "2001:db8::1"), "200");
  EXPECT_EQ(use(token({"FR"}, {}), "192.0.2.1"), "usage_restricted");
}

TEST_F(Countries, a_disallow_list_keeps_its_countries_out) {
  const Secret one = token({}, {"FR", "US"});
  EXPECT_EQ(use(one, "192.0.2.1"), "200");
  EXPECT_EQ(use(one, "2001:db8::1"), "usage_restricted");
}

TEST_F(Countries, W16_countries_are_compared_without_regard_to_case) {
  EXPECT_EQ(use(token({"de"}, {}), "192.0.2.1"), "200");
  EXPECT_EQ(use(token({}, {"de"}), "192.0.2.1"), "usage_restricted");
  EXPECT_EQ(use(token({}, {"De"}), "192.0.2.1"), "usage_restricted");
}

TEST_F(Countries, an_unknown_country_is_on_no_list) {
  EXPECT_EQ(use(token({"DE"}, {}), "203.0.113.1"), "usage_restricted");
  EXPECT_EQ(use(token({}, {"DE"}), "203.0.113.1"), "200");
}

TEST_F(Countries, private_and_loopback_addresses_are_where_the_server_is) {
  EXPECT_EQ(use(token({"ch"}, {}), "127.0.0.1"), "200");
  EXPECT_EQ(use(token({"ch"}, {}), "10.0.0.7"), "200");
  EXPECT_EQ(use(token({}, {"CH"}), "::1"), "usage_restricted");
  EXPECT_EQ(use(token({"DE"}, {}), "127.0.0.1"), "usage_restricted");
}

TEST_F(Countries, an_unknown_address_satisfies_no_list) {
  EXPECT_EQ(use(token({"DE"}, {}), ""), "usage_restricted");
  EXPECT_EQ(use(token({}, {"FR"}), ""), "usage_restricted");
}

TEST_F(Countries, without_a_database_a_clause_with_countries_is_unusable) {
  const net::GeoIp none({"/nowhere", net::GeoIpFormat::automatic, "CH"});
  site.context->countries = &none;
  EXPECT_EQ(use(token({"DE"}, {}), "192.0.2.1"), "usage_restricted");
  EXPECT_EQ(use(token({}, {"FR"}), "192.0.2.1"), "usage_restricted");
  EXPECT_EQ(use(token({"CH"}, {}), "127.0.0.1"), "usage_restricted");
  site.context->countries = nullptr;
  EXPECT_EQ(use(token({}, {"FR"}), "192.0.2.1"), "usage_restricted");
}

TEST_F(Countries, a_reload_counts_for_the_next_request) {
  const Secret one = token({"NL"}, {});
  EXPECT_EQ(use(one, "192.0.2.1"), "usage_restricted");
  std::ofstream(file(), std::ios::binary) << country_file({{"0.0.0.0", "NL"}}, {});
  ASSERT_TRUE(geoip.load());
  EXPECT_EQ(use(one, "192.0.2.1"), "200");
}

}  // namespace
}  // namespace mytoken::test
