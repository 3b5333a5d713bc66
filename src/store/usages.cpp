#include "store/usages.h"

namespace mytoken::store {
namespace {

using sql::Blob;

constexpr int deepest_chain = 1000;

struct Link {
  std::optional<std::string> mytoken_id;
  std::optional<std::string> hash;
};

Link link_of(const sql::Row& row) {
  Link link;
  if (!row.is_null(0)) link.mytoken_id = row.bytes(0);
  if (!row.is_null(1)) link.hash = row.bytes(1);
  return link;
}

}  // namespace

Result<void> add_clauses(sql::Transaction& db, const std::string& mytoken_id, const std::vector<ClauseRow>& clauses) {
  for (const ClauseRow& clause : clauses) {
    std::optional<Blob> parent;
    std::optional<Blob> parent_hash;
    if (clause.parent_mytoken_id && clause.parent_hash) {
      parent = Blob{*clause.parent_mytoken_id};
      parent_hash = Blob{*clause.parent_hash};
    }
    // Byte-identical clauses of one token share a counter.
    auto done = db.execute(
        "INSERT INTO clauses (mytoken_id, hash, limit_at, limit_other, parent_mytoken_id, parent_hash) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (mytoken_id, hash) DO NOTHING",
        Blob{mytoken_id}, Blob{clause.hash}, clause.limit_at, clause.limit_other, parent, parent_hash);
    if (!done) return tl::unexpected(done.error());
  }
  return {};
}

Result<std::vector<ClauseRow>> clauses_of(sql::Connection& db, const std::string& mytoken_id) {
  return db.all(
      "SELECT hash, limit_at, limit_other, used_at, used_other, parent_mytoken_id, parent_hash FROM clauses "
      "WHERE mytoken_id = $1",
      [](const sql::Row& r) {
        ClauseRow row{r.bytes(0), r.optional_integer(1), r.optional_integer(2), r.integer(3), r.integer(4), {}, {}};
        if (!r.is_null(5)) row.parent_mytoken_id = r.bytes(5);
        if (!r.is_null(6)) row.parent_hash = r.bytes(6);
        return row;
      },
      Blob{mytoken_id});
}

Result<bool> reserve_usage(sql::Transaction& db, const std::string& mytoken_id, const std::string& hash, UsageKind kind,
                           bool with_ancestors) {
  Link next{mytoken_id, hash};
  for (int depth = 0; next.mytoken_id && next.hash && depth < deepest_chain; ++depth) {
    const Blob id{*next.mytoken_id};
    const Blob clause{*next.hash};
    auto row = kind == UsageKind::at
                   ? db.one("UPDATE clauses SET used_at = used_at + 1 WHERE mytoken_id = $1 AND hash = $2 "
                            "AND (limit_at IS NULL OR used_at < limit_at) RETURNING parent_mytoken_id, parent_hash",
                            link_of, id, clause)
                   : db.one("UPDATE clauses SET used_other = used_other + 1 WHERE mytoken_id = $1 AND hash = $2 "
                            "AND (limit_other IS NULL OR used_other < limit_other) "
                            "RETURNING parent_mytoken_id, parent_hash",
                            link_of, id, clause);
    if (!row) return tl::unexpected(row.error());
    if (!*row) return false;
    if (!with_ancestors) return true;
    next = std::move(**row);
  }
  return true;
}

Result<void> return_usage(sql::Transaction& db, const std::string& mytoken_id, const std::string& hash, UsageKind kind,
                          bool with_ancestors) {
  Link next{mytoken_id, hash};
  for (int depth = 0; next.mytoken_id && next.hash && depth < deepest_chain; ++depth) {
    const Blob id{*next.mytoken_id};
    const Blob clause{*next.hash};
    auto row = kind == UsageKind::at
                   ? db.one("UPDATE clauses SET used_at = used_at - 1 WHERE mytoken_id = $1 AND hash = $2 "
                            "AND used_at > 0 RETURNING parent_mytoken_id, parent_hash",
                            link_of, id, clause)
                   : db.one("UPDATE clauses SET used_other = used_other - 1 WHERE mytoken_id = $1 AND hash = $2 "
                            "AND used_other > 0 RETURNING parent_mytoken_id, parent_hash",
                            link_of, id, clause);
    if (!row) return tl::unexpected(row.error());
    if (!*row || !with_ancestors) return {};
    next = std::move(**row);
  }
  return {};
}

}  // namespace mytoken::store
