// The installation's record in SQL; see installation.h.
#include "store/installation.h"

#include <algorithm>
#include <sstream>

namespace mytoken::store {

using sql::Blob;

namespace {

constexpr std::int64_t first_schema = 2;  // that has these tables

Result<bool> has_tables(sql::Connection& db) {
  auto schema = db.one(
      "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'schema' AND EXISTS "
      "(SELECT 1 FROM meta WHERE key = 'application' AND value = 'mytoken')",
      [](const sql::Row& row) { return row.integer(0); });
  if (!schema) return tl::unexpected(schema.error());
  return *schema && **schema >= first_schema;
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> list;
  for (std::string word; in >> word;)
    list.push_back(std::move(word));
  return list;
}

std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& word : list)
    text += (text.empty() ? "" : " ") + word;
  return text;
}

// Ids of events and access tokens begin with the microseconds of their time (store/ids.h).
Time time_of_id(std::int64_t id) {
  return std::chrono::floor<Seconds>(PreciseTime(std::chrono::microseconds(id >> 10)));
}

}  // namespace

Result<Time> newest_time(sql::Connection& db) {
  Time newest{};
  auto shown =
      db.one("SELECT newest FROM installation", [](const sql::Row& row) { return row.time(0); });
  if (!shown) return tl::unexpected(shown.error());
  if (*shown) newest = **shown;
  for (const char* last : {"SELECT max(id) FROM events", "SELECT max(id) FROM access_tokens"}) {
    auto id = db.one(last, [](const sql::Row& row) { return row.integer(0); });
    if (!id) return tl::unexpected(id.error());
    if (*id) newest = std::max(newest, time_of_id(**id));
  }
  return newest;
}

Result<std::optional<InstallationRecord>> find_installation(sql::Connection& db) {
  auto tables = has_tables(db);
  if (!tables) return tl::unexpected(tables.error());
  if (!*tables) return std::nullopt;
  auto record = db.one("SELECT id FROM installation", [](const sql::Row& row) {
    InstallationRecord found;
    found.id = row.string(0);
    return found;
  });
  if (!record || !*record) return record;
  auto keys =
      db.all("SELECT thumbprint, sealed_secret FROM installation_keys ORDER BY created, thumbprint",
             [](const sql::Row& row) {
               return InstallationKey{row.string(0), row.bytes(1)};
             });
  if (!keys) return tl::unexpected(keys.error());
  auto servers = db.all(
      "SELECT owner, signing_key, known_keys, time FROM servers ORDER BY owner",
      [](const sql::Row& row) {
        return RunningServer{row.string(0), row.string(1), words(row.string(2)), row.time(3)};
      });
  if (!servers) return tl::unexpected(servers.error());
  auto newest = newest_time(db);
  if (!newest) return tl::unexpected(newest.error());
  (*record)->keys = std::move(*keys);
  (*record)->servers = std::move(*servers);
  (*record)->newest = *newest;
  return record;
}

Result<std::string> lock_installation(sql::Transaction& db, const std::string& proposed_id,
                                      Time now) {
  auto id = db.one(
      "INSERT INTO installation (one, id, created, newest) VALUES (1, $1, $2, $2) "
      "ON CONFLICT (one) DO UPDATE SET id = installation.id RETURNING id",
      [](const sql::Row& row) { return row.string(0); }, proposed_id, now);
  if (!id) return tl::unexpected(id.error());
  if (!*id) return fail(internal_error("the installation has no id"));
  return **id;
}

Result<void> register_key(sql::Transaction& db, const InstallationKey& key, Time now) {
  return db.post(
      "INSERT INTO installation_keys (thumbprint, sealed_secret, created) VALUES ($1, $2, $3) "
      "ON CONFLICT (thumbprint) DO NOTHING",
      key.thumbprint, Blob{key.sealed_secret}, now);
}

Result<void> add_server(sql::Transaction& db, const RunningServer& server, bool set_back) {
  auto added = db.post(
      "INSERT INTO servers (owner, signing_key, known_keys, time) VALUES ($1, $2, $3, $4) "
      "ON CONFLICT (owner) DO UPDATE SET time = excluded.time",
      server.owner, server.signing_key, joined(server.known_keys), server.time);
  if (!added) return added;
  return db.post("UPDATE installation SET newest = $1 WHERE newest < $1 OR $2 = 1", server.time,
                 set_back ? 1 : 0);
}

Result<bool> report_server(sql::Transaction& db, const std::string& owner, Time now) {
  auto changed = db.execute("UPDATE servers SET time = $2 WHERE owner = $1", owner, now);
  if (!changed) return tl::unexpected(changed.error());
  auto shown = db.post("UPDATE installation SET newest = $1 WHERE newest < $1", now);
  if (!shown) return tl::unexpected(shown.error());
  return *changed == 1;
}

Result<void> remove_server(sql::Transaction& db, const std::string& owner) {
  return db.post("DELETE FROM servers WHERE owner = $1", owner);
}

Result<void> remove_servers_before(sql::Transaction& db, Time time) {
  return db.post("DELETE FROM servers WHERE time < $1", time);
}

}  // namespace mytoken::store
