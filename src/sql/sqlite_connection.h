// One SQLite connection under RAII: settings, kept statements, parameters, errors. Private to the
// SQLite driver (sqlite*.cpp); everybody else sees sql::Connection. Transaction control is apart
// from run(), which refuses it, so that a function given to Database cannot end the transaction
// that it shares with its neighbours.
#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sql/connection.h"

struct sqlite3;
struct sqlite3_stmt;

namespace mytoken::sql {

// Not thread-safe: one thread at a time.
class SqliteConnection final : public Connection {
 public:
  enum class Mode {
    read,     // cannot write; waits 250 ms for a lock, because it runs on an event loop
    write,    // creates the file; checkpoints are left to checkpoint_if_due()
    migrate,  // like write, foreign keys not enforced while tables are rebuilt
  };
  enum class Control { begin, begin_immediate, commit, rollback, savepoint, release, rollback_to };

  // `cache_kib`: page cache. Errors: internal_server_error whose cause names the file and what to
  // do.
  static Result<std::unique_ptr<SqliteConnection>> open(const std::filesystem::path& file,
                                                        Mode mode, std::int64_t cache_kib);
  ~SqliteConnection() override;
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  // sql/connection.h. Besides: 503 when the disk is full, fails or is read-only. `on_row` may run
  // statements itself.
  Result<std::int64_t> run(std::string_view sql, std::span<const Param> params,
                           const std::function<bool(const Row&)>& on_row) override;

  // Starts or ends a transaction or the savepoint of one function. Errors as run().
  Result<void> control(Control what);
  // False also after the engine gave up a whole transaction by itself (disk full, input/output
  // error).
  bool in_transaction() const;
  // True while a deferred foreign key is violated: COMMIT would fail for everybody.
  bool has_dangling_references() const;
  // Several statements separated by ';', without parameters (migrations).
  Result<void> script(const std::string& sql);

  // Moves the write-ahead log into the database file once it has grown, so that it starts over from
  // its beginning. Called between transactions. Errors: as run(); a reader that is in the way is
  // none.
  Result<void> checkpoint_if_due();
  // Moves everything and empties the log; for the end.
  void checkpoint_all();

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;
  // A prepared text. `numbers[i]` is the n of the $n at the engine's parameter i + 1 (the engine
  // counts $n by name in order of appearance).
  struct Kept {
    std::string text;
    Statement statement;
    std::vector<std::size_t> numbers;
    std::size_t parameters = 0;  // the highest n
    bool writes = false;
    bool busy = false;
  };

  SqliteConnection(sqlite3* handle, Mode mode);
  Result<void> configure(std::int64_t cache_kib);
  Result<void> refuse_others();
  Result<Kept> prepare(std::string_view sql);
  Result<Kept*> keep(std::string_view sql);
  Result<void> bind(const Kept& kept, std::span<const Param> params);
  Result<std::int64_t> step_all(Kept& kept, const std::function<bool(const Row&)>& on_row);
  Error error(int code) const;

  sqlite3* handle_;
  Mode mode_;
  std::list<Kept> kept_;  // last used first
  std::unordered_map<std::string_view, std::list<Kept>::iterator> by_text_;
  std::array<Statement, 7> controls_;
  bool controlling_ = false;  // run() may not touch transactions, control() may
  int log_pages_ = 0;         // length of the write-ahead log after the last commit
  int next_restart_;          // at this length readers are waited for
};

}  // namespace mytoken::sql
