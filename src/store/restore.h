// When an older state of the database comes back (a backup, a point in time, a snapshot of the
// machine), what was done in the time that is lost is unknown. It is marked before a server runs on
// that state, so that nothing that was limited or ended then is granted by mistake:
//
// - Rotating tokens. Somebody may hold a successor that this database does not know. Successors
//   made from now on get numbers (`first_seq_no`) that no lost one can have, so that a lost one is
//   recognised whenever it comes: it is refused, is no reuse, and shows that the token stored here
//   was replaced (supersede).
// - Limited clauses count as used up: how often they were used is unknown.
// - What is good for one use (codes, logins under way, answers kept for a retry) is gone.
#pragma once
#include <optional>
#include <string>

#include "sql/database.h"
#include "store/records.h"

namespace mytoken::store {

struct Restore {
  Time state_time{};  // everything up to here is known
  Time restored{};    // and everything from here on
};

struct RestoreOptions {
  Time state_time{};
  Time now{};
  bool keep_usage_counters = false;  // the operator knows that no limited token was used since
};

struct RestoreReport {
  std::int64_t rotating_tokens = 0;  // those rotated in the lost time will be refused
  std::int64_t limited_tokens = 0;   // tokens with clauses that count as used up now
  std::int64_t transfer_codes = 0;   // dropped
  std::int64_t logins = 0;           // dropped
  std::int64_t revocations = 0;      // waiting in the outbox, some maybe done already
};

// Marks everything, in many transactions of bounded size. While it is under way no server may run;
// one that was interrupted is completed by the next call, and until then require_usable
// (store/condition.h) refuses.
Result<RestoreReport> mark_restored(sql::Database& database, const RestoreOptions& options);

// The last restore in whose lost time the moment lies; nullopt: none.
Result<std::optional<Restore>> restore_around(sql::Connection& db, Time moment);
Result<std::optional<Restore>> last_restore(sql::Connection& db);

// A lost successor of the token was presented: from now on the stored one is refused, too. False:
// it was already.
Result<bool> supersede(sql::Transaction& db, const std::string& mytoken_id);

// True if a clause of the token, or one that it is charged to, counts as used up because of a
// restore.
Result<bool> has_unknown_uses(sql::Connection& db, const std::string& mytoken_id);

}  // namespace mytoken::store
