// The Database of one SQLite file: lock file, readers, writer thread. Reads run inline on the
// calling thread with a connection that is lent to it; a thread gets the one it had last, so that
// there are as many connections as threads that read at the same time, whatever threads come and
// go.
#include "sql/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "sql/resume.h"
#include "sql/sqlite_connection.h"
#include "sql/sqlite_lock.h"
#include "sql/sqlite_migrate.h"
#include "sql/sqlite_writer.h"

namespace mytoken::sql {
namespace {

using Control = SqliteConnection::Control;

constexpr int most_attempts = 3;

class SqliteDatabase final : public Database {
 public:
  SqliteDatabase(const SqliteOptions& options, Descriptor lock,
                 std::unique_ptr<SqliteConnection> connection, Log& log)
      : file_(options.file),
        cache_kib_(options.cache_kib),
        log_(log),
        lock_(std::move(lock)),
        writer_(std::move(connection), options.largest_group, options.longest_queue, log) {}

  bool write_later(std::function<Result<void>(Transaction&)> work) override {
    return writer_.submit_later(std::move(work));
  }

  Task<void> flush() override {
    auto start = [this](std::unique_ptr<SqliteWriter::Waiter> waiter) {
      writer_.flush(std::move(waiter));
    };
    co_await until_complete(start);
  }

  Result<void> migrate(const std::vector<Migration>& migrations) override {
    auto connection = SqliteConnection::open(file_, SqliteConnection::Mode::migrate, cache_kib_);
    if (!connection) return fail(connection.error());
    return migrate_sqlite(**connection, file_, migrations, log_);
  }

  Result<void> read_now(const std::function<Result<void>(Connection&)>& work) override {
    auto connection = borrow();
    if (!connection) return fail(connection.error());
    Result<void> result;
    for (int attempt = 1;; ++attempt) {
      result = snapshot(**connection, work);
      if (result || result.error().code != "sql_retry" || attempt == most_attempts) break;
    }
    give_back(std::move(*connection));
    if (!result) return fail(settled(std::move(result.error())));
    return result;
  }

  Result<void> write_now(const std::function<Result<void>(Transaction&)>& work) override {
    auto waiter = std::make_unique<ResumeThread>();
    auto done = waiter->future();
    writer_.submit(work, std::move(waiter));
    return done.get();
  }

 protected:
  Task<Result<void>> read_erased(std::function<Result<void>(Connection&)> work) override {
    co_return read_now(work);
  }

  Task<Result<void>> write_erased(std::function<Result<void>(Transaction&)> work) override {
    auto start = [this, &work](std::unique_ptr<SqliteWriter::Waiter> waiter) {
      writer_.submit(std::move(work), std::move(waiter));
    };
    co_return co_await until_complete(start);
  }

 private:
  struct Reader {
    std::unique_ptr<SqliteConnection> connection;
    std::thread::id thread;  // that had it last
  };

  Result<std::unique_ptr<SqliteConnection>> borrow() {
    {
      std::lock_guard lock(readers_mutex_);
      if (!readers_.empty()) {
        auto mine = std::find_if(readers_.begin(), readers_.end(),
                                 [me = std::this_thread::get_id()](const Reader& reader) {
                                   return reader.thread == me;
                                 });
        if (mine == readers_.end()) --mine;
        auto connection = std::move(mine->connection);
        readers_.erase(mine);
        return connection;
      }
    }
    return SqliteConnection::open(file_, SqliteConnection::Mode::read, cache_kib_);
  }

  void give_back(std::unique_ptr<SqliteConnection> connection) {
    if (connection->in_transaction()) return;  // could not be ended: closing it does
    std::lock_guard lock(readers_mutex_);
    readers_.push_back({std::move(connection), std::this_thread::get_id()});
  }

  static Result<void> snapshot(SqliteConnection& connection,
                               const std::function<Result<void>(Connection&)>& work) {
    auto begun = connection.control(Control::begin);
    if (!begun) return begun;
    auto result = guarded(work, connection);
    // Nothing was written, so how it ends does not matter; an error may have ended it already.
    if (connection.in_transaction()) (void)connection.control(Control::commit);
    return result;
  }

  const std::filesystem::path file_;
  const std::int64_t cache_kib_;
  Log& log_;
  Descriptor lock_;      // released last
  SqliteWriter writer_;  // after the readers: the last connection empties the write-ahead log
  std::mutex readers_mutex_;
  std::vector<Reader> readers_;
};

Error cannot_open(const std::filesystem::path& file, const std::string& why) {
  return internal_error("cannot open the database " + file.string() + ": " + why);
}

// SQLite gives its companions (-wal, -shm) the mode of the file.
Result<void> create_file(const std::filesystem::path& file, Log& log) {
  Descriptor made(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (made.number() < 0) return fail(cannot_open(file, std::strerror(errno)));
  struct stat status {};
  if (::fstat(made.number(), &status) == 0 && (status.st_mode & 0077) != 0) {
    log.warning("the database file is accessible to other users of this machine: chmod 600",
                {{"file", file.string()}});
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Database>> open_sqlite(const SqliteOptions& options, Log& log) {
  // The engine's memory statistics are behind one lock for all threads; nobody reads them.
  static const int quiet = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)quiet;
  SqliteOptions resolved = options;
  auto file = resolve_file(options.file);
  if (!file) return fail(file.error());
  resolved.file = std::move(*file);
  auto lock = lock_file(resolved.file);
  if (!lock) return fail(lock.error());
  if (auto created = create_file(resolved.file, log); !created) return fail(created.error());
  auto connection =
      SqliteConnection::open(resolved.file, SqliteConnection::Mode::write, resolved.cache_kib);
  if (!connection) return fail(connection.error());
  return std::make_unique<SqliteDatabase>(resolved, std::move(*lock), std::move(*connection), log);
}

}  // namespace mytoken::sql
