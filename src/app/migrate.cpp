// The order of the two last steps matters: the source says that it was moved before the target may
// be served, so that at no moment both may be.
#include "app/migrate.h"

#include <fmt/format.h>

#include <memory>

#include "app/installation.h"
#include "base/encoding.h"
#include "service/journal.h"
#include "service/presence.h"
#include "sql/postgres.h"
#include "sql/sqlite.h"
#include "sql/sqlite_backup.h"
#include "sql/sqlite_tables.h"
#include "store/condition.h"
#include "store/copy.h"
#include "store/installation.h"
#include "store/refresh_tokens.h"
#include "store/schema.h"

namespace mytoken::app {
namespace {

constexpr auto longest_statement = std::chrono::minutes(30);
constexpr int sampled_tokens = 100;

using Report = std::function<void(std::string_view)>;

// The address without user, password and options.
std::string address_of(std::string_view url) {
  const std::size_t begin = url.find("://") + 3;
  std::string_view rest = url.substr(begin);
  // The password may hold a '?': first everything up to the last '@' goes, wherever it stands.
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos)
    rest.remove_prefix(at + 1);
  return std::string(url.substr(0, begin)) + std::string(rest.substr(0, rest.find('?')));
}

Result<std::unique_ptr<sql::Database>> open_target(const Secret& url, Log& log) {
  sql::PostgresOptions options;
  options.url = url;
  options.connections = 1;
  options.statement_timeout = longest_statement;
  auto opened = sql::open_postgres(options, log);
  if (!opened) {
    const std::string& why = opened.error().cause;
    return fail(internal_error(
        why.find("read-only") == std::string::npos
            ? why
            : "the target takes no writes, name the primary of its cluster (" + why + ")"));
  }
  return std::unique_ptr<sql::Database>(std::move(*opened));
}

// What a server does at its start, too: successors that waited in the journal are stored, leases
// end.
Result<std::int64_t> settle_source(sql::Database& source, service::Journal& journal,
                                   const Clock& clock) {
  std::int64_t stored = 0;
  auto done = source.write_now([&](sql::Transaction& db) -> Result<void> {
    stored = 0;
    for (const service::Journal::Entry& entry : journal.all()) {
      auto one = store::store_successor(db, entry.refresh_token_id, entry.version,
                                        entry.sealed_token, clock.now());
      if (!one) return tl::unexpected(one.error());
      stored += *one ? 1 : 0;
    }
    if (auto r = store::remove_servers_before(db, Time::max()); !r) return r;
    return store::release_all_leases(db);
  });
  if (!done) return fail(done.error());
  for (const service::Journal::Entry& entry : journal.all())
    journal.settled(entry);
  return stored;
}

Result<void> write_note(sql::Database& database, std::string_view key, const std::string& text) {
  return database.write_now([&](sql::Transaction& db) { return store::set_note(db, key, text); });
}

Result<std::optional<std::string>> read_note(sql::Database& database, std::string_view key) {
  std::optional<std::string> text;
  auto read = database.read_now([&](sql::Connection& db) -> Result<void> {
    auto found = store::note(db, key);
    if (!found) return tl::unexpected(found.error());
    text = std::move(*found);
    return {};
  });
  if (!read) return fail(read.error());
  return text;
}

Result<std::vector<sql::Table>> tables_of(sql::Database& source) {
  std::vector<sql::Table> tables;
  auto read = source.read_now([&](sql::Connection& db) -> Result<void> {
    auto found = sql::tables_of_sqlite(db);
    if (!found) return tl::unexpected(found.error());
    tables = std::move(*found);
    return {};
  });
  if (!read) return fail(read.error());
  return tables;
}

// True if the target holds a part from an interrupted move. Looks only: a target that is refused
// stays as it is, an older schema included. What is not of mytoken is left for migrate() to refuse.
Result<bool> look_at_target(sql::Database& target, const std::vector<sql::Table>& tables,
                            const std::string& address) {
  auto application = read_note(target, "application");
  if (!application || *application != "mytoken") return false;
  auto part = read_note(target, store::incomplete);
  if (!part) return fail(part.error());
  if (*part) return true;
  for (const sql::Table& table : tables) {
    std::string filled;
    const auto look = [&](sql::Connection& db) -> Result<void> {
      auto found = store::first_filled({table}, db);
      if (!found) return tl::unexpected(found.error());
      filled = std::move(*found);
      return {};
    };
    // An error: an older schema does not have the table.
    if (target.read_now(look) && !filled.empty()) {
      return fail(internal_error(address + " is not empty (table " + filled +
                                 " has rows): name an empty database or schema"));
    }
  }
  return false;
}

Result<void> prove(sql::Database& source, sql::Database& target,
                   const std::vector<sql::Table>& tables, const Report& report) {
  report(fmt::format("{:<20} {:>12} {:>12}  {:<20} {:<20}", "table", "rows here", "rows there",
                     "digest here", "digest there"));
  std::string differing;
  for (const sql::Table& table : tables) {
    auto here = store::tally(table, source);
    if (!here) return fail(here.error());
    auto there = store::tally(table, target);
    if (!there) return fail(there.error());
    const bool is_same = *here == *there;
    report(fmt::format("{:<20} {:>12} {:>12}  {:<20} {:<20}{}", table.name, here->rows, there->rows,
                       hex(here->digest).substr(0, 20), hex(there->digest).substr(0, 20),
                       is_same ? "" : " DIFFERENT"));
    if (!is_same) differing += (differing.empty() ? "" : ", ") + table.name;
  }
  if (!differing.empty()) {
    return fail(internal_error("the copy differs from the source (" + differing +
                               "); nobody else may write to the target meanwhile"));
  }
  auto sample = store::compare_sample(tables, source, target, sampled_tokens);
  if (!sample) return fail(sample.error());
  report(fmt::format("sample: {} mytokens with {} rows compared one by one: equal", sample->tokens,
                     sample->rows));
  return {};
}

// Changes nothing yet.
Result<std::unique_ptr<sql::Database>> open_source(const Config& config, service::Journal& journal,
                                                   const Clock& clock, Log& log) {
  if (!sql::is_sqlite_file(config.database_file)) {
    return fail(
        internal_error("there is no database at " + config.database_file + ": check database.url"));
  }
  auto keys = load_keys(config);
  if (!keys) return fail(keys.error());
  sql::SqliteOptions options;
  options.file = config.database_file;
  auto source = sql::open_sqlite(options, log);
  if (!source) return source;
  const Newcomer newcomer{*keys, clock, "migrate-to", true, config.accept_clock};
  if (auto fine = check_installation(**source, journal, newcomer); !fine) return fail(fine.error());
  return source;
}

// Both schemas are brought up to date, after everything that can be refused was looked at.
Result<void> prepare(sql::Database& source, sql::Database& target, const std::string& address,
                     bool start_over, const Report& report) {
  auto tables = tables_of(source);
  if (!tables) return fail(tables.error());
  auto is_part = look_at_target(target, *tables, address);
  if (!is_part) return fail(is_part.error());
  // Both are marked if the move was interrupted between its two last steps.
  auto moved = read_note(source, store::moved_to);
  if (!moved) return fail(moved.error());
  if (*moved && !*is_part) return source.read_now(store::require_usable);
  if (*is_part && !start_over) {
    return fail(internal_error(address + " holds a part from an interrupted migration: say "
                                         "--start-over to empty it and begin again"));
  }
  if (auto made = target.migrate(store::migrations()); !made) return made;
  if (auto made = source.migrate(store::migrations()); !made) return made;
  if (!*moved) {
    if (auto usable = source.read_now(store::require_usable); !usable) return usable;
  }
  if (!*is_part) return {};
  tables = tables_of(source);
  if (!tables) return fail(tables.error());
  auto removed = store::empty_tables(*tables, target);
  if (!removed) return fail(removed.error());
  report(fmt::format("start over: {} rows of the interrupted migration removed", *removed));
  return {};
}

}  // namespace

