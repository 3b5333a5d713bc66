// --profile: a whole mytoken request as JSON, or names of profiles of the server (spec cli.md
// §1.7). What other flags say wins over it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/context.h"

namespace mytoken::cli {

// JSON object, a file with one (./ ../ / ~/ @), or names separated by blanks, which become
// `include`. Without --profile $MYTOKEN_PROFILE; {} without both. Times in words are turned into
// numbers (W4). Errors (usage): an unknown member, a wrong type (W6).
client::Outcome<json::object> build_profile(const Context& context,
                                            const std::optional<std::string>& flag);

}  // namespace mytoken::cli
