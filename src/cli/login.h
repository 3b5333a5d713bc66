// A login as the user sees it: address and QR code, a spinner with the remaining time, and the end
// of it, all on stderr.
#pragma once
#include "cli/session.h"

namespace mytoken::cli {

// Starts the authorization, shows it, waits. Errors as of client::Client::wait_for_authorization.
client::Outcome<client::Mytoken> log_in(Context& context, Session& session,
                                        const client::MytokenRequest& request);

}  // namespace mytoken::cli
