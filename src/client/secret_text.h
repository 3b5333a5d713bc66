// Texts that grow while a secret is being read.
#pragma once
#include <string>
#include <string_view>

namespace mytoken::client {

// Like text.append(more), but no copy of the former text is left behind in memory.
void append_wiping(std::string& text, std::string_view more);

}  // namespace mytoken::client
