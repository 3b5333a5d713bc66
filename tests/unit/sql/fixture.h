// A database file of its own for each test, a log that collects, and a gate that holds the writer
// thread so that what is queued meanwhile forms one group.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <filesystem>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "base/task.h"
#include "sql/sqlite.h"

namespace mytoken::sql {

class CollectingLog final : public Log {
 public:
  CollectingLog() : Log(-1, LogLevel::debug, Format::text) {}
  std::string text() {
    std::lock_guard lock(mutex_);
    return text_;
  }

 protected:
  void emit(std::string_view line) override {
    std::lock_guard lock(mutex_);
    text_ += line;
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

// A test, of the kind `Test`, with one database, and short ways to put single statements to it.
template <class Test, class Opened = Database>
class DatabaseTest : public Test {
 protected:
  virtual void open() = 0;  // again if it was open

  // Opens with `schema` as the only migration.
  void open_with(std::string_view schema) {
    open();
    auto done = database->migrate({{1, "test", schema}});
    ASSERT_TRUE(done) << done.error().cause;
  }

  // Runs one statement in a transaction of its own; rows changed or the error.
  template <class... P>
  Result<std::int64_t> write(std::string_view sql, const P&... params) {
    std::int64_t changed = 0;
    auto done = database->write_now([&](Transaction& transaction) -> Result<void> {
      auto ran = transaction.execute(sql, params...);
      if (!ran) return fail(ran.error());
      changed = *ran;
      return {};
    });
    if (!done) return fail(done.error());
    return changed;
  }

  // The first column of the first row as an integer; -1 if there is no row.
  template <class... P>
  Result<std::int64_t> read(std::string_view sql, const P&... params) {
    std::int64_t found = -1;
    auto done = database->read_now([&](Connection& connection) -> Result<void> {
      auto row = connection.one(
          sql, [](const Row& r) { return r.integer(0); }, params...);
      if (!row) return fail(row.error());
      found = row->value_or(-1);
      return {};
    });
    if (!done) return fail(done.error());
    return found;
  }
  // The same where no error is expected.
  template <class... P>
  std::int64_t number(std::string_view sql, const P&... params) {
    auto found = read(sql, params...);
    EXPECT_TRUE(found) << found.error().cause;
    return found.value_or(-2);
  }

  CollectingLog log;
  std::unique_ptr<Opened> database;
};

class SqliteTest : public DatabaseTest<::testing::Test> {
 protected:
  SqliteTest() {
    directory = std::filesystem::temp_directory_path() / ("mytoken-sql-" + random_uuid());
    std::filesystem::create_directory(directory);
    options.file = directory / "test.db";
  }
  ~SqliteTest() override {
    database.reset();
    std::filesystem::remove_all(directory);
  }

  void open() override {
    database.reset();
    auto opened = open_sqlite(options, log);
    ASSERT_TRUE(opened) << opened.error().cause;
    database = std::move(*opened);
  }
  std::filesystem::path directory;
  SqliteOptions options;
};

// Holds the writer thread from construction until open() or destruction.
class Gate {
 public:
  explicit Gate(Database& database) {
    std::promise<void> started;
    auto reached = started.get_future();
    thread_ = std::thread([this, &database, &started] {
      auto done = database.write_now([this, &started](Transaction&) -> Result<void> {
        started.set_value();
        release_.get_future().wait();
        return {};
      });
      EXPECT_TRUE(done);
    });
    reached.wait();
  }
  ~Gate() { open(); }
  void open() {
    if (!thread_.joinable()) return;
    release_.set_value();
    thread_.join();
  }

 private:
  std::promise<void> release_;
  std::thread thread_;
};

// A write as a coroutine that leaves its result in `result`.
template <class F>
Task<void> write_into(Database& database, F work, std::optional<Result<std::int64_t>>& result) {
  result = co_await database.write(std::move(work));
}

// A function for Database::write that runs one statement without parameters.
inline auto statement(std::string sql) {
  return [sql = std::move(sql)](Transaction& transaction) { return transaction.execute(sql); };
}

inline Result<void> insert_one(Transaction& transaction) {
  auto done = transaction.execute("INSERT INTO v VALUES (1)");
  return done ? Result<void>() : fail(done.error());
}

// How many rows of table v there are once everything queued is done.
inline Task<void> flush_and_count(Database& database, std::optional<Result<std::int64_t>>& count) {
  co_await database.flush();
  auto work = [](Connection& connection) -> Result<std::int64_t> {
    auto row = connection.one("SELECT count(*) FROM v", [](const Row& r) { return r.integer(0); });
    return **row;
  };
  count = co_await database.read(work);
}

// Starts the coroutines of `context` up to where they wait, on this thread.
inline void start(asio::io_context& context) {
  context.poll();
}

}  // namespace mytoken::sql
