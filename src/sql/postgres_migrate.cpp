// Each migration runs in its own transaction, which first locks the row with the version: an
// ordinary row lock, which the distributed engines have too.
#include "sql/postgres_migrate.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include "sql/postgres_text.h"

namespace mytoken::sql {
namespace {

// Runs `work` in a transaction; again if another server did the same at the same time.
Result<void> transaction(PostgresConnection& connection,
                         const std::function<Result<void>()>& work) {
  constexpr int most_attempts = 5;
  for (int tried = 1;; ++tried) {
    connection.begin(PostgresConnection::Mode::change);
    auto result = work();
    if (result) {
      result = connection.commit();
    } else {
      connection.rollback();
    }
    const bool raced =
        !result && (result.error().code == "sql_retry" || result.error().code == "sql_conflict");
    if (!raced || tried == most_attempts || connection.lost()) return result;
  }
}

Result<std::string> database_name(Connection& connection) {
  auto name = connection.one(
      "SELECT CAST(current_database() AS TEXT) || ' (schema ' || CAST(current_schema() AS TEXT) || "
      "')'",
      [](const Row& row) { return row.string(0); });
  if (!name) return fail(name.error());
  if (!*name || (*name)->empty()) {
    return fail(internal_error("the database has no schema that the server's user may use"));
  }
  return **name;
}

// Sets up `meta` in an empty schema and refuses one of another program.
Result<void> claim(PostgresConnection& connection) {
  auto name = database_name(connection);
  if (!name) return fail(name.error());
  auto tables = connection.all(
      "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = "
      "current_schema() AND table_type = 'BASE TABLE'",
      [](const Row& row) { return row.string(0); });
  if (!tables) return fail(tables.error());
  if (tables->empty()) {
    auto made = connection.control(
        "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)");
    if (!made) return made;
    return connection.post(
        "INSERT INTO meta (key, value) VALUES ('application', 'mytoken'), ('schema', '0')");
  }
  const Error others = internal_error("the database " + *name +
                                      " holds the tables of another program: choose another one");
  if (std::find(tables->begin(), tables->end(), "meta") == tables->end()) return fail(others);
  auto columns = connection.one(
      "SELECT count(*) FROM information_schema.columns WHERE table_schema = current_schema() AND "
      "table_name = 'meta' AND column_name IN ('key', 'value')",
      [](const Row& row) { return row.integer(0); });
  if (!columns) return fail(columns.error());
  if (columns->value_or(0) != 2) return fail(others);
  auto owner = connection.one("SELECT CAST(value AS TEXT) FROM meta WHERE key = 'application'",
                              [](const Row& row) { return row.string(0); });
  if (!owner) return fail(owner.error());
  if (*owner != "mytoken") return fail(others);
  return {};
}

// The version, whose row is locked until the transaction ends.
Result<int> locked_version(PostgresConnection& connection) {
  auto text = connection.one("SELECT value FROM meta WHERE key = 'schema' FOR UPDATE",
                             [](const Row& row) { return row.string(0); });
  if (!text) return fail(text.error());
  const std::string value = text->value_or("");
  int version = 0;
  const char* end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, version);
  if (parsed.ec != std::errc() || parsed.ptr != end || version < 0) {
    return fail(internal_error("the database does not say which schema it has: restore a backup"));
  }
  return version;
}

Result<void> apply(PostgresConnection& connection, const Migration& migration) {
  auto statements = translate_migration(migration.sql);
  if (!statements) return fail(statements.error());
  for (const std::string& statement : *statements) {
    if (auto done = connection.control(statement); !done) return done;
  }
  return connection.post("UPDATE meta SET value = $1 WHERE key = 'schema'",
                         std::to_string(migration.version));
}

}  // namespace

Result<void> migrate_postgres(PostgresConnection& connection,
                              const std::vector<Migration>& migrations, Log& log) {
  int known = 0;
  for (const Migration& migration : migrations) {
    if (migration.version <= known) return fail(internal_error("migrations are not in order"));
    known = migration.version;
  }
  auto ready = transaction(connection, [&]() -> Result<void> {
    if (auto claimed = claim(connection); !claimed) return claimed;
    auto version = locked_version(connection);
    if (!version) return fail(version.error());
    if (*version > known) {
      return fail(internal_error("the database has schema " + std::to_string(*version) +
                                 ", this program knows " + std::to_string(known) +
                                 ": update the program"));
    }
    return {};
  });
  if (!ready) return ready;
  for (const Migration& migration : migrations) {
    bool applied = false;
    auto done = transaction(connection, [&]() -> Result<void> {
      auto version = locked_version(connection);
      if (!version) return fail(version.error());
      applied = *version < migration.version;
      return applied ? apply(connection, migration) : Result<void>();
    });
    if (!done) {
      return fail(internal_error("migration " + std::to_string(migration.version) + " (" +
                                 std::string(migration.name) +
                                 ") failed and was undone: " + done.error().cause));
    }
    if (applied) {
      log.info("database schema migrated",
               {{"version", migration.version}, {"name", migration.name}});
    }
  }
  return {};
}

}  // namespace mytoken::sql
