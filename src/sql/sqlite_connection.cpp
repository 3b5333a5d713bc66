// Kept statements are found by their text and reset at the end of each use: an unfinished SELECT
// would pin its snapshot and with it the write-ahead log. Parameters are passed without a copy,
// they live as long as the call.
#include "sql/sqlite_connection.h"

#include <sqlite3.h>

#include <charconv>
#include <new>
#include <stdexcept>

namespace mytoken::sql {
namespace {

constexpr std::size_t most_kept_statements = 256;
constexpr int longest_value = 64 * 1024 * 1024;
constexpr auto write_lock_wait = std::chrono::milliseconds(5000);
constexpr auto read_lock_wait = std::chrono::milliseconds(250);
// Lengths of the write-ahead log in pages of 4 KiB: moved from 16 MiB on, because a page that was
// changed often is then moved once (a tenth of an access token's cost against 4 MiB, measured); at
// each 64 MiB readers are waited for.
constexpr int checkpoint_pages = 4000;
constexpr int restart_pages = 16'000;
constexpr auto restart_wait = std::chrono::milliseconds(100);

int milliseconds(std::chrono::milliseconds wait) {
  return static_cast<int>(wait.count());
}

class SqliteRow final : public Row {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool is_null(int column) const override {
    return sqlite3_column_type(statement_, checked(column)) == SQLITE_NULL;
  }
  std::int64_t integer(int column) const override {
    return sqlite3_column_int64(statement_, checked(column));
  }
  std::string_view text(int column) const override {
    return view(column, sqlite3_column_text(statement_, checked(column)));
  }
  std::string_view blob(int column) const override {
    return view(column, sqlite3_column_blob(statement_, checked(column)));
  }

 private:
  int checked(int column) const {
    if (column < 0 || column >= sqlite3_data_count(statement_)) {
      throw std::out_of_range("a row has no column of this number");
    }
    return column;
  }
  // No bytes: NULL or empty. A value that lost its bytes for want of memory must not pass for an
  // empty one.
  std::string_view view(int column, const void* bytes) const {
    if (!bytes) {
      const int code = sqlite3_errcode(sqlite3_db_handle(statement_));
      if ((code & 0xff) == SQLITE_NOMEM) throw std::bad_alloc();
      return {};
    }
    const int size = sqlite3_column_bytes(statement_, column);
    return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
  }

  sqlite3_stmt* statement_;
};

constexpr std::array<const char*, 7> control_texts = {
    "BEGIN",           "BEGIN IMMEDIATE", "COMMIT",           "ROLLBACK",
    "SAVEPOINT piece", "RELEASE piece",   "ROLLBACK TO piece"};

bool only_blanks(const char* from, const char* end) {
  return std::all_of(from, end, [](char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == ';';
  });
}

}  // namespace

void SqliteConnection::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

SqliteConnection::SqliteConnection(sqlite3* handle, Mode mode)
    : handle_(handle), mode_(mode), next_restart_(restart_pages) {}

SqliteConnection::~SqliteConnection() {
  by_text_.clear();
  kept_.clear();
  for (auto& statement : controls_)
    statement.reset();
  sqlite3_close_v2(handle_);
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const std::filesystem::path& file,
                                                                 Mode mode,
                                                                 std::int64_t cache_kib) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE;
  flags |= mode == Mode::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
  if (!handle) return fail(internal_error("no memory for a database connection"));
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(handle, mode));
  Result<void> done;
  if (code != SQLITE_OK) {
    done = fail(connection->error(code));
  } else if (mode != Mode::read && sqlite3_db_readonly(handle, "main") != 0) {
    done = fail(internal_error("the file is read-only, the server must be able to write it"));
  } else {
    done = connection->configure(cache_kib);
  }
  if (!done) {
    return fail(
        internal_error("cannot open the database " + file.string() + ": " + done.error().cause));
  }
  return connection;
}

// Before the first change, which is the mode of the file's journal.
Result<void> SqliteConnection::refuse_others() {
  auto tables = all("SELECT name FROM sqlite_schema WHERE type = 'table'",
                    [](const Row& row) { return row.string(0); });
  if (!tables) return fail(tables.error());
  if (tables->empty()) return {};
  auto owner = one("SELECT value FROM meta WHERE key = 'application'",
                   [](const Row& row) { return row.string(0); });
  if (owner && *owner == "mytoken") return {};
  return fail(internal_error("it holds the tables of another program: choose another file"));
}

