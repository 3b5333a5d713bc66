// Addresses of servers, beyond the public part (mytoken/client.h). A mytoken is worth as much as
// the account behind it, so it travels over https only; plain http is accepted for this machine
// itself.
#pragma once
#include <string>
#include <string_view>

namespace mytoken::client {

// True for an address on this machine (any scheme).
bool is_loopback(const std::string& url);

// Whether the server at `server_url` may name `text` as an address of its own: as
// parse_server_url(), but this machine only if the server is on it, or strangers could have
// requests sent to whatever listens here.
bool is_announceable(std::string_view text, const std::string& server_url);

}  // namespace mytoken::client
