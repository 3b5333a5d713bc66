// The one thread that writes to a SQLite file. It takes all functions that wait, runs each in a
// savepoint of one transaction, commits once and then tells everybody: one fsync per group and not
// per function. Private to the SQLite driver. Knows no coroutines: who waits for a result gives a
// Waiter.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/log.h"
#include "sql/sqlite_connection.h"
#include "sql/waiter.h"

namespace mytoken::sql {

class SqliteWriter {
 public:
  using Work = std::function<Result<void>(Transaction&)>;

  using Waiter = sql::Waiter;

  // `largest_group`: functions per commit (at least 2); `longest_queue`: waiting functions of
  // submit().
  SqliteWriter(std::unique_ptr<SqliteConnection> connection, std::size_t largest_group,
               std::size_t longest_queue, Log& log);
  // Finishes everything that was submitted.
  ~SqliteWriter();
  SqliteWriter(const SqliteWriter&) = delete;
  SqliteWriter& operator=(const SqliteWriter&) = delete;

  // All thread-safe. The waiter hears the function's own error; 503 if the queue is full (function
  // not run), the disk is full or fails, or another program holds the file; 500 for an exception of
  // the function.
  void submit(Work work, std::unique_ptr<Waiter> waiter);
  // sql/database.h, write_later.
  bool submit_later(Work work);
  // Completes (without error) when everything submitted before has been committed or has failed.
  void flush(std::unique_ptr<Waiter> waiter);

 private:
  struct Job {
    std::uint64_t number = 0;
    Work work;
    std::unique_ptr<Waiter> waiter;             // none: submit_later
    std::chrono::steady_clock::time_point due;  // of submit_later: when it may wait no longer
    Result<void> result;
  };
  struct Flush {
    std::uint64_t number;
    std::unique_ptr<Waiter> waiter;
  };

  void loop();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  std::vector<Job> take_group();
  void run_group(std::vector<Job>& group);
  // Runs `jobs` in one transaction. True if all results stand. False if the engine gave the
  // transaction up while one ran: that one has its error and is taken out of `jobs`, the others
  // must run again.
  bool attempt(std::vector<Job*>& jobs);
  Result<void> run_one(Job& job);
  void complete(std::vector<Job>& group);
  void complete_flushes();
  void report(bool works, const Error& error);

  std::unique_ptr<SqliteConnection> connection_;
  const std::size_t largest_group_;
  const std::size_t longest_queue_;
  Log& log_;
  bool works_ = true;             // writer thread only: the last group could be committed
  bool checkpoint_works_ = true;  // writer thread only

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  std::deque<Job> later_;
  std::vector<Flush> flushes_;
  std::uint64_t last_number_ = 0;
  bool stopping_ = false;
  std::thread thread_;  // last: starts when everything else is there
};

}  // namespace mytoken::sql