Result<void> SqliteConnection::configure(std::int64_t cache_kib) {
  sqlite3_busy_timeout(handle_,
                       milliseconds(mode_ == Mode::read ? read_lock_wait : write_lock_wait));
  sqlite3_limit(handle_, SQLITE_LIMIT_LENGTH, longest_value);
  sqlite3_limit(handle_, SQLITE_LIMIT_ATTACHED, 0);
  // The file may come from elsewhere: nothing in its schema is trusted, and nothing may write its
  // raw pages. "x" is a column and never a string, as in PostgreSQL.
  for (auto [option, value] :
       {std::pair(SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0), std::pair(SQLITE_DBCONFIG_DEFENSIVE, 1),
        std::pair(SQLITE_DBCONFIG_DQS_DML, 0), std::pair(SQLITE_DBCONFIG_DQS_DDL, 0),
        std::pair(SQLITE_DBCONFIG_ENABLE_FKEY, mode_ == Mode::migrate ? 0 : 1)}) {
    const int code = sqlite3_db_config(handle_, option, value, nullptr);
    if (code != SQLITE_OK) return fail(error(code));
  }
  std::string settings =
      "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-" +
      std::to_string(cache_kib) + ";";
  if (mode_ != Mode::read) {
    settings += "PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864;";
    if (auto ours = refuse_others(); !ours) return ours;
    auto journal = one("PRAGMA journal_mode=WAL", [](const Row& row) { return row.string(0); });
    if (!journal) return fail(journal.error());
    if (*journal != "wal") return fail(internal_error("the file system refuses WAL mode"));
  }
  if (auto done = script(settings); !done) return done;
  if (mode_ == Mode::write) {
    sqlite3_wal_hook(
        handle_,
        [](void* self, sqlite3*, const char*, int pages) {
          static_cast<SqliteConnection*>(self)->log_pages_ = pages;
          return SQLITE_OK;
        },
        this);
  }
  sqlite3_set_authorizer(
      handle_,
      [](void* self, int action, const char*, const char*, const char*, const char*) {
        const bool control = action == SQLITE_TRANSACTION || action == SQLITE_SAVEPOINT ||
                             action == SQLITE_ATTACH || action == SQLITE_DETACH;
        return control && !static_cast<SqliteConnection*>(self)->controlling_ ? SQLITE_DENY
                                                                              : SQLITE_OK;
      },
      this);
  // Opening reads nothing yet: this finds out whether it is a database at all.
  auto readable = one("SELECT count(*) FROM sqlite_schema", [](const Row&) { return true; });
  if (!readable) return fail(readable.error());
  return {};
}

Error SqliteConnection::error(int code) const {
  std::string cause = "sqlite " + std::to_string(code) + ": " + sqlite3_errmsg(handle_);
  switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID: {
      Error conflict = internal_error(std::move(cause));
      conflict.code = "sql_conflict";
      return conflict;
    }
    default:
      break;
  }
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: {
      Error retry = unavailable(std::move(cause));
      retry.code = "sql_retry";
      return retry;
    }
    case SQLITE_READONLY:
      // A write through a reader is a bug; a file that became read-only is the operator's matter.
      return mode_ == Mode::read ? internal_error(std::move(cause)) : unavailable(std::move(cause));
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL:
      return unavailable(std::move(cause));
    default:
      return internal_error(std::move(cause));
  }
}

Result<SqliteConnection::Kept> SqliteConnection::prepare(std::string_view sql) {
  Kept kept;
  sqlite3_stmt* statement = nullptr;
  const char* tail = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, &tail);
  kept.statement.reset(statement);
  if (code != SQLITE_OK) return fail(error(code));
  if (!statement || !only_blanks(tail, sql.data() + sql.size())) {
    return fail(internal_error("a statement text must hold exactly one statement"));
  }
  const int count = sqlite3_bind_parameter_count(statement);
  for (int i = 1; i <= count; ++i) {
    const char* name = sqlite3_bind_parameter_name(statement, i);
    const std::string_view view = name ? name : "";
    std::size_t number = 0;
    const char* end = view.data() + view.size();
    if (view.size() < 2 || view.front() != '$' ||
        std::from_chars(view.data() + 1, end, number).ptr != end || number == 0) {
      return fail(internal_error("parameters of a statement are called $1, $2 …"));
    }
    kept.numbers.push_back(number);
    kept.parameters = std::max(kept.parameters, number);
  }
  kept.writes = sqlite3_stmt_readonly(statement) == 0;
  kept.text = sql;
  return kept;
}

Result<SqliteConnection::Kept*> SqliteConnection::keep(std::string_view sql) {
  if (auto found = by_text_.find(sql); found != by_text_.end()) {
    kept_.splice(kept_.begin(), kept_, found->second);
    return &kept_.front();
  }
  auto prepared = prepare(sql);
  if (!prepared) return fail(prepared.error());
  kept_.push_front(std::move(*prepared));
  by_text_.emplace(kept_.front().text, kept_.begin());
  if (kept_.size() > most_kept_statements) {
    auto oldest = std::find_if(kept_.rbegin(), std::prev(kept_.rend()),
                               [](const Kept& kept) { return !kept.busy; });
    if (oldest != std::prev(kept_.rend())) {
      by_text_.erase(oldest->text);
      kept_.erase(std::prev(oldest.base()));
    }
  }
  return &kept_.front();
}

