// The embedded engine: SQLite in WAL mode, synchronous=FULL, foreign keys on. Reads run at once on
// the calling thread's own read-only connection. Writes go to one writer thread, which executes all
// waiting functions as savepoints of one transaction and commits once (group commit).
#pragma once
#include <filesystem>
#include <memory>

#include "base/log.h"
#include "sql/database.h"

namespace mytoken::sql {

struct SqliteOptions {
  std::filesystem::path file;          // created (mode 0600) if missing
  std::size_t largest_group = 256;     // functions per commit, at least 2
  std::size_t longest_queue = 50'000;  // waiting writes; beyond: error unavailable (503)
  std::int64_t cache_kib = 8192;       // page cache per connection
};

// Error (cause says what to do): cannot open, not a database, read-only, another server has it
// open. The Log and every io_context whose coroutines wait for writes must outlive the Database;
// ending the Database finishes what is queued.
Result<std::unique_ptr<Database>> open_sqlite(const SqliteOptions& options, Log& log);

}  // namespace mytoken::sql
