// Counters of clauses: conditional updates up the chain of ancestors; see usages.h.
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

// Adds 1 where the limit allows it; the link to what the clause is charged with in turn, nullopt if
// used up.
Result<std::optional<Link>> charge(sql::Transaction& db, const Link& at, UsageKind kind) {
  const std::string_view sql =
      kind == UsageKind::at
          ? "UPDATE clauses SET used_at = used_at + 1 WHERE mytoken_id = $1 AND hash = $2 "
            "AND (limit_at IS NULL OR used_at < limit_at) RETURNING parent_mytoken_id, parent_hash"
          : "UPDATE clauses SET used_other = used_other + 1 WHERE mytoken_id = $1 AND hash = $2 "
            "AND (limit_other IS NULL OR used_other < limit_other) RETURNING parent_mytoken_id, "
            "parent_hash";
  return db.one(sql, link_of, Blob{*at.mytoken_id}, Blob{*at.hash});
}

// Takes 1 back from at most `levels` clauses of a chain.
Result<void> give_back(sql::Transaction& db, Link next, UsageKind kind, int levels) {
  const std::string_view sql = kind == UsageKind::at
                                   ? "UPDATE clauses SET used_at = used_at - 1 WHERE mytoken_id = "
                                     "$1 AND hash = $2 AND used_at > 0 "
                                     "RETURNING parent_mytoken_id, parent_hash"
                                   : "UPDATE clauses SET used_other = used_other - 1 WHERE "
                                     "mytoken_id = $1 AND hash = $2 AND used_other > 0 "
                                     "RETURNING parent_mytoken_id, parent_hash";
  for (int level = 0; next.mytoken_id && next.hash && level < levels; ++level) {
    auto row = db.one(sql, link_of, Blob{*next.mytoken_id}, Blob{*next.hash});
    if (!row) return tl::unexpected(row.error());
    if (!*row) return {};
    next = std::move(**row);
  }
  return {};
}

}  // namespace

Result<void> add_clauses(sql::Transaction& db, const std::string& mytoken_id,
                         const std::vector<ClauseRow>& clauses) {
  for (const ClauseRow& clause : clauses) {
    std::optional<Blob> parent;
    std::optional<Blob> parent_hash;
    if (clause.parent_mytoken_id && clause.parent_hash) {
      parent = Blob{*clause.parent_mytoken_id};
      parent_hash = Blob{*clause.parent_hash};
    }
    // Byte-identical clauses of one token share a counter.
    auto done = db.post(
        "INSERT INTO clauses (mytoken_id, hash, limit_at, limit_other, parent_mytoken_id, "
        "parent_hash) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (mytoken_id, hash) DO NOTHING",
        Blob{mytoken_id}, Blob{clause.hash}, clause.limit_at, clause.limit_other, parent,
        parent_hash);
    if (!done) return tl::unexpected(done.error());
  }
  return {};
}

Result<std::vector<ClauseRow>> clauses_of(sql::Connection& db, const std::string& mytoken_id) {
  return db.all(
      "SELECT hash, limit_at, limit_other, used_at, used_other, parent_mytoken_id, parent_hash "
      "FROM clauses "
      "WHERE mytoken_id = $1",
      [](const sql::Row& r) {
        ClauseRow row{r.bytes(0),
                      r.optional_integer(1),
                      r.optional_integer(2),
                      r.integer(3),
                      r.integer(4),
                      {},
                      {}};
        if (!r.is_null(5)) row.parent_mytoken_id = r.bytes(5);
        if (!r.is_null(6)) row.parent_hash = r.bytes(6);
        return row;
      },
      Blob{mytoken_id});
}

Result<bool> reserve_usage(sql::Transaction& db, const std::string& mytoken_id,
                           const std::string& hash, UsageKind kind, bool with_ancestors) {
  Link next{mytoken_id, hash};
  int charged = 0;
  for (; next.mytoken_id && next.hash && charged < deepest_chain; ++charged) {
    auto row = charge(db, next, kind);
    if (!row) return tl::unexpected(row.error());
    if (!*row) {  // used up: what was charged below gets it back
      auto undone = give_back(db, {mytoken_id, hash}, kind, charged);
      if (!undone) return tl::unexpected(undone.error());
      return false;
    }
    if (!with_ancestors) return true;
    next = std::move(**row);
  }
  if (next.mytoken_id && next.hash) {  // too deep to be charged as a whole
    auto undone = give_back(db, {mytoken_id, hash}, kind, charged);
    if (!undone) return tl::unexpected(undone.error());
    return false;
  }
  return true;
}

Result<void> return_usage(sql::Transaction& db, const std::string& mytoken_id,
                          const std::string& hash, UsageKind kind, bool with_ancestors) {
  return give_back(db, {mytoken_id, hash}, kind, with_ancestors ? deepest_chain : 1);
}

}  // namespace mytoken::store
