// The engine of the large form: PostgreSQL 15 or a compatible distributed engine, reached through
// libpq. A number of worker threads, each with a connection of its own, run the functions given to
// Database; callers are resumed on their own executors. Several servers may use one database.
//
// Isolation. A write function runs in a READ COMMITTED transaction: every rule of the repositories
// is a conditional UPDATE or DELETE of one row, which PostgreSQL evaluates again on the row's
// newest version after it had to wait for it, and where a decision depends on other rows the
// repository locks the row that all parties share first. A read function that makes several
// statements sees one REPEATABLE READ snapshot.
//
// Failures. Serialisation failures and deadlocks run the function again (bounded, with jitter), and
// so does a lost connection before the commit was sent. A connection lost during the commit is an
// error: nobody knows the outcome, and nothing is done twice. While the server cannot be reached
// work is refused at once with 503, and one worker tries to reach it, with back-off.
//
// Not behind a pooler that lends connections per transaction: statements are kept prepared per
// connection.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>

#include "base/log.h"
#include "base/secret.h"
#include "sql/database.h"

namespace mytoken::sql {

struct PostgresOptions {
  // postgresql://user:password@host1,host2/database?sslmode=verify-full… as libpq reads it. Of
  // several hosts the one that accepts writes is used (target_session_attrs=read-write, whatever
  // the URL says).
  Secret url;
  std::size_t connections = 8;
  std::size_t longest_queue = 50'000;               // waiting functions; beyond: unavailable (503)
  std::chrono::milliseconds connect_timeout{5000};  // per host, whole seconds
  std::chrono::milliseconds statement_timeout{10'000};  // one more second for the answer to arrive
  std::chrono::milliseconds lock_timeout{5000};
};

// Counters since the start, for tests and measurements.
struct PostgresCounters {
  std::uint64_t round_trips = 0;  // that a caller waited for
  std::uint64_t repeated = 0;     // functions run again
};

class PostgresDatabase : public Database {
 public:
  virtual PostgresCounters counters() const = 0;
};

// True for what `database.url` calls a PostgreSQL database.
bool is_postgres_url(std::string_view url);

// Connects once. Errors (cause: one line that says what to do, without the password): URL not
// understood, server not reachable, login refused, no host accepts writes. The Log and every
// io_context whose coroutines wait must outlive the Database; ending the Database finishes what is
// queued.
Result<std::unique_ptr<PostgresDatabase>> open_postgres(const PostgresOptions& options, Log& log);

}  // namespace mytoken::sql
