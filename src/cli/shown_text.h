// Text of strangers on a terminal: what it may do there, and how much room it takes.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace mytoken::cli {

// `text` without anything that controls a terminal or reorders a line: each such character, and
// each byte that is no UTF-8, becomes '?'.
std::string harmless(std::string_view text);

// Columns that `text` takes on a terminal: 0 for combining characters, 2 for wide ones.
std::size_t display_width(std::string_view text);

}  // namespace mytoken::cli
