// A QR code as text: two modules per character cell (half blocks), error correction M (ISO/IEC
// 18004).
#pragma once
#include <string>
#include <string_view>

namespace mytoken::cli {

// Lines with line feeds, or "" if `text` does not fit into a code. `columns` gets the width. With
// `uses_colour` black and white are set explicitly; without, the picture is right on dark
// terminals.
std::string qr_code(std::string_view text, bool uses_colour, int& columns);

}  // namespace mytoken::cli
