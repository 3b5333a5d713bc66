// One portion of the purge; what is removed when stands in purge.h. Limits are part of the texts:
// an engine that plans a statement once must know that the portion is small.
#include "store/purge.h"

#include <string>
#include <string_view>
#include <vector>

#include "store/ids.h"

namespace mytoken::store {
namespace {

using sql::Blob;

// Counts what is removed until the portion is full.
class Portion {
 public:
  explicit Portion(sql::Transaction& db) : db_(db) {}

  // A statement that changes at most purge_portion rows. True: all of them are changed.
  template <class... P>
  Result<bool> run(std::string_view sql, const P&... params) {
    auto changed = db_.execute(sql, params...);
    if (!changed) return tl::unexpected(changed.error());
    return count(*changed);
  }
  bool count(std::int64_t rows) {
    purged.rows += rows;
    if (purged.rows >= purge_portion) purged.more = true;
    return !purged.more;
  }

  // Removes a token. `key`: of its family, if nobody has collected it.
  Result<void> remove(const std::string& id, bool recursive, const std::string& key) {
    auto orphans = delete_token(db_, id, recursive);
    if (!orphans) return tl::unexpected(orphans.error());
    for (Orphan& orphan : *orphans) {
      if (key.empty()) {
        ++purged.orphans;
      } else {
        purged.uncollected.push_back({id, key, std::move(orphan)});
      }
    }
    count(1);
    return {};
  }

  Purged purged;

