// Opening an address in the user's browser, where there is one.
#pragma once
#include <string>

#include "cli/context.h"

namespace mytoken::cli {

// Starts xdg-open with `address` (http or https) and does not wait for it. False, and nothing
// happened, unless stderr is a terminal of a local desktop session (DISPLAY or WAYLAND_DISPLAY, not
// over ssh) that has xdg-open. The child gets no mytoken: variables with tokens are left out.
bool open_browser(const Context& context, const std::string& address);

}  // namespace mytoken::cli
