// What both readers of country databases must keep to, whatever the file is.
#pragma once
#include <memory>

#include "net/geoip.h"
#include "require.h"

namespace mytoken::fuzz {

inline void look_up_in(const Result<std::shared_ptr<const net::CountryDatabase>>& database) {
  if (!database) {
    require(!database.error().cause.empty(), "a refusal says why");
    return;
  }
  for (const char* text : {"0.0.0.0", "8.8.8.8", "192.0.2.1", "255.255.255.255", "::2",
                           "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    const std::string country = (*database)->country(*Address::parse(text));
    require(country.empty() || (country.size() == 2 && country[0] >= 'A' && country[0] <= 'Z' &&
                                country[1] >= 'A' && country[1] <= 'Z'),
            "a country is two upper-case letters or unknown");
  }
}

}  // namespace mytoken::fuzz
