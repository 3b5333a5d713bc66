// Users and mytokens in SQL; what each function promises stands in tokens.h.
#include "store/tokens.h"

#include <set>

#include "base/random.h"
#include "store/ids.h"

namespace mytoken::store {

using sql::Blob;

Result<UserId> find_or_add_user(sql::Transaction& db, const std::string& oidc_sub,
                                const std::string& oidc_iss,
                                const std::optional<std::string>& email, bool email_verified,
                                Time now) {
  // A new row only if there is none; an address only where none is stored (the user may have chosen
  // another).
  auto row = db.one(
      "INSERT INTO users (id, oidc_sub, oidc_iss, created, email, email_verified) VALUES ($1, $2, "
      "$3, $4, $5, $6) "
      "ON CONFLICT (oidc_sub, oidc_iss) DO UPDATE SET "
      "email_verified = CASE WHEN users.email IS NULL THEN excluded.email_verified ELSE "
      "users.email_verified END, "
      "email = COALESCE(users.email, excluded.email) RETURNING id",
      [](const sql::Row& r) { return r.integer(0); }, random_id(), oidc_sub, oidc_iss, now, email,
      email_verified);
  if (!row) return tl::unexpected(row.error());
  if (!*row) return fail(internal_error("user row was not returned"));
  return **row;
}

Result<void> add_token(sql::Transaction& db, const NewToken& t) {
  std::optional<Blob> parent;
  if (t.parent_id) parent = Blob{*t.parent_id};
  return db.post(
      "INSERT INTO mytokens (id, parent_id, user_id, refresh_token_id, sealed_key, name, seq_no, "
      "created, created_ip, "
      "last_rotated, expires_at, capabilities, restrictions, rotation, number) "
      "VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $7 * 1000000, $9, $10, $11, $12, $13)",
      Blob{t.id}, parent, t.user_id, t.refresh_token_id, Blob{t.sealed_key}, t.name, t.created,
      t.created_ip, t.expires_at, t.capabilities, t.restrictions, t.rotation, t.number);
}

namespace {

TokenState state_of(const sql::Row& r) {
  return {r.bytes(0),
          r.integer(1),
          r.optional_integer(2),
          r.bytes(3),
          r.integer(4),
          PreciseTime(std::chrono::microseconds(r.integer(5))),
          r.optional_integer(6),
          r.optional_integer(7),
          r.flag(8)};
}

}  // namespace

Result<std::optional<TokenState>> token_state(sql::Connection& db, const std::string& id) {
  return db.one(
      "SELECT id, user_id, refresh_token_id, sealed_key, seq_no, last_rotated, restored_seq_no, "
      "first_seq_no, superseded FROM mytokens WHERE id = $1",
      state_of, Blob{id});
}

Result<std::optional<TokenState>> token_state_behind(sql::Connection& db,
                                                     const std::string& short_token) {
  return db.one(
      "SELECT id, user_id, refresh_token_id, sealed_key, seq_no, last_rotated, restored_seq_no, "
      "first_seq_no, superseded FROM mytokens WHERE id = "
      "(SELECT mytoken_id FROM proxies WHERE id = $1 AND kind = 'short_token')",
      state_of, Blob{short_token});
}

Result<void> require_token(sql::Transaction& db, const std::string& id) {
  return db.must("SELECT 1 FROM mytokens WHERE id = $1", Blob{id});
}

Result<void> require_seq_no(sql::Transaction& db, const std::string& id, std::int64_t seq_no) {
  return db.must("SELECT 1 FROM mytokens WHERE id = $1 AND seq_no = $2 AND superseded = 0",
                 Blob{id}, seq_no);
}

Result<void> rotate_token(sql::Transaction& db, const std::string& id, std::int64_t seq_no,
                          const std::string& sealed_key, PreciseTime now) {
  return db.must(
      "UPDATE mytokens SET seq_no = CASE WHEN first_seq_no > seq_no THEN first_seq_no ELSE seq_no "
      "+ "
      "1 END, sealed_key = $3, last_rotated = $4 WHERE id = $1 AND seq_no = $2 AND superseded = 0",
      Blob{id}, seq_no, Blob{sealed_key}, now.time_since_epoch().count());
}

Result<bool> is_self_or_ancestor(sql::Connection& db, const std::string& ancestor,
                                 const std::string& id) {
  auto found = db.one(
      "WITH RECURSIVE line (id, parent_id, depth) AS (SELECT id, parent_id, 0 FROM mytokens WHERE "
      "id = $2 UNION ALL "
      "SELECT m.id, m.parent_id, line.depth + 1 FROM mytokens m JOIN line ON m.id = line.parent_id "
      "WHERE line.depth < 1000) SELECT 1 FROM line WHERE id = $1",
      [](const sql::Row&) { return true; }, Blob{ancestor}, Blob{id});
  if (!found) return tl::unexpected(found.error());
  return found->has_value();
}

namespace {

// Removes clauses that charge nobody any more, from the token's own up the chain they were charged
// to: a row whose token is gone stays for as long as something is charged to it.
Result<void> delete_unused_clauses(sql::Transaction& db, const std::string& mytoken_id) {
  struct Link {
    std::string mytoken_id;
    std::string hash;
  };
  const auto link = [](const sql::Row& r) { return Link{r.bytes(0), r.bytes(1)}; };
  auto own =
      db.all("SELECT mytoken_id, hash FROM clauses WHERE mytoken_id = $1", link, Blob{mytoken_id});
  if (!own) return tl::unexpected(own.error());
  std::vector<Link> left = std::move(*own);
  while (!left.empty()) {
    const Link next = std::move(left.back());
    left.pop_back();
    // Parallel deletions of the last two clauses that are charged to this one meet at its row.
    if (auto locked =
            db.post("UPDATE clauses SET used_at = used_at WHERE mytoken_id = $1 AND hash = $2",
                    Blob{next.mytoken_id}, Blob{next.hash});
        !locked) {
      return locked;
    }
    auto parent = db.one(
        "DELETE FROM clauses WHERE mytoken_id = $1 AND hash = $2 "
        "AND NOT EXISTS (SELECT 1 FROM mytokens WHERE id = $1) "
        "AND NOT EXISTS (SELECT 1 FROM clauses c WHERE c.parent_mytoken_id = $1 AND c.parent_hash "
        "= $2) "
        "RETURNING parent_mytoken_id, parent_hash",
        link, Blob{next.mytoken_id}, Blob{next.hash});
    if (!parent) return tl::unexpected(parent.error());
    if (*parent && !(*parent)->mytoken_id.empty()) left.push_back(std::move(**parent));
  }
  return {};
}

// Children move up one level. A clause without limits is skipped in their chains; a limited one
// stays (see the schema).
Result<void> detach_children(sql::Transaction& db, const std::string& id) {
  auto clauses = db.execute(
      "UPDATE clauses SET "
      "parent_mytoken_id = (SELECT p.parent_mytoken_id FROM clauses p WHERE p.mytoken_id = $1 AND "
      "p.hash = "
      "clauses.parent_hash), "
      "parent_hash = (SELECT p.parent_hash FROM clauses p WHERE p.mytoken_id = $1 AND p.hash = "
      "clauses.parent_hash) "
      "WHERE parent_mytoken_id = $1 AND EXISTS (SELECT 1 FROM clauses p WHERE p.mytoken_id = $1 "
      "AND p.hash = clauses.parent_hash AND p.limit_at IS NULL AND p.limit_other IS NULL)",
      Blob{id});
  if (!clauses) return tl::unexpected(clauses.error());
  auto children = db.execute(
      "UPDATE mytokens SET parent_id = (SELECT p.parent_id FROM mytokens p WHERE p.id = $1) WHERE "
      "parent_id = $1",
      Blob{id});
  if (!children) return tl::unexpected(children.error());
  return {};
}

}  // namespace

Result<std::vector<Orphan>> delete_token(sql::Transaction& db, const std::string& id,
                                         bool recursive) {
  // Those who are making sub-tokens or use tokens (lock_refresh_token) are waited for, and nobody
  // hangs another one into the tree while it is taken apart.
  auto alone = db.lock(
      "SELECT id FROM refresh_tokens WHERE id = (SELECT refresh_token_id FROM mytokens WHERE id = "
      "$1)",
      Blob{id});
  if (!alone) return tl::unexpected(alone.error());
  if (!recursive) {
    if (auto r = detach_children(db, id); !r) return tl::unexpected(r.error());
  }
  // One statement for a whole tree, however deep: references inside it are checked at its end.
  struct Deleted {
    std::string id;
    std::optional<RefreshTokenId> refresh_token;
  };
  constexpr std::string_view only =
      "DELETE FROM mytokens WHERE id = $1 RETURNING id, refresh_token_id";
  constexpr std::string_view tree =
      "DELETE FROM mytokens WHERE id IN (WITH RECURSIVE tree (id) AS (SELECT id FROM mytokens "
      "WHERE id = $1 UNION "
      "SELECT m.id FROM mytokens m JOIN tree ON m.parent_id = tree.id) SELECT id FROM tree) "
      "RETURNING id, refresh_token_id";
  auto deleted = db.all(
      recursive ? tree : only,
      [](const sql::Row& r) {
        return Deleted{r.bytes(0), r.optional_integer(1)};
      },
      Blob{id});
  if (!deleted) return tl::unexpected(deleted.error());
  std::set<RefreshTokenId> touched;
  for (const Deleted& token : *deleted) {
    if (auto r = delete_unused_clauses(db, token.id); !r) return tl::unexpected(r.error());
    if (token.refresh_token) touched.insert(*token.refresh_token);
  }
  std::vector<Orphan> orphans;
  for (const RefreshTokenId refresh_token : touched) {
    // Of parallel deletions of the last two tokens of a family one must see that it is the last:
    // they meet at this row.
    if (auto locked =
            db.post("UPDATE refresh_tokens SET version = version WHERE id = $1", refresh_token);
        !locked) {
      return tl::unexpected(locked.error());
    }
    auto row = db.one(
        "DELETE FROM refresh_tokens WHERE id = $1 AND NOT EXISTS "
        "(SELECT 1 FROM mytokens WHERE refresh_token_id = $1) RETURNING issuer, sealed_token, "
        "version",
        [&](const sql::Row& r) {
          return Orphan{refresh_token, r.string(0), r.bytes(1), r.integer(2)};
        },
        refresh_token);
    if (!row) return tl::unexpected(row.error());
    if (*row) orphans.push_back(std::move(**row));
  }
  return orphans;
}

}  // namespace mytoken::store
