// What a person who holds a transfer code needs to know.
#pragma once
#include "cli/session.h"

namespace mytoken::cli {

// On a terminal: how long the code is valid, and what to type on the other machine.
void explain_transfer_code(Context& context, const Session& session, const client::Mytoken& code);

}  // namespace mytoken::cli