Result<void> migrate_to(const Config& config, const Secret& url, bool start_over,
                        const Clock& clock, Log& log, const Report& report) {
  if (!config.database_url.empty()) {
    return fail(internal_error(
        "database.url names PostgreSQL already: run this with the configuration of the embedded "
        "database"));
  }
  if (!sql::is_postgres_url(url.reveal())) {
    return fail(
        internal_error("the target must be a URL like postgresql://user:password@host/database"));
  }
  const std::string address = address_of(url.reveal());
  auto journal = service::Journal::open(config.journal_file, log);
  if (!journal) return fail(journal.error());
  auto source = open_source(config, **journal, clock, log);
  if (!source) return fail(source.error());
  auto target = open_target(url, log);
  if (!target) return fail(target.error());
  auto prepared = prepare(**source, **target, address, start_over, report);
  if (!prepared) return prepared;
  auto tables = tables_of(**source);
  if (!tables) return fail(tables.error());

  auto waiting = settle_source(**source, **journal, clock);
  if (!waiting) return fail(waiting.error());
  if (*waiting > 0)
    report(fmt::format("journal: {} waiting refresh tokens brought into the source", *waiting));
  auto marked = write_note(**target, store::incomplete,
                           "from " + config.database_file + ", begun " + service::utc(clock.now()));
  if (!marked) return marked;
  for (const sql::Table& table : *tables) {
    auto copied = store::copy_table(table, **source, **target);
    if (!copied) {
      return fail(internal_error("the copy was not completed, the source is unchanged: " +
                                 copied.error().cause));
    }
  }
  if (auto proved = prove(**source, **target, *tables, report); !proved) return proved;

  auto sealed = write_note(**source, store::moved_to, address + " at " + service::utc(clock.now()));
  if (!sealed) return sealed;
  auto opened = (*target)->write_now(
      [](sql::Transaction& db) { return store::remove_note(db, store::incomplete); });
  if (!opened) return opened;
  report("moved: " + config.database_file + " -> " + address);
  report(
      "now set database.url to the new database and start the server; the old file is marked "
      "and is no longer served");
  return {};
}

}  // namespace mytoken::app
