// Files of countries in IP2Location's BIN format, as somebody might slip them to the server.
#include "countries.h"

using namespace mytoken;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::look_up_in(net::read_bin(std::string(fuzz::as_text(data, size))));
  return 0;
}
