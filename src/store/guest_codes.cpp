// Used codes of the guest provider in SQL; see guest_codes.h.
#include "store/guest_codes.h"

namespace mytoken::store {

using sql::Blob;

Result<bool> use_guest_code(sql::Transaction& db, const std::string& hash, Time expires_at) {
  auto count = db.one("SELECT count(*) FROM used_guest_codes",
                      [](const sql::Row& row) { return row.integer(0); });
  if (!count) return tl::unexpected(count.error());
  if (count->value_or(0) >= most_guest_codes)
    return fail(unavailable("too many guests logged in at the same time", Seconds(60)));
  auto added = db.execute(
      "INSERT INTO used_guest_codes (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO "
      "NOTHING",
      Blob{hash}, expires_at);
  if (!added) return tl::unexpected(added.error());
  return *added == 1;
}

}  // namespace mytoken::store
