// The worker threads in front of PostgreSQL: a bounded queue, one connection per thread, repetition
// where it is safe, and the state of an unreachable server. Private to the PostgreSQL driver. Knows
// no coroutines: who waits for a result gives a Waiter.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <typeindex>
#include <unordered_set>
#include <vector>

#include "base/log.h"
#include "sql/postgres_connection.h"
#include "sql/waiter.h"

namespace mytoken::sql {

class PostgresPool {
 public:
  using Read = std::function<Result<void>(Connection&)>;
  using Write = std::function<Result<void>(Transaction&)>;

  // `first`: a connection that was just made.
  PostgresPool(const PostgresOptions& options, std::unique_ptr<PostgresConnection> first, Log& log);
  // Finishes everything that was submitted, or fails it if the server is away.
  ~PostgresPool();
  PostgresPool(const PostgresPool&) = delete;
  PostgresPool& operator=(const PostgresPool&) = delete;

  // All thread-safe. The waiter hears the function's own error; 503 if the queue is full, the
  // server away or silent, or the outcome of the commit unknown; 500 for an exception of the
  // function.
  void submit(Read work, std::unique_ptr<Waiter> waiter);
  void submit(Write work, std::unique_ptr<Waiter> waiter);
  // sql/database.h, write_later. Kept while the server is away.
  bool submit_later(Write work);
  // Completes when everything of submit_later before has been committed or has failed, or the
  // server is away.
  void flush(std::unique_ptr<Waiter> waiter);

  PostgresCounters counters() const;

 private:
  using Moment = std::chrono::steady_clock::time_point;
  struct Job {
    Read read;
    Write write;
    std::unique_ptr<Waiter> waiter;
    Moment give_up;  // not begun by then: refused
  };
  struct Later {
    std::uint64_t number = 0;
    Write work;
    Moment due;
  };
  struct Flush {
    std::uint64_t number;
    std::unique_ptr<Waiter> waiter;
  };
  // What a worker thread owns.
  struct Worker {
    std::unique_ptr<PostgresConnection> connection;
    std::uint64_t counted = 0;
    std::uint64_t outage = 0;  // the connection was made after so many
  };
  enum class Task { stop, job, later, probe, settle };

  static std::chrono::milliseconds jittered(std::chrono::milliseconds limit);
  void submit(Job job);
  void loop(Worker worker);
  Task wait_for_task(std::unique_lock<std::mutex>& lock, const Worker& worker, Job& job,
                     std::vector<Later>& group);
  bool later_is_due() const;
  void run(Worker& worker, Job& job);
  void run_later(Worker& worker, std::vector<Later>& group);
  void probe(Worker& worker);
  // Repeats `once` (one try on the worker's connection) as the header of postgres.h says.
  Result<void> attempt(Worker& worker,
                       const std::function<Result<void>(PostgresConnection&)>& once);
  Result<void> read_once(PostgresConnection& connection, const Read& work);
  static Result<void> write_once(PostgresConnection& connection, const Write& work);
  Result<void> connect(Worker& worker);
  void adopt(Worker& worker, std::unique_ptr<PostgresConnection> connection, std::uint64_t outage);
  void count(Worker& worker);
  void go_down(const Error& error);
  std::vector<Flush> ended_flushes();

  const PostgresOptions options_;
  Log& log_;
  std::atomic<std::uint64_t> round_trips_{0};
  std::atomic<std::uint64_t> repeated_{0};
  std::atomic<std::uint64_t> outages_{0};  // connections from before the last one are not trusted

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  std::deque<Later> later_;
  std::vector<Flush> flushes_;
  std::uint64_t last_number_ = 0;
  std::unordered_set<std::type_index>
      snapshots_;            // kinds of read functions that make several statements
  bool later_runs_ = false;  // a worker has a group of later_; there is one at a time
  bool down_ = false;        // the server cannot be reached
  bool probing_ = false;     // a worker tries to
  bool stopping_ = false;
  std::vector<std::thread> threads_;  // last: they start when everything else is there
};

}  // namespace mytoken::sql
