// Logging in by a browser: shows the address, opens it, waits for the approval.
#pragma once
#include <optional>
#include <string>

#include "cli/session.h"

namespace mytoken::cli {

struct LoginFlags {
  bool no_browser = false;
  bool quiet = false;
  std::optional<std::string> resume;

  void declare(Command& command);
};

// On a terminal also a QR code if it fits, and a line with the remaining time. A login that ends
// before anybody decided can be resumed: `resumable` is its code then. Errors: as of
// Client::wait_for_authorization.
client::Outcome<client::Mytoken> log_in(Context& context, Session& session,
                                        const client::MytokenRequest& request,
                                        const LoginFlags& flags, std::string& resumable);

// Goes on waiting for the login that --resume names: a code told by log_in(), a polling code, or
// "-" (a polling code is asked for). Errors also: usage, no such login.
client::Outcome<client::Mytoken> resume_login(Context& context, const Config& config,
                                              const LoginFlags& flags, std::string& resumable);

}  // namespace mytoken::cli
