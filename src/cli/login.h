// Logging in by a browser: shows the address, opens it, waits for the approval.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "cli/pending_login.h"
#include "cli/session.h"

namespace mytoken::cli {

struct LoginFlags {
  bool no_browser = false;
  bool quiet = false;
  std::optional<std::string> resume;

  void declare(Command& command);
  // Without --resume.
  void declare_display(Command& command);
};

// The address where the user approves `what`, in a browser if there is one.
void show_authorization(Context& context, const client::Authorization& authorization,
                        const LoginFlags& flags, const std::string& what);

// Calls `wait` with the progress to hand to the client: on a terminal a line with the time left.
void wait_with_spinner(Context& context, const LoginFlags& flags,
                       const std::function<void(const client::Client::Progress&)>& wait);

// On a terminal also a QR code if it fits, and a line with the remaining time. A login that ends
// before anybody decided can be resumed: `resumable` is its code then. Errors: as of
// Client::wait_for_authorization.
client::Outcome<client::Mytoken> log_in(Context& context, Session& session,
                                        const client::MytokenRequest& request,
                                        const LoginFlags& flags, std::string& resumable);

// A login that is to be waited for again, and the session with its server.
struct ResumedLogin {
  Session session;
  PendingLogin login;
};

// The login that --resume names: a code told by log_in(), a polling code, or "-" (a polling code is
// asked for). Errors also: usage, no such login.
client::Outcome<ResumedLogin> session_to_resume(Context& context, const Config& config,
                                                const LoginFlags& flags);
client::Outcome<client::Mytoken> resume_login(Context& context, ResumedLogin& resumed,
                                              const LoginFlags& flags, std::string& resumable);

}  // namespace mytoken::cli
