// One row per user and grant that was ever switched; see grants.h.
#include "store/grants.h"

namespace mytoken::store {

Result<bool> is_grant_enabled(sql::Connection& db, UserId user, std::string_view grant_type) {
  auto row = db.one(
      "SELECT enabled FROM user_grants WHERE user_id = $1 AND grant_type = $2",
      [](const sql::Row& r) { return r.flag(0); }, user, grant_type);
  if (!row) return tl::unexpected(row.error());
  return row->value_or(false);
}

Result<void> set_grant(sql::Transaction& db, UserId user, std::string_view grant_type,
                       bool enabled) {
  return db.post(
      "INSERT INTO user_grants (user_id, grant_type, enabled) VALUES ($1, $2, $3) "
      "ON CONFLICT (user_id, grant_type) DO UPDATE SET enabled = excluded.enabled",
      user, grant_type, enabled);
}

}  // namespace mytoken::store
