// Light modules are the drawn ones, so that a dark background is the dark modules.
#include "cli/qr.h"

#include <qrencode.h>

#include <memory>

namespace mytoken::cli {
namespace {

constexpr int quiet_zone = 2;  // modules; phones need no more on a screen

struct FreeCode {
  void operator()(QRcode* code) const { QRcode_free(code); }
};

}  // namespace

std::string qr_code(std::string_view text, bool uses_colour, int& columns) {
  columns = 0;
  const std::unique_ptr<QRcode, FreeCode> code(
      QRcode_encodeString8bit(std::string(text).c_str(), 0, QR_ECLEVEL_M));
  if (!code) return "";
  const int width = code->width;
  columns = width + 2 * quiet_zone;
  const auto is_light = [&](int x, int y) {
    if (x < 0 || y < 0 || x >= width || y >= width)
      return y < width + quiet_zone;  // nothing below the last row
    return (code->data[y * width + x] & 1) == 0;
  };
  std::string picture;
  for (int y = -quiet_zone; y < width + quiet_zone; y += 2) {
    if (uses_colour) picture += "\x1b[97;40m";
    for (int x = -quiet_zone; x < width + quiet_zone; ++x) {
      const bool upper = is_light(x, y);
      const bool lower = is_light(x, y + 1);
      picture += upper ? (lower ? "\u2588" : "\u2580") : (lower ? "\u2584" : " ");
    }
    if (uses_colour) picture += "\x1b[0m";
    picture += '\n';
  }
  return picture;
}

}  // namespace mytoken::cli
