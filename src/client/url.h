// Addresses of servers. A mytoken is worth as much as the account behind it, so it travels over
// https only; plain http is accepted for this machine itself. Source: spec cli.md §1.13 (W17, W19).
#pragma once
#include <string>
#include <string_view>

#include "client/error.h"

namespace mytoken::client {

// `text` as an address to send secrets to: http(s), a host, no user, query or fragment; http only
// for localhost, 127.0.0.0/8 and [::1]. Result: the text without trailing slashes. ErrorKind::usage
// otherwise.
Outcome<std::string> parse_server_url(std::string_view text);

// True for an address on this machine (any scheme).
bool is_loopback(const std::string& url);

// Equal but for one trailing slash.
bool same_issuer(std::string_view a, std::string_view b);

}  // namespace mytoken::client
