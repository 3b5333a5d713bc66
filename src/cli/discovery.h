// The discovery of the client library (mytoken/discovery.h) in the places of a command.
#pragma once
#include <mytoken/discovery.h>

#include <optional>
#include <string_view>

#include "base/secret.h"
#include "cli/context.h"

namespace mytoken::cli {

// Without white space at both ends.
Secret trimmed(std::string_view text);

using Discovery = client::DiscoveredToken;

// With the variables and the temporary directory of `context`; warnings go to its console.
client::Outcome<std::optional<Discovery>> discover_token(Context& context);

}  // namespace mytoken::cli
