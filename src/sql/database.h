// Who runs which database work on which thread (DESIGN §6). Engines: SQLite (sql/sqlite.h),
// PostgreSQL (sql/postgres.h). Thread-safe. Functions given to read and write are pure database
// work: no network, no waiting, and they may run again (a serialisation failure, a lost connection,
// a read that turns out to need a snapshot), so they must not move from their captures and start
// from the same state each time. An error of a statement ends the function: it returns it.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/task.h"
#include "sql/connection.h"

namespace mytoken::sql {

struct Migration {
  int version;  // 1, 2, 3 …
  std::string_view name;
  std::string_view sql;  // several statements separated by ';'
};

class Database {
 public:
  virtual ~Database() = default;

  // Runs `fn(Connection&)` (returning Result<T>) on a consistent snapshot.
  template <class F, class R = std::invoke_result_t<F&, Connection&>>
  Task<R> read(F fn) {
    std::optional<R> result;
    std::function<Result<void>(Connection&)> work =
        [&fn, &result](Connection& connection) -> Result<void> {
      result.emplace(fn(connection));
      if (!*result) return tl::unexpected(result->error());
      return {};
    };
    auto done = co_await read_erased(std::move(work));
    if (!done) co_return tl::unexpected(std::move(done.error()));
    co_return std::move(*result);
  }

  // Runs `fn(Transaction&)` (returning Result<T>) in a transaction; resumes the caller on its own
  // executor when the result is durable. An error result rolls back what `fn` did and nothing else.
  template <class F, class R = std::invoke_result_t<F&, Transaction&>>
  Task<R> write(F fn) {
    std::optional<R> result;
    std::function<Result<void>(Transaction&)> work =
        [&fn, &result](Transaction& transaction) -> Result<void> {
      result.emplace(fn(transaction));
      if (!*result) return tl::unexpected(result->error());
      return {};
    };
    auto done = co_await write_erased(std::move(work));
    if (!done) co_return tl::unexpected(std::move(done.error()));
    co_return std::move(*result);
  }

  // Queues work whose loss at a crash is acceptable (an introspection's history entry): it joins
  // the next group or a group of its own within 50 ms. Bounded: beyond 100,000 waiting entries
  // false is returned and the work is dropped.
  virtual bool write_later(std::function<Result<void>(Transaction&)> work) = 0;
  // Resumes when everything queued before is durable.
  virtual Task<void> flush() = 0;

  // Blocking, for start-up and commands: applies missing migrations in order, each in a
  // transaction, under a lock. Errors: schema newer than the program, schema of something else.
  virtual Result<void> migrate(const std::vector<Migration>& migrations) = 0;
  // Blocking variants for start-up, commands and tests.
  virtual Result<void> read_now(const std::function<Result<void>(Connection&)>& work) = 0;
  virtual Result<void> write_now(const std::function<Result<void>(Transaction&)>& work) = 0;

 protected:
  virtual Task<Result<void>> read_erased(std::function<Result<void>(Connection&)> work) = 0;
  virtual Task<Result<void>> write_erased(std::function<Result<void>(Transaction&)> work) = 0;
};

}  // namespace mytoken::sql
