// A database as it looks after years of use: many users' tokens that nobody presents during the
// run. Rows have real sizes; what is sealed in real ones is random bytes here.
#pragma once
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "sql/database.h"

namespace mytoken::bench {

// `tokens` mytokens: ten of a user, four of a refresh token, one clause and one event each. Takes
// about 30 µs a token.
Result<void> fill(sql::Database& database, const Clock& clock, std::int64_t tokens,
                  const std::string& issuer);

}  // namespace mytoken::bench
