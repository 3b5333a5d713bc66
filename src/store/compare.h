// What separates an older state of a database from the newer one that it is to replace: found by
// walking over both in the order of the tokens' ids.
#pragma once
#include <cstdint>

#include "sql/database.h"

namespace mytoken::store {

struct Differences {
  std::int64_t made = 0;       // tokens that only the newer one has
  std::int64_t revoked = 0;    // tokens that only the older one has
  std::int64_t rotated = 0;    // tokens with a newer number
  std::int64_t refreshed = 0;  // refresh tokens with a newer version
  bool any() const { return made != 0 || revoked != 0 || rotated != 0 || refreshed != 0; }
};
Result<Differences> compare(sql::Connection& older, sql::Connection& newer);

// Removes the tokens that the newer one no longer has, each without its descendants. Result: how
// many.
Result<std::int64_t> remove_revoked(sql::Database& older, sql::Connection& newer);

}  // namespace mytoken::store
