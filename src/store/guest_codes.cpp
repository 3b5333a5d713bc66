// Used codes of the guest provider in SQL; see guest_codes.h.
#include "store/guest_codes.h"

namespace mytoken::store {

using sql::Blob;

Result<bool> use_guest_code(sql::Transaction& db, const std::string& hash, Time expires_at) {
  auto added = db.execute(
      "INSERT INTO used_guest_codes (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO "
      "NOTHING",
      Blob{hash}, expires_at);
  if (!added) return tl::unexpected(added.error());
  return *added == 1;
}

Result<bool> guest_codes_are_full(sql::Connection& db) {
  auto last = db.one(
      "SELECT expires_at FROM used_guest_codes ORDER BY expires_at LIMIT 1 OFFSET $1",
      [](const sql::Row& row) { return row.integer(0); }, most_guest_codes - 1);
  if (!last) return tl::unexpected(last.error());
  return last->has_value();
}

}  // namespace mytoken::store
