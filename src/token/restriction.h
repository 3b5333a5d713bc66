// Restrictions (spec tokens.md §5): a token may be used if at least one clause allows it; within a
// clause all keys must hold. Parsing is strict where dropping something would widen a token.
// Vectors: restriction_hash.json.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"

namespace mytoken::token {

struct Clause {
  std::optional<Time> nbf;  // not before (absent or 0 in JSON = none)
  std::optional<Time> exp;  // last second of validity
  // As written, order kept; empty = unlimited. Surplus blanks of the text are empty words (the text
  // enters the hash), so whoever looks at single scopes skips empty words.
  std::vector<std::string> scope;
  std::vector<std::string> audience;     // empty = unlimited
  std::vector<std::string> hosts;        // address, CIDR, host name, wildcard; empty = anywhere
  std::vector<std::string> geoip_allow;  // two-letter codes
  std::vector<std::string> geoip_disallow;
  std::optional<std::int64_t> usages_at;  // usages_AT; 0 = never
  std::optional<std::int64_t> usages_other;

  bool operator==(const Clause&) const = default;
  bool empty() const;
};

using Restrictions = std::vector<Clause>;

inline constexpr std::size_t most_clauses = 100;  // of one request

// Which clause members exist, by JSON name, in canonical order (nbf … usages_other).
std::vector<std::string> restriction_claims();

// `restrictions` of a request: array of clauses, one clause, null/absent. Times as in §5.2, `ip` =
// hosts (both: error). Unknown members, wrong types, negative numbers, empty list entries:
// invalid_request naming the member. `include` and names of templates (strings) are refused with
// invalid_request "unknown template …": they are resolved before (token/template.h).
// Clauses without any value are removed.
Result<Restrictions> parse_restrictions(const json::value* value, Time now);

// `restrictions` of a JWT of ours (integers only, `ip` accepted, unknown members ignored because
// the signature vouches).
Result<Restrictions> parse_restrictions_claim(const json::value& value);

// Members in canonical order, absent ones omitted. Scope is one string.
json::object to_json(const Clause& clause);
json::array to_json(const Restrictions& restrictions);

// Canonical JSON text of §5.6 (its own escaping), with `hosts` written as `ip` for the legacy hash.
std::string canonical(const Clause& clause, bool legacy = false);
void append_canonical(std::string& to, const Clause& clause, bool legacy = false);
// SHA-512 of the canonical text: 64 raw bytes (clients see base64).
std::string clause_hash(const Clause& clause);
std::string legacy_clause_hash(const Clause& clause);

// The first of equal clauses only: they would share one counter anyway (profiles.md §5).
Restrictions without_repetitions(Restrictions restrictions);

// Replaces hosts entries equal to "this" (any case) by the client's address; error invalid_request
// if it is unknown.
Result<void> replace_this(Restrictions& restrictions, std::string_view client_address);
// Removes the named members (features.unsupported_restrictions).
void remove_claims(Restrictions& restrictions, const std::vector<std::string>& names);
// §5.9: exp = now + limit where absent or later; no clauses -> one. limit 0 = unlimited.
Restrictions with_maximum_lifetime(Restrictions restrictions, Time now, Seconds limit);

// Largest exp if all clauses have one (§1.5).
std::optional<Time> expiry(const Restrictions& restrictions);
// Smallest nbf if all clauses have one.
std::optional<Time> not_before(const Restrictions& restrictions);

// Splits at blanks; no empty words.
std::vector<std::string> words(std::string_view text);
// The reverse, with one blank between two words.
std::string join(const std::vector<std::string>& words);

}  // namespace mytoken::token
