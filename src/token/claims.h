// The claims of a mytoken JWT (spec tokens.md §1) and the rotation object (§7.1).
// Vectors: subject.json, expiry.json.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "token/capability.h"
#include "token/restriction.h"

namespace mytoken::token {

struct Rotation {
  bool on_at = false;  // on_AT
  bool on_other = false;
  Seconds lifetime{0};  // 0 = none
  bool auto_revoke = false;
  bool operator==(const Rotation&) const = default;
};
// An object (members as in §7.1; null or absent = none; unknown members refused; lifetime
// unsigned). invalid_request.
Result<std::optional<Rotation>> parse_rotation(const json::value* value);
// Members only if true / non-zero.
json::object to_json(const Rotation& rotation);

struct Claims {
  std::string ver = "0.7";
  std::string iss;
  std::string sub;
  std::uint64_t seq_no = 1;
  std::string name;
  std::string aud;
  std::string oidc_sub;
  std::string oidc_iss;
  Capabilities capabilities;
  std::optional<Time> exp;
  Time nbf{};
  Time iat{};
  std::optional<Time> auth_time;
  std::string jti;
  Restrictions restrictions;
  std::optional<Rotation> rotation;

  bool operator==(const Claims&) const = default;
};

// Members in the order of §1.2.
json::object to_json(const Claims& claims);
// JWT payload text: compact JSON with the escaping of §5.6.
std::string serialize(const Claims& claims);
// Of a payload whose signature was verified. Error invalid_token. Old forms of §1.2 are accepted.
Result<Claims> parse_claims(std::string_view payload);

// b64(SHA3-256(oidc_sub@oidc_iss)); of the empty text if either is empty (§1.4).
std::string subject(std::string_view oidc_sub, std::string_view oidc_iss);
// SHA-512 over the 16 raw bytes of the UUID: 64 raw bytes, the database id. nullopt: not a UUID, or
// all zeros.
std::optional<std::string> mytoken_id(std::string_view jti);
// As users see it: base64 of mytoken_id (88 characters).
std::string mom_id(std::string_view mytoken_id);
// The reverse; nullopt for anything but 88 characters of a 64-byte value.
std::optional<std::string> parse_mom_id(std::string_view mom_id);

struct AcceptanceOptions {
  std::string issuer;
  Seconds skew{5};          // tolerated on iat and nbf
  bool check_times = true;  // false when a code is redeemed or a token revoked
};
// §1.3 without the signature: exp, iat, nbf, iss, aud, jti, sub. Error invalid_token with a short
// reason.
Result<void> accept(const Claims& claims, Time now, const AcceptanceOptions& options);

// exp, nbf, iat of a new or rotated token (§1.5, §7.2) from final restrictions and rotation.
struct Validity {
  std::optional<Time> exp;
  Time nbf{};
  Time iat{};
  std::optional<Time> stored_expires_at;  // from the restrictions alone
};
Validity validity_at_creation(const Restrictions& restrictions,
                              const std::optional<Rotation>& rotation, Time now);
// Claims of the successor: seq_no + 1, iat = nbf = now, exp per §7.2; everything else equal.
Claims rotated(const Claims& claims, Time now);

}  // namespace mytoken::token
