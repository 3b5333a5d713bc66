// What claims mean: identifiers derived from them, the acceptance checks, and the times of a new or
// rotated token.
#include "token/claims.h"

#include <algorithm>

#include "base/encoding.h"
#include "crypto/hash.h"

namespace mytoken::token {
namespace {

constexpr std::size_t uuid_length = 36;
constexpr std::size_t mom_id_length = 88;
constexpr std::size_t mytoken_id_length = 64;

// The 16 bytes of a UUID in its only text form, 8-4-4-4-12 (RFC 9562 §4).
std::optional<std::string> uuid_bytes(std::string_view text) {
  if (text.size() != uuid_length) return std::nullopt;
  std::string digits;
  digits.reserve(32);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return std::nullopt;
    if (!dash) digits += text[i];
  }
  return decode_hex(digits);
}

// time + duration, staying at the end of time instead of wrapping. `duration` is not negative.
Time later(Time time, Seconds duration) {
  return duration > Time::max() - time ? Time::max() : time + duration;
}

// The exp of a token whose clauses end at `end`, if rotation gives each of its forms a lifetime.
std::optional<Time> limited(std::optional<Time> end, Seconds lifetime, Time now) {
  const Time limit = later(now, lifetime);
  return end ? std::min(*end, limit) : limit;
}

}  // namespace

std::string subject(std::string_view oidc_sub, std::string_view oidc_iss) {
  std::string text;
  if (!oidc_sub.empty() && !oidc_iss.empty()) {
    text.reserve(oidc_sub.size() + 1 + oidc_iss.size());
    text.append(oidc_sub).append("@").append(oidc_iss);
  }
  return base64(crypto::sha3_256(text));
}

std::optional<std::string> mytoken_id(std::string_view jti) {
  const auto bytes = uuid_bytes(jti);
  if (!bytes || bytes->find_first_not_of('\0') == std::string::npos) return std::nullopt;
  return crypto::sha512(*bytes);
}

std::string mom_id(std::string_view mytoken_id) {
  return base64(mytoken_id);
}

std::optional<std::string> parse_mom_id(std::string_view mom_id) {
  if (mom_id.size() != mom_id_length) return std::nullopt;
  auto bytes = decode_base64(mom_id);
  if (!bytes || bytes->size() != mytoken_id_length) return std::nullopt;
  return bytes;
}

Result<void> accept(const Claims& claims, Time now, const AcceptanceOptions& options) {
  if (options.check_times) {
    if (claims.exp && now > *claims.exp) return fail(invalid_token("token is expired"));
    if (later(now, options.skew) < claims.iat)
      return fail(invalid_token("token used before issued"));
    if (later(now, options.skew) < claims.nbf) return fail(invalid_token("token is not valid yet"));
  }
  if (claims.iss != options.issuer) return fail(invalid_token("invalid issuer"));
  if (claims.aud != options.issuer) return fail(invalid_token("invalid audience"));
  const auto id = uuid_bytes(claims.jti);
  if (!id || id->find_first_not_of('\0') == std::string::npos)
    return fail(invalid_token("invalid id"));
  // Two users without a subject would share one identity.
  if (claims.oidc_sub.empty() || claims.oidc_iss.empty() ||
      claims.sub != subject(claims.oidc_sub, claims.oidc_iss)) {
    return fail(invalid_token("invalid subject"));
  }
  return {};
}

Validity validity_at_creation(const Restrictions& restrictions,
                              const std::optional<Rotation>& rotation, Time now) {
  Validity validity;
  validity.iat = now;
  validity.nbf = std::max(now, not_before(restrictions).value_or(now));
  validity.stored_expires_at = expiry(restrictions);
  validity.exp = validity.stored_expires_at;
  if (rotation && rotation->lifetime > Seconds(0))
    validity.exp = limited(validity.exp, rotation->lifetime, now);
  return validity;
}

Claims rotated(const Claims& claims, Time now) {
  Claims successor = claims;
  ++successor.seq_no;
  successor.iat = now;
  successor.nbf = now;
  if (claims.rotation && claims.rotation->lifetime > Seconds(0)) {
    successor.exp = limited(expiry(claims.restrictions), claims.rotation->lifetime, now);
  }
  return successor;
}

}  // namespace mytoken::token
