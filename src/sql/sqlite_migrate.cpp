// Each migration runs in its own IMMEDIATE transaction, which is the lock against other programs,
// and looks up the version inside it. Foreign keys are not enforced meanwhile (rebuilding a table
// would otherwise delete the rows that refer to it) but checked before the commit.
#include "sql/sqlite_migrate.h"

#include <charconv>

namespace mytoken::sql {
namespace {

using Control = SqliteConnection::Control;

// Commits if `work` succeeds.
template <class Work>
Result<void> transaction(SqliteConnection& connection, Work work) {
  auto result = connection.control(Control::begin_immediate);
  if (result) result = work();
  if (result) result = connection.control(Control::commit);
  if (!result && connection.in_transaction()) (void)connection.control(Control::rollback);
  return result;
}

Result<std::optional<std::string>> meta(Connection& connection, std::string_view key) {
  return connection.one(
      "SELECT value FROM meta WHERE key = $1", [](const Row& row) { return row.string(0); }, key);
}

// Sets up `meta` in an empty file and refuses a file of another program.
Result<void> claim(SqliteConnection& connection, const std::string& name) {
  auto tables = connection.all(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE "
      "'\\'",
      [](const Row& row) { return row.string(0); });
  if (!tables) return fail(tables.error());
  if (tables->empty()) {
    return connection.script(
        "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT;"
        "INSERT INTO meta (key, value) VALUES ('application', 'mytoken'), ('schema', '0');");
  }
  const bool has_meta = std::find(tables->begin(), tables->end(), "meta") != tables->end();
  auto owner = has_meta ? meta(connection, "application") : std::nullopt;
  if (!owner || *owner != "mytoken") {
    return fail(internal_error(name + " holds the tables of another program: choose another file"));
  }
  return {};
}

Result<int> schema_version(Connection& connection, const std::string& name) {
  auto text = meta(connection, "schema");
  if (!text) return fail(text.error());
  const std::string value = text->value_or("");
  int version = 0;
  const char* end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, version);
  if (parsed.ec != std::errc() || parsed.ptr != end || version < 0) {
    return fail(internal_error(name + " does not say which schema it has: restore a backup"));
  }
  return version;
}

Result<void> apply(SqliteConnection& connection, const Migration& migration) {
  if (auto done = connection.script(std::string(migration.sql)); !done) return done;
  auto dangling = connection.one("SELECT \"table\" FROM pragma_foreign_key_check",
                                 [](const Row& row) { return row.string(0); });
  if (!dangling) return fail(dangling.error());
  if (*dangling)
    return fail(internal_error("rows of table " + **dangling + " refer to missing rows"));
  auto done = connection.execute("UPDATE meta SET value = $1 WHERE key = 'schema'",
                                 std::to_string(migration.version));
  if (!done) return fail(done.error());
  return {};
}

}  // namespace

Result<void> migrate_sqlite(SqliteConnection& connection, const std::filesystem::path& file,
                            const std::vector<Migration>& migrations, Log& log) {
  int known = 0;
  for (const Migration& migration : migrations) {
    if (migration.version <= known) return fail(internal_error("migrations are not in order"));
    known = migration.version;
  }
  const std::string name = file.string();
  auto ready = transaction(connection, [&]() -> Result<void> {
    if (auto claimed = claim(connection, name); !claimed) return claimed;
    auto version = schema_version(connection, name);
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
      auto version = schema_version(connection, name);
      if (!version) return fail(version.error());
      if (*version >= migration.version) return {};
      applied = true;
      return apply(connection, migration);
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
