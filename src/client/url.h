// Addresses of servers, beyond the public part (mytoken/client.h). A mytoken is worth as much as
// the account behind it, so it travels over https only; plain http is accepted for this machine
// itself.
#pragma once
#include <string>

namespace mytoken::client {

// True for an address on this machine (any scheme).
bool is_loopback(const std::string& url);

}  // namespace mytoken::client
