// Logins that were interrupted while they waited for the user's approval: what is needed to go on
// waiting, in a file of the user's alone until then.
#pragma once
#include <optional>
#include <string>

#include <mytoken/client.h>
#include "cli/context.h"

namespace mytoken::cli {

inline constexpr std::size_t login_code_length = 8;

struct PendingLogin {
  std::string server_url;
  client::Authorization authorization;  // without consent_uri; expires_in from now on
};

// Saves it; the short code under which it is found again, "" if there is no place for it or no time
// left.
std::string save_login(const Context& context, const PendingLogin& login);

// nullopt: none of that name, or its time is over.
std::optional<PendingLogin> load_login(const Context& context, const std::string& code);
void forget_login(const Context& context, const std::string& code);

}  // namespace mytoken::cli
