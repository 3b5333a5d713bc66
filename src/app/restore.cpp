// Everything is done to a copy of the backup beside the database; one rename at the end puts it in
// place. Until then, and after any failure, the database is as it was.
#include "app/restore.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <functional>

#include "app/installation.h"
#include "app/server.h"
#include "service/journal.h"
#include "service/presence.h"
#include "sql/postgres.h"
#include "sql/sqlite.h"
#include "sql/sqlite_backup.h"
#include "sql/sqlite_connection.h"
#include "sql/sqlite_lock.h"
#include "store/compare.h"
#include "store/condition.h"
#include "store/installation.h"
#include "store/restore.h"
#include "store/schema.h"

namespace mytoken::app {
namespace {

using Path = std::filesystem::path;
using Lines = std::vector<std::string>;

constexpr auto longest_statement = std::chrono::minutes(30);

// Runs `work(db)` on a snapshot; its value.
template <class T, class F>
Result<T> ask(sql::Database& database, F work) {
  T value{};
  const std::function<Result<void>(sql::Connection&)> erased =
      [&](sql::Connection& db) -> Result<void> {
    auto result = work(db);
    if (!result) return tl::unexpected(result.error());
    value = std::move(*result);
    return {};
  };
  if (auto done = database.read_now(erased); !done) return tl::unexpected(done.error());
  return value;
}

std::string state_of(Time time) {
  return time == Time{} ? "an unknown time" : service::utc(time);
}

std::string kept_name(const Path& database, Time now) {
  const std::string name = fmt::format("{}.replaced-{:%Y%m%dT%H%M%SZ}", database.string(),
                                       fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
  std::string free = name;
  std::error_code ignored;
  for (int i = 2; std::filesystem::exists(free, ignored); ++i)
    free = fmt::format("{}-{}", name, i);
  return free;
}

Lines describe(const store::RestoreReport& report, const RestoreFlags& flags) {
  Lines lines;
  lines.push_back(fmt::format(
      "rotating tokens: {}; those that were rotated in the lost time are refused (log in again)",
      report.rotating_tokens));
  lines.push_back(
      flags.keep_usage_counters
          ? fmt::format("limited tokens: counters kept as they were (--keep-usage-counters)")
          : fmt::format("limited tokens: {}; what is limited is refused, because how often it was "
                        "used in the lost time is unknown",
                        report.limited_tokens));
  lines.push_back(fmt::format("dropped: {} transfer codes, {} logins under way",
                              report.transfer_codes, report.logins));
  lines.push_back(
      fmt::format("revocations to be done (again) at providers: {}", report.revocations));
  return lines;
}

// What came back, made fit for use.
struct Prepared {
  store::Holdings holdings;
  store::RestoreReport report;
  store::Differences lost;
  std::int64_t stayed_revoked = 0;
};

// The database that is there, as far as it matters for what replaces it.
struct Present {
  std::unique_ptr<sql::SqliteConnection> connection;  // none: nothing there, or not readable
  std::string unreadable;                             // why
  std::string installation;
};

Present look_at(const Path& database) {
  Present present;
  std::error_code ignored;
  if (!std::filesystem::exists(database, ignored) ||
      std::filesystem::file_size(database, ignored) == 0) {
    return present;
  }
  auto opened = sql::SqliteConnection::open(database, sql::SqliteConnection::Mode::read, 8192);
  auto tokens = opened ? store::holdings(**opened) : Result<store::Holdings>();
  auto record = opened && tokens ? store::find_installation(**opened)
                                 : Result<std::optional<store::InstallationRecord>>();
  if (!opened || !tokens || !record) {
    present.unreadable = !opened   ? opened.error().cause
                         : !tokens ? tokens.error().cause
                                   : record.error().cause;
    return present;
  }
  // Of an installation without tokens it is still known which were revoked.
  if (tokens->mytokens == 0 && !*record) return present;
  present.connection = std::move(*opened);
  if (*record) present.installation = (*record)->id;
  return present;
}

Error newer(const Path& database, const store::Differences& lost) {
  return internal_error(fmt::format(
      "the database {} is newer than the backup: {} mytokens were made since, {} revoked, {} "
      "rotated, {} refresh tokens renewed; what is newer would be lost. If that is meant, say "
      "--force",
      database.string(), lost.made, lost.revoked, lost.rotated, lost.refreshed));
}

// Compares with the database that is there and takes its revocations over.
Result<void> heed_present(sql::Database& copy, const Path& database, const RestoreFlags& flags,
                          Prepared& prepared) {
  const Present present = look_at(database);
  if (!present.unreadable.empty() && !flags.replace_newer) {
    return fail(internal_error("the database " + database.string() +
                               " cannot be read, so what it holds beyond the "
                               "backup is unknown (" +
                               present.unreadable + "); to replace it all the same, say --force"));
  }
  if (!present.connection) return {};
  auto record = ask<std::optional<store::InstallationRecord>>(copy, store::find_installation);
  if (!record) return fail(record.error());
  const std::string id = *record ? (*record)->id : std::string();
  const bool is_same = id == present.installation || id.empty() || present.installation.empty();
  if (!is_same && !flags.replace_newer) {
    return fail(internal_error("the backup is of another installation than the database " +
                               database.string() +
                               ": check database.url; if that one is to go, say --force"));
  }
  if (!is_same) return {};
  auto lost = ask<store::Differences>(
      copy, [&](sql::Connection& db) { return store::compare(db, *present.connection); });
  if (!lost) return fail(lost.error());
  prepared.lost = *lost;
  if (lost->any() && !flags.replace_newer) return fail(newer(database, *lost));
  if (flags.bring_back_revoked) return {};
  auto removed = store::remove_revoked(copy, *present.connection);
  if (!removed) return fail(removed.error());
  prepared.stayed_revoked = *removed;
  return {};
}

Result<void> require_ours(const Path& file) {
  auto opened = sql::SqliteConnection::open(file, sql::SqliteConnection::Mode::read, 8192);
  if (!opened) return fail(opened.error());
  auto application = store::note(**opened, "application");
  if (application && *application == "mytoken") return {};
  return fail(internal_error(file.string() + ": holds no tables of mytoken"));
}

Result<Prepared> prepare(const Config& config, const Path& copy, const Path& database,
                         const RestoreFlags& flags, const Clock& clock, Log& log) {
  auto keys = load_keys(config);
  if (!keys) return fail(keys.error());
  auto journal = service::Journal::open(config.journal_file, log);
  if (!journal) return fail(journal.error());
  sql::SqliteOptions options;
  options.file = copy;
  auto opened = sql::open_sqlite(options, log);
  if (!opened) return fail(opened.error());
  sql::Database& made = **opened;
  const Newcomer newcomer{*keys, clock, "restore", true, config.accept_clock};
  if (auto fine = check_installation(made, **journal, newcomer); !fine) return fail(fine.error());
  if (auto migrated = made.migrate(store::migrations()); !migrated) return fail(migrated.error());
  if (auto usable = made.read_now(store::require_usable); !usable) return fail(usable.error());
  auto holdings = ask<store::Holdings>(made, store::holdings);
  if (!holdings) return fail(holdings.error());
  Prepared prepared;
  prepared.holdings = *holdings;
  if (auto heeded = heed_present(made, database, flags, prepared); !heeded)
    return fail(heeded.error());
  auto left = ask<store::Holdings>(made, store::holdings);
  if (!left) return fail(left.error());
  prepared.holdings.mytokens = left->mytokens;
  prepared.holdings.refresh_tokens = left->refresh_tokens;
  auto report =
      store::mark_restored(made, {holdings->newest, clock.now(), flags.keep_usage_counters});
  if (!report) return fail(report.error());
  prepared.report = *report;
  return prepared;
}

Result<Time> parse_time(const std::string& text) {
  std::tm parts{};
  for (const char* format : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S UTC"}) {
    parts = {};
    const char* end = ::strptime(text.c_str(), format, &parts);
    if (end && *end == '\0') return from_unix(::timegm(&parts));
  }
  return fail(internal_error("the time " + text +
                             " is not understood: write it like 2026-01-31T12:00:00Z (UTC)"));
}

Result<std::unique_ptr<sql::Database>> connect_patiently(const Config& config, Log& log) {
  if (config.database_url.empty()) return connect_database(config, log);
  sql::PostgresOptions options;
  options.url = config.database_url;
  options.connections = 1;
  options.statement_timeout = longest_statement;
  auto opened = sql::open_postgres(options, log);
  if (!opened) return fail(opened.error());
  return std::unique_ptr<sql::Database>(std::move(*opened));
}

Result<void> refuse_running_servers(sql::Database& database, Time now) {
  auto record = ask<std::optional<store::InstallationRecord>>(database, store::find_installation);
  if (!record) return fail(record.error());
  if (!*record) return {};
  for (const store::RunningServer& server : (*record)->servers) {
    if (server.time + service::server_lifetime < now) continue;
    return fail(internal_error(fmt::format(
        "the server {} runs, or ended without notice less than {} s ago: stop all servers, wait "
        "for that time, and try again",
        server.owner, service::server_lifetime.count())));
  }
  return {};
}

}  // namespace

Result<Lines> restore(const Config& config, const Path& file, const RestoreFlags& flags,
                      const Clock& clock, Log& log) {
  if (!config.database_url.empty()) {
    return fail(internal_error(
        "the database is PostgreSQL: bring the older state back with its own tools, then run "
        "`mytoken-server restore --after-point-in-time TIME` before a server starts"));
  }
  auto database = sql::resolve_file(config.database_file);
  if (!database) return fail(database.error());
  auto source = sql::resolve_file(file);
  if (!source) return fail(source.error());
  if (*source == *database) {
    return fail(internal_error(
        "this is the database itself; if an older state of it was put in place by other means, "
        "run `mytoken-server restore --after-point-in-time TIME`"));
  }
  auto alone = sql::lock_file(*database, "a server runs on it; stop it first");
  if (!alone) return fail(alone.error());
  if (auto sound = sql::check_sqlite_file(*source); !sound) return fail(sound.error());
  if (auto ours = require_ours(*source); !ours) return fail(ours.error());
  const Path copy = database->string() + ".restoring";
  const std::string kept = kept_name(*database, clock.now());
  std::error_code ignored;
  const bool existed = std::filesystem::exists(*database, ignored);
  auto make = [&]() -> Result<Prepared> {
    if (auto copied = sql::copy_sqlite_file(*source, copy); !copied) return fail(copied.error());
    auto prepared = prepare(config, copy, *database, flags, clock, log);
    if (!prepared) return prepared;
    if (auto closed = sql::close_sqlite_file(copy); !closed) return fail(closed.error());
    if (auto placed = sql::replace_sqlite_file(copy, *database, kept); !placed)
      return fail(placed.error());
    return prepared;
  };
  auto prepared = make();
  if (!prepared) {
    sql::remove_sqlite_file(copy);
    return fail(internal_error(source->string() + ": not restored: " + prepared.error().cause));
  }
  Lines lines{fmt::format("restored: {}: {} mytokens, {} refresh tokens, state of {}",
                          database->string(), prepared->holdings.mytokens,
                          prepared->holdings.refresh_tokens, state_of(prepared->holdings.newest))};
  lines.push_back(fmt::format("lost time: from {} to {}", state_of(prepared->holdings.newest),
                              service::utc(clock.now())));
  const store::Differences& lost = prepared->lost;
  if (lost.any()) {
    lines.push_back(
        fmt::format("known to be lost: {} mytokens made since, {} rotations, {} renewed "
                    "refresh tokens",
                    lost.made, lost.rotated, lost.refreshed));
    lines.push_back(flags.bring_back_revoked
                        ? fmt::format("revoked since and valid again: {}", lost.revoked)
                        : fmt::format("revoked since, stay revoked: {}", prepared->stayed_revoked));
  } else {
    lines.emplace_back("tokens revoked in the lost time are valid again; which ones is not known");
  }
  for (std::string& line : describe(prepared->report, flags))
    lines.push_back(std::move(line));
  if (existed) lines.push_back("the replaced database is kept: " + kept);
  return lines;
}

Result<Lines> restored_otherwise(const Config& config, const std::string& state_time,
                                 const RestoreFlags& flags, const Clock& clock, Log& log) {
  auto moment = parse_time(state_time);
  if (!moment) return fail(moment.error());
  const Time now = clock.now();
  if (*moment > now) return fail(internal_error("the time " + state_time + " is in the future"));
  if (config.database_url.empty() && !sql::is_sqlite_file(config.database_file)) {
    return fail(
        internal_error("there is no database at " + config.database_file + ": check database.url"));
  }
  auto keys = load_keys(config);
  if (!keys) return fail(keys.error());
  auto journal = service::Journal::open(config.journal_file, log);
  if (!journal) return fail(journal.error());
  auto opened = connect_patiently(config, log);
  if (!opened) return fail(opened.error());
  sql::Database& database = **opened;
  const Newcomer newcomer{*keys, clock, "restore", config.database_url.empty(),
                          config.accept_clock};
  if (auto fine = check_installation(database, **journal, newcomer); !fine)
    return fail(fine.error());
  if (!config.database_url.empty()) {
    if (auto stopped = refuse_running_servers(database, now); !stopped)
      return fail(stopped.error());
  }
  if (auto migrated = database.migrate(store::migrations()); !migrated)
    return fail(migrated.error());
  auto holdings = ask<store::Holdings>(database, store::holdings);
  if (!holdings) return fail(holdings.error());
  if (holdings->newest > *moment + service::clock_tolerance) {
    return fail(internal_error(fmt::format(
        "the database was written at {}, after {}: give the time of the state that came back",
        service::utc(holdings->newest), service::utc(*moment))));
  }
  auto report = store::mark_restored(database, {*moment, now, flags.keep_usage_counters});
  if (!report) return fail(report.error());
  Lines lines{fmt::format("marked as restored: {} mytokens, {} refresh tokens, state of {}",
                          holdings->mytokens, holdings->refresh_tokens, service::utc(*moment)),
              fmt::format("lost time: from {} to {}", service::utc(*moment), service::utc(now)),
              "tokens revoked in the lost time are valid again; which ones is not known"};
  for (std::string& line : describe(*report, flags))
    lines.push_back(std::move(line));
  return lines;
}

}  // namespace mytoken::app
