// The exchanged counters in SQL; see shared_counts.h.
#include "store/shared_counts.h"

namespace mytoken::store {

using sql::Blob;

Result<void> set_shared_counts(sql::Transaction& db, const std::string& server,
                               const std::string& counts, Time now) {
  return db.post(
      "INSERT INTO shared_counts (server, time, counts) VALUES ($1, $2, $3) ON CONFLICT (server) "
      "DO UPDATE SET time = excluded.time, counts = excluded.counts",
      server, now, Blob{counts});
}

Result<std::vector<std::string>> shared_counts_of_others(sql::Connection& db,
                                                         const std::string& server) {
  return db.all(
      "SELECT counts FROM shared_counts WHERE server <> $1 ORDER BY time DESC LIMIT 1000",
      [](const sql::Row& row) { return row.bytes(0); }, server);
}

Result<void> remove_shared_counts(sql::Transaction& db, Time before) {
  return db.post("DELETE FROM shared_counts WHERE time < $1", before);
}

}  // namespace mytoken::store
