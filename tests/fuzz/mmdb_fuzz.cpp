// Files of countries in MaxMind's MMDB format, as somebody might slip them to the server.
#include "countries.h"

using namespace mytoken;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::look_up_in(net::read_mmdb(std::string(fuzz::as_text(data, size))));
  return 0;
}
