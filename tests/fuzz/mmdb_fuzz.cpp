// Files of countries in MaxMind's MMDB format, as somebody might slip them to the server.
#include <cstdint>
#include <string>

#include "net/geoip.h"
#include "require.h"

using namespace mytoken;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto database = net::read_mmdb(std::string(fuzz::as_text(data, size)));
  if (!database) {
    fuzz::require(!database.error().cause.empty(), "a refusal says why");
    return 0;
  }
  for (const char* text : {"0.0.0.0", "8.8.8.8", "192.0.2.1", "255.255.255.255", "::2",
                           "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    const std::string country = (*database)->country(*Address::parse(text));
    fuzz::require(country.empty() || (country.size() == 2 && country[0] >= 'A' &&
                                      country[0] <= 'Z' && country[1] >= 'A' && country[1] <= 'Z'),
                  "a country is two upper-case letters or unknown");
  }
  return 0;
}
