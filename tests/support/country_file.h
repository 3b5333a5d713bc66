// Small databases of countries in IP2Location's BIN format, whose layout is in net/geoip_bin.cpp.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/ip_address.h"

namespace mytoken::test {

// From this address on: the country, "-" for none. In ascending order, IPv4 and IPv6 apart.
using CountryRanges = std::vector<std::pair<std::string, std::string>>;

inline std::string country_file(const CountryRanges& v4, const CountryRanges& v6) {
  const auto number = [](std::size_t value) {
    std::string bytes;
    for (int i = 0; i < 4; ++i)
      bytes += static_cast<char>(value >> (8 * i) & 0xff);
    return bytes;
  };
  constexpr std::size_t header = 64;
  const std::size_t table6 = header + v4.size() * 8;
  std::size_t end = table6 + v6.size() * 20;
  std::map<std::string, std::size_t> offsets;
  std::string names;
  const auto rows = [&](const CountryRanges& ranges) {
    std::string table;
    for (const auto& [first, country] : ranges) {
      const Address address = *Address::parse(first);
      const std::size_t size = address.is_v4() ? 4 : 16;
      for (std::size_t i = size; i-- > 0;)
        table += static_cast<char>(address.bytes()[i]);
      if (!offsets.contains(country)) {
        offsets[country] = end + names.size();
        names += static_cast<char>(country.size());
        names += country;
      }
      table += number(offsets[country]);
    }
    return table;
  };
  std::string file = {1, 2, 26, 11, 30};
  file += number(v4.size()) + number(header + 1) + number(v6.size()) + number(table6 + 1);
  file.resize(header, '\0');
  file += rows(v4);
  file += rows(v6);
  return file + names + std::string(3, '\0');
}

}  // namespace mytoken::test
