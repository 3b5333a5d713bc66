// What the parts of `mytoken settings` share: one command group, one set of token flags, one way
// from the flags to a session and from an answer to an exit code.
#pragma once
#include <memory>
#include <string>

#include "cli/command_line.h"
#include "cli/session.h"

namespace mytoken::cli {

using SharedTokenFlags = std::shared_ptr<const TokenFlags>;

void add_settings_grants(Command settings, const SharedTokenFlags& token, Context& context);
void add_settings_ssh(Command grants, const SharedTokenFlags& token, Context& context);
void add_settings_email(Command settings, const SharedTokenFlags& token, Context& context);
void add_settings_tags(Command settings, const SharedTokenFlags& token, Context& context);

// The one argument of a command. Error usage if it is missing or empty; `what` names it.
client::Outcome<std::string> required(const std::optional<std::string>& argument,
                                      const std::string& what);

// Opens a session, lets `change` do its request, and confirms with `line` or `object`.
// `capability`: what the mytoken needs for it.
int change_settings(Context& context, const TokenFlags& token, std::string_view capability,
                    const std::function<client::Outcome<client::Done>(Session& session)>& change,
                    const std::string& line, const json::object& object);

}  // namespace mytoken::cli
