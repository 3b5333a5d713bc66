// Notes about the whole database, and its size; see condition.h.
#include "store/condition.h"

#include "store/installation.h"

namespace mytoken::store {
namespace {

Result<std::int64_t> number(sql::Connection& db, std::string_view sql) {
  auto row = db.one(sql, [](const sql::Row& r) { return r.integer(0); });
  if (!row) return tl::unexpected(row.error());
  return row->value_or(0);
}

}  // namespace

Result<void> require_usable(sql::Connection& db) {
  auto moved = note(db, moved_to);
  if (!moved) return tl::unexpected(moved.error());
  if (*moved) {
    return fail(internal_error("this database was moved to " + **moved +
                               ": set database.url to the new one"));
  }
  auto part = note(db, incomplete);
  if (!part) return tl::unexpected(part.error());
  if (*part) {
    return fail(internal_error("this database holds a part of an installation (" + **part +
                               "): run `mytoken-server migrate-to` with --start-over"));
  }
  auto open = number(db, "SELECT count(*) FROM restores WHERE finished = 0");
  if (!open) return tl::unexpected(open.error());
  if (*open == 0) return {};
  return fail(internal_error(
      "marking the database after a restore was interrupted: run `mytoken-server restore "
      "--after-point-in-time` again, which completes it"));
}

Result<std::optional<std::string>> note(sql::Connection& db, std::string_view key) {
  return db.one(
      "SELECT value FROM meta WHERE key = $1", [](const sql::Row& r) { return r.string(0); }, key);
}

Result<void> set_note(sql::Transaction& db, std::string_view key, std::string_view text) {
  return db.post(
      "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = "
      "excluded.value",
      key, text);
}

Result<void> remove_note(sql::Transaction& db, std::string_view key) {
  return db.post("DELETE FROM meta WHERE key = $1", key);
}

Result<Holdings> holdings(sql::Connection& db) {
  Holdings found;
  auto schema = number(db, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'schema'");
  if (!schema) return tl::unexpected(schema.error());
  auto mytokens = number(db, "SELECT count(*) FROM mytokens");
  if (!mytokens) return tl::unexpected(mytokens.error());
  auto refresh_tokens = number(db, "SELECT count(*) FROM refresh_tokens");
  if (!refresh_tokens) return tl::unexpected(refresh_tokens.error());
  found.schema = *schema;
  found.mytokens = *mytokens;
  found.refresh_tokens = *refresh_tokens;
  // Before the installation's record there is no clock in the database, only its history.
  if (*schema < 2) return found;
  auto newest = newest_time(db);
  if (!newest) return tl::unexpected(newest.error());
  found.newest = *newest;
  return found;
}

}  // namespace mytoken::store
