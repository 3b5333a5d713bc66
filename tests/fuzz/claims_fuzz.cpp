// Payloads of tokens: whatever is understood must be written and understood again as the same
// claims, and the checks and the rotation must cope with any values. Seeds:
// tests/fuzz/corpus/claims_fuzz.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "token/claims.h"
#include "token/representation.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mytoken;
  using namespace mytoken::token;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  classify(text);
  parse_mom_id(text);
  mytoken_id(text);

  const auto claims = parse_claims(text);
  if (!claims) return 0;
  const auto again = parse_claims(serialize(*claims));
  require(again && *again == *claims);
  const Time now = from_unix(1'700'000'000);
  const auto accepted = accept(*claims, now, {claims->iss, Seconds(5), true});
  if (accepted) require(!claims->oidc_sub.empty() && mytoken_id(claims->jti));
  const Claims successor = rotated(*claims, now);
  require(successor.jti == claims->jti && successor.restrictions == claims->restrictions);
  validity_at_creation(claims->restrictions, claims->rotation, now);
  return 0;
}
