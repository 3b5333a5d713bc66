// Envelopes as they may stand in a hostile database: opening never crashes, sealed text comes back,
// and no altered envelope opens.
#include "crypto/envelope.h"

#include "require.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace mytoken;
  using fuzz::require;
  static const Secret secret(std::string("header.payload.signature"));
  constexpr std::string_view context = "refresh_token:42";
  const std::string_view text = fuzz::as_text(data, size);

  if (const auto plain = crypto::open(text, secret, context)) {
    require(plain->size() + 46 == size, "an envelope is 46 bytes longer than its content");
    require(!crypto::open(text, secret, "refresh_token:43"), "an envelope belongs to its row");
  }
  std::string envelope = crypto::seal(text, secret, context);
  const auto plain = crypto::open(envelope, secret, context);
  require(plain && plain->reveal() == text, "what was sealed comes back");
  const std::size_t bit = size == 0 ? 0 : (data[0] * 256u + data[size - 1]) % (envelope.size() * 8);
  envelope[bit / 8] = static_cast<char>(envelope[bit / 8] ^ (1 << (bit % 8)));
  require(!crypto::open(envelope, secret, context), "an altered envelope stays shut");
  return 0;
}
