// Outbox and named leases in SQL; see outbox.h.
#include "store/outbox.h"

#include "store/ids.h"

namespace mytoken::store {

using sql::Blob;

Result<void> add_outbox(sql::Transaction& db, const Clock& clock, const std::string& kind,
                        const std::string& issuer, const std::string& sealed_payload) {
  return db.post(
      "INSERT INTO outbox (id, kind, issuer, sealed_payload, next_at, created) VALUES "
      "($1, $2, $3, $4, $5, $5)",
      ordered_id(clock), kind, issuer, Blob{sealed_payload}, clock.now());
}

Result<std::vector<OutboxRow>> claim_outbox(sql::Transaction& db, Time now, Seconds lease,
                                            int most) {
  // The last condition is for engines with parallel writers: who had to wait for a row that
  // somebody else claimed looks at it again.
  return db.all(
      "UPDATE outbox SET next_at = $2, attempts = attempts + 1 WHERE id IN "
      "(SELECT id FROM outbox WHERE next_at <= $1 ORDER BY next_at LIMIT $3) AND next_at <= $1 "
      "RETURNING id, kind, issuer, sealed_payload, attempts",
      [](const sql::Row& r) {
        return OutboxRow{r.integer(0), r.string(1), r.string(2), r.bytes(3), r.integer(4)};
      },
      now, now + lease, most);
}

Result<void> finish_outbox(sql::Transaction& db, std::int64_t id) {
  return db.post("DELETE FROM outbox WHERE id = $1", id);
}

Result<void> postpone_outbox(sql::Transaction& db, std::int64_t id, Time next_at) {
  return db.post("UPDATE outbox SET next_at = $2 WHERE id = $1", id, next_at);
}

Result<bool> take_named_lease(sql::Transaction& db, std::string_view name, const std::string& owner,
                              Time now, Seconds length) {
  auto changed = db.execute(
      "INSERT INTO leases (name, owner, until) VALUES ($1, $2, $4) ON CONFLICT (name) DO UPDATE "
      "SET "
      "owner = excluded.owner, until = excluded.until WHERE leases.owner = $2 OR leases.until < $3",
      name, owner, now, now + length);
  if (!changed) return tl::unexpected(changed.error());
  return *changed == 1;
}

}  // namespace mytoken::store
