// Arithmetic on IP addresses and networks (RFC 4291, 4632): parsing, canonical text, containment,
// proxies.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mytoken::net {

// Client address behind trusted proxies (spec tokens.md §4, operations.md §18): `peer` is the
// socket's address, `header` the value of the configured header ("" = absent). Right-most untrusted
// entry; ports and brackets stripped;
// ::ffff:a.b.c.d as IPv4. An untrusted peer's header is ignored. An entry that is no address ends
// the walk: the result is then "" (fails closed).
struct TrustedProxies {
  std::vector<std::string> networks;  // CIDRs or addresses; "*" = everyone
};
std::string client_address(std::string_view peer, std::string_view header,
                           const TrustedProxies& proxies);

// Canonical text of an address ("::ffff:1.2.3.4" -> "1.2.3.4"), nullopt if it is none.
std::optional<std::string> canonical_address(std::string_view text);

// Loopback, private, link-local, unique-local, CGNAT, multicast, unspecified, documentation and
// benchmarking ranges.
bool is_private_address(std::string_view address);

}  // namespace mytoken::net
