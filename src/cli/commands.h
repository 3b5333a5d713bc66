// The commands. Each file command_*.cpp declares its flags and says what it does; a new command is
// a new file and a line here and in app.cpp. The flags live as long as the command line.
#pragma once
#include "cli/command_line.h"
#include "cli/context.h"
#include "cli/token_flags.h"

namespace mytoken::cli {

void add_mytoken(Command root, Context& context);       // MT
void add_access_token(Command root, Context& context);  // AT
void add_tokeninfo(Command root, Context& context);     // info
void add_verify(Command root, Context& context);
void add_settings(Command root, Context& context);
void add_revoke(Command root, Context& context);
void add_completion(Command root, Context& context);
void add_store(Command root, Context& context);
void add_transfer(Command root, Context& context);
void add_notifications(Command root, Context& context);
void add_calendars(Command root, Context& context);
void add_profiles(Command root, Context& context);
void add_list(Command root, Context& context);  // list providers
void add_config(Command root, Context& context);
void add_capabilities(Command root, Context& context);
void add_exec(Command root, Context& context);
void add_agent(Command root, Context& context);
void add_credential_helper(Command root, Context& context);
void add_check(Command root, Context& context);

// Commands below another one, which has declared the flags `token`.
void add_mytoken_tags(Command mytoken, const std::shared_ptr<const TokenFlags>& token,
                      Context& context);
void add_list_mytokens(Command parent, const std::shared_ptr<const TokenFlags>& token,
                       Context& context);

}  // namespace mytoken::cli