 private:
  sql::Transaction& db_;
};

// Empties an expired token of everything that may be large, so that removing it is a small change.
// False: some of it is left.
Result<bool> empty(Portion& portion, const std::string& id) {
  constexpr std::string_view statements[] = {
      "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE mytoken_id = $1 LIMIT 500)",
      "DELETE FROM access_tokens WHERE id IN (SELECT id FROM access_tokens WHERE mytoken_id = $1 "
      "LIMIT 500)",
      "DELETE FROM proxies WHERE id IN (SELECT id FROM proxies WHERE mytoken_id = $1 LIMIT 500)",
      // As in delete_token: to the grandparent, past clauses without limits.
      "UPDATE clauses SET "
      "parent_mytoken_id = (SELECT p.parent_mytoken_id FROM clauses p WHERE p.mytoken_id = $1 AND "
      "p.hash = clauses.parent_hash), "
      "parent_hash = (SELECT p.parent_hash FROM clauses p WHERE p.mytoken_id = $1 AND p.hash = "
      "clauses.parent_hash) "
      "WHERE (mytoken_id, hash) IN (SELECT c.mytoken_id, c.hash FROM clauses c JOIN clauses p ON "
      "p.mytoken_id = $1 AND p.hash = c.parent_hash WHERE c.parent_mytoken_id = $1 AND p.limit_at "
      "IS NULL AND p.limit_other IS NULL LIMIT 500)",
      "UPDATE mytokens SET parent_id = (SELECT p.parent_id FROM mytokens p WHERE p.id = $1) WHERE "
      "id IN (SELECT id FROM mytokens WHERE parent_id = $1 LIMIT 500)"};
  for (const std::string_view sql : statements) {
    auto all = portion.run(sql, Blob{id});
    if (!all || !*all) return all;
  }
  return true;
}

// Codes and logins that are over; `sql` removes them and returns the token that nobody can have, if
// there is one, and its key. False: some are left.
Result<bool> purge_codes(sql::Transaction& db, Portion& portion, std::string_view sql,
                         Time before) {
  struct Behind {
    std::string mytoken_id;
    std::string key;
  };
  auto removed = db.all(
      sql,
      [](const sql::Row& r) {
        return Behind{r.bytes(0), r.bytes(1)};
      },
      before);
  if (!removed) return tl::unexpected(removed.error());
  portion.count(static_cast<std::int64_t>(removed->size()));
  for (const Behind& row : *removed) {
    if (row.mytoken_id.empty()) continue;
    if (auto r = portion.remove(row.mytoken_id, true, row.key); !r)
      return tl::unexpected(r.error());
  }
  return !portion.purged.more;
}

// The key of a token that ends before the code that it waits behind.
Result<std::string> key_for_purge(sql::Transaction& db, const std::string& id) {
  auto key = db.one(
      "SELECT key_for_purge FROM flows WHERE mytoken_id = $1 AND key_for_purge IS NOT NULL UNION "
      "ALL SELECT key_for_purge FROM proxies WHERE mytoken_id = $1 AND key_for_purge IS NOT NULL",
      [](const sql::Row& r) { return r.bytes(0); }, Blob{id});
  if (!key) return tl::unexpected(key.error());
  return key->value_or("");
}

Result<void> purge_tokens(sql::Transaction& db, Portion& portion, Time before) {
  auto ids = db.all(
      "SELECT id FROM mytokens WHERE expires_at < $1 ORDER BY expires_at LIMIT 500",
      [](const sql::Row& r) { return r.bytes(0); }, before);
  if (!ids) return tl::unexpected(ids.error());
  for (const std::string& id : *ids) {
    auto key = key_for_purge(db, id);
    if (!key) return tl::unexpected(key.error());
    auto emptied = empty(portion, id);
    if (!emptied) return tl::unexpected(emptied.error());
    if (!*emptied) return {};
    if (auto r = portion.remove(id, false, *key); !r) return r;
    if (portion.purged.more) return {};
  }
  return {};
}

// Guests whose turn it is: who has a mytoken, or came a short time ago, is looked at later again,
// so that a portion is small however many of them there are.
Result<void> purge_guests(sql::Transaction& db, Portion& portion, Time now, Seconds retention,
                          const std::string& issuer) {
  struct Guest {
    UserId id = 0;
    Time created{};
    bool holds_tokens = false;
  };
  auto guests = db.all(
      "SELECT u.id, u.created, CASE WHEN EXISTS (SELECT 1 FROM mytokens m WHERE m.user_id = u.id) "
      "OR EXISTS (SELECT 1 FROM refresh_tokens r WHERE r.user_id = u.id) THEN 1 ELSE 0 END FROM "
      "users u WHERE u.oidc_iss = $1 AND u.next_look < $2 ORDER BY u.next_look LIMIT 500",
      [](const sql::Row& r) {
        return Guest{r.integer(0), r.time(1), r.flag(2)};
      },
      issuer, now);
  if (!guests) return tl::unexpected(guests.error());
  for (const Guest& guest : *guests) {
    const Time young_until = guest.created + retention;
    if (guest.holds_tokens || young_until >= now) {
      auto all = portion.run("UPDATE users SET next_look = $2 WHERE id = $1", guest.id,
                             guest.holds_tokens ? now + retention : young_until);
      if (!all) return tl::unexpected(all.error());
      if (!*all) return {};
      continue;
    }
    for (const std::string_view sql :
         {"DELETE FROM tags WHERE id IN (SELECT id FROM tags WHERE user_id = $1 LIMIT 500)",
          "DELETE FROM user_grants WHERE user_id = $1", "DELETE FROM users WHERE id = $1"}) {
      auto all = portion.run(sql, guest.id);
      if (!all) return tl::unexpected(all.error());
      if (!*all) return {};
    }
  }
  return {};
}

}  // namespace

Result<Purged> purge_expired(sql::Transaction& db, Time now, const Retention& retention,
                             const std::string& guest_issuer) {
  struct Step {
    std::string_view sql;
    Time before;
  };
  const Step codes[] = {
      {"DELETE FROM flows WHERE id IN (SELECT id FROM flows WHERE expires_at < $1 ORDER BY "
       "expires_at LIMIT 500) RETURNING mytoken_id, key_for_purge",
       now - std::chrono::hours(1)},
      {"DELETE FROM proxies WHERE id IN (SELECT id FROM proxies WHERE expires_at < $1 ORDER BY "
       "expires_at LIMIT 500) RETURNING CASE WHEN revokes_token = 1 THEN mytoken_id END, "
       "key_for_purge",
       now - std::chrono::hours(24)},
  };
  const Step steps[] = {
      {"DELETE FROM used_guest_codes WHERE hash IN (SELECT hash FROM used_guest_codes WHERE "
       "expires_at < $1 ORDER BY expires_at LIMIT 500)",
       now},
      // An outage may make a rotation's answer last longer than it says.
      {"DELETE FROM rotations WHERE mytoken_id IN (SELECT mytoken_id FROM rotations WHERE "
       "expires_at < $1 ORDER BY expires_at LIMIT 500)",
       now - std::chrono::hours(24)},
  };
  Portion portion(db);
  for (const Step& step : codes) {
    auto all = purge_codes(db, portion, step.sql, step.before);
    if (!all) return tl::unexpected(all.error());
    if (!*all) return std::move(portion.purged);
  }
  for (const Step& step : steps) {
    auto all = portion.run(step.sql, step.before);
    if (!all) return tl::unexpected(all.error());
    if (!*all) return std::move(portion.purged);
  }
  // History is found by its ids, which ascend in time; the time itself decides.
  const Time oldest = now - retention.events;
  for (const std::string_view sql :
       {"DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < $1 AND time < $2 ORDER "
        "BY id LIMIT 500)",
        "DELETE FROM access_tokens WHERE id IN (SELECT id FROM access_tokens WHERE id < $1 AND "
        "created < $2 ORDER BY id LIMIT 500)"}) {
    auto all = portion.run(sql, first_ordered_id(oldest), oldest);
    if (!all) return tl::unexpected(all.error());
    if (!*all) return std::move(portion.purged);
  }
  if (auto r = purge_tokens(db, portion, now - retention.expired_tokens); !r)
    return tl::unexpected(r.error());
  if (portion.purged.more) return std::move(portion.purged);
  if (auto r = purge_guests(db, portion, now, retention.expired_tokens, guest_issuer); !r)
    return tl::unexpected(r.error());
  return std::move(portion.purged);
}

}  // namespace mytoken::store
