// Times, durations, addresses and networks as people write them: no input may overflow, and what
// was parsed must have one canonical text. Seeds: tests/fuzz/corpus/duration_fuzz.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/duration.h"
#include "base/ip_address.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mytoken;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Time now = from_unix(1'700'000'000);
  const auto duration = parse_duration(text);
  if (duration) require(*duration >= Seconds(0) && *duration <= Seconds(1000LL * 365 * 86400));
  parse_time(text, now);
  const auto relative = parse_time('+' + std::string(text), now);
  if (relative) require(*relative >= now);
  if (duration && relative) require(*relative == now + *duration);

  if (const auto address = Address::parse(text)) {
    require(Address::parse(address->text()) == address);
    require(Network::parse(text) == Network(*address));
  }
  if (const auto network = Network::parse(text)) {
    require(Network::parse(network->text()) == network);
    require(network->contains(*network) && network->contains(network->address()));
  }
  return 0;
}
