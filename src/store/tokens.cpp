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
  auto done = db.execute(
      "INSERT INTO mytokens (id, parent_id, user_id, refresh_token_id, sealed_key, name, seq_no, "
      "created, created_ip, "
      "last_rotated, expires_at, capabilities, restrictions, rotation) "
      "VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $7, $9, $10, $11, $12)",
      Blob{t.id}, parent, t.user_id, t.refresh_token_id, Blob{t.sealed_key}, t.name, t.created,
      t.created_ip, t.expires_at, t.capabilities, t.restrictions, t.rotation);
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<std::optional<TokenState>> token_state(sql::Connection& db, const std::string& id) {
  return db.one(
      "SELECT user_id, refresh_token_id, sealed_key, seq_no, last_rotated FROM mytokens WHERE id = "
      "$1",
      [&id](const sql::Row& r) {
        return TokenState{id,         r.integer(0), r.optional_integer(1),
                          r.bytes(2), r.integer(3), r.time(4)};
      },
      Blob{id});
}

Result<bool> rotate_token(sql::Transaction& db, const std::string& id, std::int64_t seq_no,
                          const std::string& sealed_key, Time now) {
  auto changed = db.execute(
      "UPDATE mytokens SET seq_no = seq_no + 1, sealed_key = $3, last_rotated = $4 WHERE id = $1 "
      "AND seq_no = $2",
      Blob{id}, seq_no, Blob{sealed_key}, now);
  if (!changed) return tl::unexpected(changed.error());
  return *changed == 1;
}

Result<std::vector<std::string>> subtree(sql::Connection& db, const std::string& id) {
  return db.all(
      "WITH RECURSIVE tree (id, depth) AS (SELECT id, 0 FROM mytokens WHERE id = $1 UNION ALL "
      "SELECT m.id, tree.depth + 1 FROM mytokens m JOIN tree ON m.parent_id = tree.id WHERE "
      "tree.depth < 1000) "
      "SELECT id FROM tree ORDER BY depth LIMIT 100000",
      [](const sql::Row& r) { return r.bytes(0); }, Blob{id});
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

Result<std::vector<Orphan>> delete_token(sql::Transaction& db, const std::string& id,
                                         bool recursive) {
  std::vector<std::string> doomed = {id};
  if (recursive) {
    auto tree = subtree(db, id);
    if (!tree) return tl::unexpected(tree.error());
    doomed = std::move(*tree);
  } else {
    // Children move up one level; so does what their uses are charged to.
    auto clauses = db.execute(
        "UPDATE clauses SET "
        "parent_mytoken_id = (SELECT p.parent_mytoken_id FROM clauses p WHERE p.mytoken_id = $1 "
        "AND p.hash = "
        "clauses.parent_hash), "
        "parent_hash = (SELECT p.parent_hash FROM clauses p WHERE p.mytoken_id = $1 AND p.hash = "
        "clauses.parent_hash) "
        "WHERE parent_mytoken_id = $1",
        Blob{id});
    if (!clauses) return tl::unexpected(clauses.error());
    auto children = db.execute(
        "UPDATE mytokens SET parent_id = (SELECT p.parent_id FROM mytokens p WHERE p.id = $1) "
        "WHERE parent_id = $1",
        Blob{id});
    if (!children) return tl::unexpected(children.error());
  }
  std::set<RefreshTokenId> touched;
  for (auto it = doomed.rbegin(); it != doomed.rend(); ++it) {  // children before their parents
    auto row = db.one(
        "DELETE FROM mytokens WHERE id = $1 RETURNING refresh_token_id",
        [](const sql::Row& r) { return r.optional_integer(0); }, Blob{*it});
    if (!row) return tl::unexpected(row.error());
    if (*row && **row) touched.insert(***row);
  }
  std::vector<Orphan> orphans;
  for (const RefreshTokenId refresh_token : touched) {
    auto row = db.one(
        "DELETE FROM refresh_tokens WHERE id = $1 AND NOT EXISTS "
        "(SELECT 1 FROM mytokens WHERE refresh_token_id = $1) RETURNING issuer, sealed_token",
        [&](const sql::Row& r) {
          return Orphan{refresh_token, r.string(0), r.bytes(1)};
        },
        refresh_token);
    if (!row) return tl::unexpected(row.error());
    if (*row) orphans.push_back(std::move(**row));
  }
  return orphans;
}

}  // namespace mytoken::store
