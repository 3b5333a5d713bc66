// Marking in ranges of the primary key, each in a transaction of its own: a database of any size is
// marked without a transaction of its size.
#include "store/restore.h"

#include <algorithm>

namespace mytoken::store {
namespace {

using sql::Blob;

// Rows per transaction.
constexpr std::int64_t range = 2000;
// Numbers of successors after a restore begin at its time times this. More rotations of one token
// in a second are out of reach, and below 2^53 everybody can read the numbers.
constexpr std::int64_t numbers_per_second = std::int64_t{1} << 20;

Result<std::int64_t> count(sql::Connection& db, std::string_view sql) {
  auto row = db.one(sql, [](const sql::Row& r) { return r.integer(0); });
  if (!row) return tl::unexpected(row.error());
  return row->value_or(0);
}

// The value of a function in a transaction of its own.
template <class T, class F>
Result<T> in_transaction(sql::Database& database, F work) {
  T value{};
  const std::function<Result<void>(sql::Transaction&)> erased =
      [&](sql::Transaction& db) -> Result<void> {
    auto result = work(db);
    if (!result) return tl::unexpected(result.error());
    value = std::move(*result);
    return {};
  };
  if (auto done = database.write_now(erased); !done) return tl::unexpected(done.error());
  return value;
}

// The restore under way with its first number; begun if there is none.
Result<std::int64_t> begin(sql::Transaction& db, const RestoreOptions& options) {
  struct Last {
    std::int64_t id;
    std::int64_t first_seq_no;
    bool finished;
  };
  auto last = db.one("SELECT id, first_seq_no, finished FROM restores ORDER BY id DESC LIMIT 1",
                     [](const sql::Row& r) {
                       return Last{r.integer(0), r.integer(1), r.flag(2)};
                     });
  if (!last) return tl::unexpected(last.error());
  if (*last && !(*last)->finished) return (*last)->first_seq_no;
  const std::int64_t id = *last ? (*last)->id + 1 : 1;
  std::int64_t first = to_unix(options.now) * numbers_per_second;
  if (*last) first = std::max(first, (*last)->first_seq_no + numbers_per_second);
  auto added = db.post(
      "INSERT INTO restores (id, state_time, restored, first_seq_no) VALUES ($1, $2, $3, $4)", id,
      options.state_time, options.now, first);
  if (!added) return tl::unexpected(added.error());
  return first;
}

// Nothing that is good for one use comes back.
Result<RestoreReport> drop_single_uses(sql::Transaction& db) {
  RestoreReport report;
  auto codes = db.execute("DELETE FROM proxies WHERE kind = 'transfer_code'");
  if (!codes) return tl::unexpected(codes.error());
  auto logins = db.execute("DELETE FROM flows");
  if (!logins) return tl::unexpected(logins.error());
  auto waiting = count(db, "SELECT count(*) FROM outbox");
  if (!waiting) return tl::unexpected(waiting.error());
  for (const std::string_view sql :
       {"DELETE FROM rotations", "DELETE FROM leases", "DELETE FROM servers",
        "UPDATE refresh_tokens SET lease_owner = NULL, lease_until = 0 WHERE lease_owner IS NOT "
        "NULL"}) {
    if (auto r = db.post(sql); !r) return tl::unexpected(r.error());
  }
  report.transfer_codes = *codes;
  report.logins = *logins;
  report.revocations = *waiting;
  return report;
}

// Runs `update(db, after, up_to)` over the whole of a table in ranges of its key column, a blob;
// both ends may be open. `keys`: selects the key that ends the range which begins after $1. Result:
// rows changed.
template <class Update>
Result<std::int64_t> in_ranges(sql::Database& database, std::string_view keys, Update update) {
  std::int64_t changed = 0;
  std::string after;
  for (bool more = true; more;) {
    struct Done {
      std::int64_t rows = 0;
      std::optional<std::string> up_to;
    };
    auto done = in_transaction<Done>(database, [&](sql::Transaction& db) -> Result<Done> {
      auto end = db.one(
          keys, [](const sql::Row& r) { return r.bytes(0); }, Blob{after}, range - 1);
      if (!end) return tl::unexpected(end.error());
      auto rows = update(db, after, *end);
      if (!rows) return tl::unexpected(rows.error());
      return Done{*rows, std::move(*end)};
    });
    if (!done) return tl::unexpected(done.error());
    changed += done->rows;
    more = done->up_to.has_value();
    if (more) after = std::move(*done->up_to);
  }
  return changed;
}

Result<std::int64_t> mark_tokens(sql::Database& database, std::int64_t first) {
  return in_ranges(
      database, "SELECT id FROM mytokens WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2",
      [first](sql::Transaction& db, const std::string& after,
              const std::optional<std::string>& up_to) {
        if (!up_to) {
          return db.execute(
              "UPDATE mytokens SET restored_seq_no = seq_no, first_seq_no = $2 WHERE id > $1 AND "
              "rotation IS NOT NULL",
              Blob{after}, first);
        }
        return db.execute(
            "UPDATE mytokens SET restored_seq_no = seq_no, first_seq_no = $2 WHERE id > $1 AND id "
            "<= $3 AND rotation IS NOT NULL",
            Blob{after}, first, Blob{*up_to});
      });
}

Result<std::int64_t> mark_clauses(sql::Database& database) {
  return in_ranges(
      database,
      "SELECT mytoken_id FROM clauses WHERE mytoken_id > $1 ORDER BY mytoken_id LIMIT 1 OFFSET $2",
      [](sql::Transaction& db, const std::string& after, const std::optional<std::string>& up_to) {
        if (!up_to) {
          return db.execute(
              "UPDATE clauses SET used_at = COALESCE(limit_at, used_at), used_other = "
              "COALESCE(limit_other, used_other), uses_unknown = 1 WHERE mytoken_id > $1 AND "
              "(used_at < limit_at OR used_other < limit_other)",
              Blob{after});
        }
        return db.execute(
            "UPDATE clauses SET used_at = COALESCE(limit_at, used_at), used_other = "
            "COALESCE(limit_other, used_other), uses_unknown = 1 WHERE mytoken_id > $1 AND "
            "mytoken_id <= $2 AND (used_at < limit_at OR used_other < limit_other)",
            Blob{after}, Blob{*up_to});
      });
}

}  // namespace

Result<RestoreReport> mark_restored(sql::Database& database, const RestoreOptions& options) {
  std::int64_t first = 0;
  auto report =
      in_transaction<RestoreReport>(database, [&](sql::Transaction& db) -> Result<RestoreReport> {
        auto begun = begin(db, options);
        if (!begun) return tl::unexpected(begun.error());
        first = *begun;
        return drop_single_uses(db);
      });
  if (!report) return report;
  auto tokens = mark_tokens(database, first);
  if (!tokens) return tl::unexpected(tokens.error());
  report->rotating_tokens = *tokens;
  if (!options.keep_usage_counters) {
    if (auto marked = mark_clauses(database); !marked) return tl::unexpected(marked.error());
  }
  auto limited =
      in_transaction<std::int64_t>(database, [](sql::Transaction& db) -> Result<std::int64_t> {
        if (auto r = db.post("UPDATE restores SET finished = 1 WHERE finished = 0"); !r)
          return tl::unexpected(r.error());
        return count(db, "SELECT count(DISTINCT mytoken_id) FROM clauses WHERE uses_unknown = 1");
      });
  if (!limited) return tl::unexpected(limited.error());
  report->limited_tokens = *limited;
  return report;
}

Result<std::optional<Restore>> restore_around(sql::Connection& db, Time moment) {
  return db.one(
      "SELECT state_time, restored FROM restores WHERE state_time <= $1 AND restored > $1 ORDER "
      "BY id DESC LIMIT 1",
      [](const sql::Row& r) {
        return Restore{r.time(0), r.time(1)};
      },
      moment);
}

Result<std::optional<Restore>> last_restore(sql::Connection& db) {
  return db.one("SELECT state_time, restored FROM restores ORDER BY id DESC LIMIT 1",
                [](const sql::Row& r) {
                  return Restore{r.time(0), r.time(1)};
                });
}

Result<bool> supersede(sql::Transaction& db, const std::string& mytoken_id) {
  auto changed = db.execute("UPDATE mytokens SET superseded = 1 WHERE id = $1 AND superseded = 0",
                            Blob{mytoken_id});
  if (!changed) return tl::unexpected(changed.error());
  return *changed == 1;
}

Result<bool> has_unknown_uses(sql::Connection& db, const std::string& mytoken_id) {
  auto found = db.one(
      "WITH RECURSIVE chain (mytoken_id, hash, parent_mytoken_id, parent_hash, uses_unknown, "
      "depth) AS ("
      "SELECT mytoken_id, hash, parent_mytoken_id, parent_hash, uses_unknown, 0 FROM clauses WHERE "
      "mytoken_id = $1 UNION ALL "
      "SELECT c.mytoken_id, c.hash, c.parent_mytoken_id, c.parent_hash, c.uses_unknown, "
      "chain.depth + 1 FROM clauses c JOIN chain ON c.mytoken_id = chain.parent_mytoken_id AND "
      "c.hash = chain.parent_hash WHERE chain.depth < 1000) "
      "SELECT 1 FROM chain WHERE uses_unknown = 1 LIMIT 1",
      [](const sql::Row&) { return true; }, Blob{mytoken_id});
  if (!found) return tl::unexpected(found.error());
  return found->has_value();
}

}  // namespace mytoken::store
