// Which codes of the guest provider were used: what makes them single-use on all servers.
#pragma once
#include <string>

#include "sql/connection.h"

namespace mytoken::store {

// With so many used codes remembered no more are taken from outside until some have run out.
inline constexpr std::int64_t most_guest_codes = 10'000;

// Notes that the code with this SHA-256 is used; it is forgotten after `expires_at`
// (purge_expired). False: it was used before.
Result<bool> use_guest_code(sql::Transaction& db, const std::string& hash, Time expires_at);
// Whether most_guest_codes are remembered.
Result<bool> guest_codes_are_full(sql::Connection& db);

}  // namespace mytoken::store