Result<void> SqliteConnection::bind(const Kept& kept, std::span<const Param> params) {
  sqlite3_stmt* statement = kept.statement.get();
  for (std::size_t i = 0; i < kept.numbers.size(); ++i) {
    const int at = static_cast<int>(i + 1);
    const Param& param = params[kept.numbers[i] - 1];
    int code = SQLITE_OK;
    // The engine takes a null pointer for NULL, but an empty view for us is an empty value.
    if (const auto* number = std::get_if<std::int64_t>(&param)) {
      code = sqlite3_bind_int64(statement, at, *number);
    } else if (const auto* text = std::get_if<std::string_view>(&param)) {
      code = sqlite3_bind_text64(statement, at, text->data() ? text->data() : "", text->size(),
                                 SQLITE_STATIC, SQLITE_UTF8);
    } else if (const auto* blob = std::get_if<Blob>(&param)) {
      code = sqlite3_bind_blob64(statement, at, blob->bytes.data() ? blob->bytes.data() : "",
                                 blob->bytes.size(), SQLITE_STATIC);
    } else {
      code = sqlite3_bind_null(statement, at);
    }
    if (code != SQLITE_OK) return fail(error(code));
  }
  return {};
}

Result<std::int64_t> SqliteConnection::step_all(Kept& kept,
                                                const std::function<bool(const Row&)>& on_row) {
  sqlite3_stmt* statement = kept.statement.get();
  const std::int64_t before = kept.writes ? sqlite3_total_changes64(handle_) : 0;
  const SqliteRow row(statement);
  bool wanted = static_cast<bool>(on_row);
  int code;
  // A statement that writes runs to its end even if nobody wants more of its RETURNING rows.
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    if (wanted) wanted = on_row(row);
    if (!wanted && !kept.writes) return 0;
  }
  if (code != SQLITE_DONE) return fail(error(code));
  // changes() keeps its value over statements that change no rows (CREATE TABLE).
  if (!kept.writes || sqlite3_total_changes64(handle_) == before) return 0;
  return sqlite3_changes64(handle_);
}

Result<std::int64_t> SqliteConnection::run(std::string_view sql, std::span<const Param> params,
                                           const std::function<bool(const Row&)>& on_row) {
  auto found = keep(sql);
  if (!found) return fail(found.error());
  Kept* kept = *found;
  Kept spare;
  if (kept->busy) {  // `on_row` runs the statement whose rows it is being handed
    auto prepared = prepare(sql);
    if (!prepared) return fail(prepared.error());
    spare = std::move(*prepared);
    kept = &spare;
  }
  if (kept->parameters != params.size()) {
    return fail(internal_error("a statement with " + std::to_string(kept->parameters) +
                               " parameters was given " + std::to_string(params.size())));
  }
  struct Use {
    explicit Use(Kept& used) : kept(used) { kept.busy = true; }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() {
      sqlite3_reset(kept.statement.get());
      sqlite3_clear_bindings(kept.statement.get());
      kept.busy = false;
    }
    Kept& kept;
  } use(*kept);
  if (auto bound = bind(*kept, params); !bound) return fail(bound.error());
  return step_all(*kept, on_row);
}

Result<void> SqliteConnection::control(Control what) {
  const auto index = static_cast<std::size_t>(what);
  Statement& statement = controls_[index];
  controlling_ = true;
  int code = SQLITE_OK;
  if (!statement) {
    sqlite3_stmt* made = nullptr;
    code = sqlite3_prepare_v3(handle_, control_texts[index], -1, SQLITE_PREPARE_PERSISTENT, &made,
                              nullptr);
    statement.reset(made);
  }
  Result<void> result;
  if (code == SQLITE_OK) code = sqlite3_step(statement.get());
  if (code != SQLITE_DONE) result = fail(error(code));
  sqlite3_reset(statement.get());
  controlling_ = false;
  return result;
}

bool SqliteConnection::in_transaction() const {
  return sqlite3_get_autocommit(handle_) == 0;
}

bool SqliteConnection::has_dangling_references() const {
  int current = 0;
  int highest = 0;
  sqlite3_db_status(handle_, SQLITE_DBSTATUS_DEFERRED_FKS, &current, &highest, 0);
  return current != 0;
}

Result<void> SqliteConnection::script(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(error(code));
  return {};
}

Result<void> SqliteConnection::checkpoint_if_due() {
  if (log_pages_ < checkpoint_pages) {
    next_restart_ = restart_pages;
    return {};
  }
  int mode = SQLITE_CHECKPOINT_PASSIVE;
  if (log_pages_ >= next_restart_) {
    mode = SQLITE_CHECKPOINT_RESTART;
    next_restart_ = log_pages_ + restart_pages;
    sqlite3_busy_timeout(handle_, milliseconds(restart_wait));
  }
  const int code = sqlite3_wal_checkpoint_v2(handle_, nullptr, mode, nullptr, nullptr);
  if (mode == SQLITE_CHECKPOINT_RESTART) {
    sqlite3_busy_timeout(handle_, milliseconds(write_lock_wait));
  }
  if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) return fail(error(code));
  return {};
}

void SqliteConnection::checkpoint_all() {
  sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
}

}  // namespace mytoken::sql
