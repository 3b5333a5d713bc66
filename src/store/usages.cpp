// Counters of clauses: conditional updates up the chain of ancestors; see usages.h.
#include "store/usages.h"

namespace mytoken::store {
namespace {

using sql::Blob;

constexpr std::size_t deepest_chain = 1000;

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

namespace {

ClauseRow clause_of(const sql::Row& r) {
  ClauseRow row{
      r.bytes(0), r.optional_integer(1), r.optional_integer(2), r.integer(3), r.integer(4), {}, {},
      r.flag(7)};
  if (!r.is_null(5)) row.parent_mytoken_id = r.bytes(5);
  if (!r.is_null(6)) row.parent_hash = r.bytes(6);
  return row;
}

}  // namespace

Result<std::vector<ClauseRow>> clauses_of(sql::Connection& db, const std::string& mytoken_id) {
  return db.all(
      "SELECT hash, limit_at, limit_other, used_at, used_other, parent_mytoken_id, parent_hash, "
      "uses_unknown FROM clauses WHERE mytoken_id = $1",
      clause_of, Blob{mytoken_id});
}

Result<std::vector<ClauseRow>> clauses_behind(sql::Connection& db, const std::string& short_token) {
  return db.all(
      "SELECT hash, limit_at, limit_other, used_at, used_other, parent_mytoken_id, parent_hash, "
      "uses_unknown FROM clauses WHERE mytoken_id = "
      "(SELECT mytoken_id FROM proxies WHERE id = $1 AND kind = 'short_token')",
      clause_of, Blob{short_token});
}

Result<ClauseLinks> clauses_above(sql::Connection& db, const std::string& mytoken_id) {
  ClauseLinks links;
  const auto link = [&links](const sql::Row& r) {
    std::optional<ClauseKey> parent;
    if (!r.is_null(2) && !r.is_null(3)) parent = ClauseKey{r.bytes(2), r.bytes(3)};
    links.insert_or_assign(ClauseKey{r.bytes(0), r.bytes(1)}, std::move(parent));
    return true;
  };
  // Of the two columns of a link the hash is asked for NULL: the other one has an index of its own,
  // and PostgreSQL would read all of it while its statistics say that nobody has a parent.
  auto rows = db.all(
      "WITH RECURSIVE line (mytoken_id, hash, depth) AS ("
      "SELECT parent_mytoken_id, parent_hash, 1 FROM clauses WHERE mytoken_id = $1 AND "
      "parent_hash IS NOT NULL UNION "
      "SELECT c.parent_mytoken_id, c.parent_hash, line.depth + 1 FROM clauses c JOIN line ON "
      "c.mytoken_id = line.mytoken_id AND c.hash = line.hash WHERE c.parent_hash IS NOT NULL "
      "AND line.depth < 1000) "
      "SELECT c.mytoken_id, c.hash, c.parent_mytoken_id, c.parent_hash FROM line JOIN clauses c ON "
      "c.mytoken_id = line.mytoken_id AND c.hash = line.hash",
      link, Blob{mytoken_id});
  if (!rows) return tl::unexpected(rows.error());
  return links;
}

Result<std::vector<std::string>> spent_above(sql::Connection& db, const std::string& mytoken_id,
                                             UsageKind kind) {
  constexpr std::string_view line =
      "WITH RECURSIVE line (own, mytoken_id, hash, depth) AS ("
      "SELECT hash, parent_mytoken_id, parent_hash, 1 FROM clauses WHERE mytoken_id = $1 AND "
      "parent_hash IS NOT NULL UNION "
      "SELECT line.own, c.parent_mytoken_id, c.parent_hash, line.depth + 1 FROM clauses c JOIN "
      "line ON c.mytoken_id = line.mytoken_id AND c.hash = line.hash WHERE c.parent_hash IS NOT "
      "NULL AND line.depth < 1000) "
      "SELECT DISTINCT line.own FROM line JOIN clauses c ON c.mytoken_id = line.mytoken_id AND "
      "c.hash = line.hash WHERE ";
  static const std::string at = std::string(line) + "c.used_at >= c.limit_at";
  static const std::string other = std::string(line) + "c.used_other >= c.limit_other";
  return db.all(
      kind == UsageKind::at ? at : other, [](const sql::Row& r) { return r.bytes(0); },
      Blob{mytoken_id});
}

Result<void> charge_clause(sql::Transaction& db, const ClauseKey& clause, UsageKind kind) {
  const std::string_view sql =
      kind == UsageKind::at ? "UPDATE clauses SET used_at = used_at + 1 WHERE mytoken_id = $1 AND "
                              "hash = $2 AND (limit_at IS NULL OR used_at < limit_at)"
                            : "UPDATE clauses SET used_other = used_other + 1 WHERE mytoken_id = "
                              "$1 AND hash = $2 AND (limit_other IS NULL OR used_other < "
                              "limit_other)";
  return db.must(sql, Blob{clause.mytoken_id}, Blob{clause.hash});
}

Result<bool> reserve_usage(sql::Transaction& db, const std::string& mytoken_id,
                           const std::string& hash, UsageKind kind, bool with_ancestors,
                           std::vector<ClauseKey>* charged) {
  std::vector<ClauseKey> chain;
  Link next{mytoken_id, hash};
  while (next.mytoken_id && next.hash) {
    std::optional<Link> above;
    if (chain.size() < deepest_chain) {
      auto row = charge(db, next, kind);
      if (!row) return tl::unexpected(row.error());
      above = std::move(*row);
    }
    if (!above) {  // used up, or too deep: what was charged below gets it back
      if (auto undone = return_usage(db, chain, kind); !undone)
        return tl::unexpected(undone.error());
      return false;
    }
    chain.push_back({std::move(*next.mytoken_id), std::move(*next.hash)});
    next = with_ancestors ? std::move(*above) : Link();
  }
  if (charged) *charged = std::move(chain);
  return true;
}

Result<void> return_usage(sql::Transaction& db, const std::vector<ClauseKey>& charged,
                          UsageKind kind) {
  const std::string_view sql =
      kind == UsageKind::at
          ? "UPDATE clauses SET used_at = used_at - 1 WHERE mytoken_id = $1 AND hash = $2 AND "
            "used_at > 0 AND (uses_unknown = 0 OR limit_at IS NULL)"
          : "UPDATE clauses SET used_other = used_other - 1 WHERE mytoken_id = $1 AND hash = $2 "
            "AND "
            "used_other > 0 AND (uses_unknown = 0 OR limit_other IS NULL)";
  for (const ClauseKey& clause : charged) {
    if (auto r = db.post(sql, Blob{clause.mytoken_id}, Blob{clause.hash}); !r) return r;
  }
  return {};
}

}  // namespace mytoken::store
