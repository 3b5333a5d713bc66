// The journal is read before the database is copied: what is not in it any more by then is in the
// database already.
#include "app/backup.h"

#include <fmt/format.h>

#include "service/journal.h"
#include "service/presence.h"
#include "sql/sqlite.h"
#include "sql/sqlite_backup.h"
#include "sql/sqlite_lock.h"
#include "store/condition.h"
#include "store/refresh_tokens.h"

namespace mytoken::app {
namespace {

using Path = std::filesystem::path;

bool is_same(const Path& a, const Path& b) {
  std::error_code ignored;
  return a == b || std::filesystem::equivalent(a, b, ignored);
}

Result<void> check_name(const Config& config, const Path& database, const Path& file,
                        bool overwrite) {
  const std::string name = file.string();
  for (const char* ending : {"", "-wal", "-shm", ".lock"}) {
    if (is_same(file, database.string() + ending))
      return fail(internal_error(name + " belongs to the running database: choose another name"));
  }
  for (const std::string& own : {config.journal_file, config.signing.file}) {
    if (is_same(file, own))
      return fail(internal_error(name + " is a file of the server: choose another name"));
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(file.parent_path(), ignored))
    return fail(internal_error(file.parent_path().string() + " is no directory: make it first"));
  if (!std::filesystem::exists(file, ignored)) return {};
  if (!std::filesystem::is_regular_file(file, ignored))
    return fail(internal_error(name + " is no file: choose another name"));
  if (overwrite) return {};
  return fail(internal_error(name + " exists: choose another name, or overwrite it with --force"));
}

struct Contents {
  store::Holdings holdings;
  std::int64_t from_journal = 0;
};

// Checks that the copy is ours and brings the journal's successors into it.
Result<Contents> complete(const Path& copy, const std::vector<service::Journal::Entry>& waiting,
                          const Clock& clock, Log& log) {
  sql::SqliteOptions options;
  options.file = copy;
  auto database = sql::open_sqlite(options, log);
  if (!database) return fail(database.error());
  Contents contents;
  const std::function<Result<void>(sql::Transaction&)> work =
      [&](sql::Transaction& db) -> Result<void> {
    auto application = store::note(db, "application");
    if (!application || *application != "mytoken")
      return fail(
          internal_error("it holds no tables of mytoken: `mytoken-server init` makes them"));
    auto moved = store::note(db, store::moved_to);
    if (!moved) return tl::unexpected(moved.error());
    if (*moved) return fail(internal_error("it was moved to " + **moved));
    contents.from_journal = 0;
    for (const service::Journal::Entry& entry : waiting) {
      auto stored = store::store_successor(db, entry.refresh_token_id, entry.version,
                                           entry.sealed_token, clock.now());
      if (!stored) return tl::unexpected(stored.error());
      contents.from_journal += *stored ? 1 : 0;
    }
    auto holdings = store::holdings(db);
    if (!holdings) return tl::unexpected(holdings.error());
    contents.holdings = *holdings;
    return {};
  };
  if (auto done = (*database)->write_now(work); !done) return fail(done.error());
  return contents;
}

Result<Contents> make(const Config& config, const Path& database, const Path& copy,
                      const Clock& clock, Log& log) {
  auto journal = service::Journal::open(config.journal_file, log);
  if (!journal) return fail(journal.error());
  if (auto copied = sql::copy_sqlite_file(database, copy); !copied) return fail(copied.error());
  auto contents = complete(copy, (*journal)->all(), clock, log);
  if (!contents) {
    return fail(internal_error("the database " + database.string() +
                               " cannot be backed up: " + contents.error().cause));
  }
  if (auto closed = sql::close_sqlite_file(copy); !closed) return fail(closed.error());
  if (auto sound = sql::check_sqlite_file(copy); !sound) {
    return fail(internal_error("the database " + database.string() +
                               " is damaged, no backup was made; keep the earlier ones (" +
                               sound.error().cause + ")"));
  }
  return contents;
}

}  // namespace

Result<std::string> backup(const Config& config, const Path& file, bool overwrite,
                           const Clock& clock, Log& log) {
  if (!config.database_url.empty()) {
    return fail(internal_error(
        "the database is PostgreSQL: back it up with its own tools (pg_basebackup with archived "
        "WAL, or pg_dump); after an older state came back, `mytoken-server restore "
        "--after-point-in-time TIME` must be run before a server starts"));
  }
  auto database = sql::resolve_file(config.database_file);
  if (!database) return fail(database.error());
  auto target = sql::resolve_file(file);
  if (!target) return fail(target.error());
  if (!sql::is_sqlite_file(*database)) {
    return fail(
        internal_error("there is no database at " + database->string() + ": check database.url"));
  }
  if (auto fine = check_name(config, *database, *target, overwrite); !fine)
    return fail(fine.error());
  const Path guard = target->string() + ".backup";
  {
    auto alone = sql::lock_file(guard, "another backup to this name is under way");
    if (!alone) return fail(alone.error());
    const Path copy = target->string() + ".part";
    const Time moment = clock.now();
    auto contents = make(config, *database, copy, clock, log);
    Result<void> named;
    if (contents) named = sql::name_file(copy, *target, overwrite);
    if (!contents || !named) sql::remove_sqlite_file(copy);
    sql::remove_sqlite_file(guard);
    if (!contents) return fail(contents.error());
    if (!named) return fail(named.error());
    return fmt::format(
        "backup: {}: {} mytokens, {} refresh tokens ({} from the journal), schema "
        "{}, state of {}",
        target->string(), contents->holdings.mytokens, contents->holdings.refresh_tokens,
        contents->from_journal, contents->holdings.schema, service::utc(moment));
  }
}

}  // namespace mytoken::app
