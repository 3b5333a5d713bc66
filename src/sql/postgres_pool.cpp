// Rules of a worker: nobody is told of success before the commit was confirmed; a commit that was
// sent is never sent again; a read that turned out to need a snapshot is remembered by the type of
// its function, which is one per place in the program, so that the others go without BEGIN and
// COMMIT.
#include "sql/postgres_pool.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>

namespace mytoken::sql {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t most_later = 100'000;
constexpr std::size_t largest_group = 256;
constexpr auto longest_delay = milliseconds(50);
constexpr auto first_pause = milliseconds(50);
constexpr auto longest_pause = milliseconds(1000);

Error too_busy() {
  return unavailable("the queue of database work is full");
}

}  // namespace

PostgresPool::PostgresPool(const PostgresOptions& options,
                           std::unique_ptr<PostgresConnection> first, Log& log)
    : options_(options), log_(log) {
  // Signals are for the other threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (std::size_t i = 0; i < std::max<std::size_t>(options.connections, 1); ++i) {
    Worker worker;
    worker.connection = std::move(first);
    threads_.emplace_back(
        [this, own = std::make_shared<Worker>(std::move(worker))] { loop(std::move(*own)); });
    pthread_setname_np(threads_.back().native_handle(), "sql-worker");
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

PostgresPool::~PostgresPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
  for (Job& job : queue_)
    job.waiter->complete(fail(unavailable("the database connection ends")));
  for (Flush& flush : flushes_)
    flush.waiter->complete({});
  if (!later_.empty()) {
    log_.warning("deferred database writes are lost",
                 {{"count", static_cast<std::int64_t>(later_.size())}});
  }
}

void PostgresPool::submit(Read work, std::unique_ptr<Waiter> waiter) {
  submit(
      Job{std::move(work), nullptr, std::move(waiter), Clock::now() + options_.statement_timeout});
}

void PostgresPool::submit(Write work, std::unique_ptr<Waiter> waiter) {
  submit(
      Job{nullptr, std::move(work), std::move(waiter), Clock::now() + options_.statement_timeout});
}

void PostgresPool::submit(Job job) {
  Error refusal;
  {
    std::lock_guard lock(mutex_);
    if (down_) {
      refusal = unavailable("the database cannot be reached");
    } else if (queue_.size() >= options_.longest_queue) {
      refusal = too_busy();
    } else {
      queue_.push_back(std::move(job));
    }
  }
  if (job.waiter) {
    job.waiter->complete(fail(std::move(refusal)));
  } else {
    wake_.notify_one();
  }
}

bool PostgresPool::submit_later(Write work) {
  bool wake;
  {
    std::lock_guard lock(mutex_);
    if (later_.size() >= most_later) return false;
    later_.push_back({++last_number_, std::move(work), Clock::now() + longest_delay});
    wake = later_.size() == 1 || later_.size() == largest_group;
  }
  if (wake) wake_.notify_one();
  return true;
}

void PostgresPool::flush(std::unique_ptr<Waiter> waiter) {
  {
    std::lock_guard lock(mutex_);
    if (!down_ && (!later_.empty() || later_runs_)) {
      flushes_.push_back({last_number_, std::move(waiter)});
    }
  }
  if (waiter) {
    waiter->complete({});
  } else {
    wake_.notify_all();
  }
}

PostgresCounters PostgresPool::counters() const {
  return {round_trips_.load(), repeated_.load()};
}

bool PostgresPool::later_is_due() const {
  if (later_.empty() || later_runs_) return false;
  return stopping_ || !flushes_.empty() || later_.size() >= largest_group ||
         Clock::now() >= later_.front().due;
}

PostgresPool::Task PostgresPool::wait_for_task(std::unique_lock<std::mutex>& lock,
                                               const Worker& worker, Job& job,
                                               std::vector<Later>& group) {
  for (;;) {
    if (down_) {
      if (stopping_) return Task::stop;
      if (!probing_) {
        probing_ = true;
        return Task::probe;
      }
      wake_.wait(lock);
      continue;
    }
    if (later_is_due()) {
      later_runs_ = true;
      while (!later_.empty() && group.size() < largest_group) {
        group.push_back(std::move(later_.front()));
        later_.pop_front();
      }
      return Task::later;
    }
    if (!queue_.empty()) {
      job = std::move(queue_.front());
      queue_.pop_front();
      return Task::job;
    }
    if (stopping_ && !later_runs_) return Task::stop;
    if (worker.connection && worker.connection->has_leftover()) return Task::settle;
    if (later_.empty() || later_runs_) {
      wake_.wait(lock);
    } else {
      const Moment due = later_.front().due;  // a copy: another worker may take the entry meanwhile
      wake_.wait_until(lock, due);
    }
  }
}

void PostgresPool::loop(Worker worker) {
  for (;;) {
    Job job;
    std::vector<Later> group;
    Task task;
    {
      std::unique_lock lock(mutex_);
      task = wait_for_task(lock, worker, job, group);
    }
    switch (task) {
      case Task::stop:
        return;
      case Task::job:
        run(worker, job);
        break;
      case Task::later:
        run_later(worker, group);
        break;
      case Task::probe:
        probe(worker);
        break;
      case Task::settle: {
        worker.connection->end_leftover();
        if (worker.connection->lost()) worker.connection.reset();
        break;
      }
    }
  }
}

void PostgresPool::run(Worker& worker, Job& job) {
  Result<void> result;
  if (Clock::now() >= job.give_up) {
    result = fail(too_busy());
  } else if (job.write) {
    result = attempt(
        worker, [&](PostgresConnection& connection) { return write_once(connection, job.write); });
  } else {
    result = attempt(
        worker, [&](PostgresConnection& connection) { return read_once(connection, job.read); });
  }
  job.read = nullptr;  // before its owner goes on
  job.write = nullptr;
  job.waiter->complete(std::move(result));
}

void PostgresPool::run_later(Worker& worker, std::vector<Later>& group) {
  auto all = [&](Transaction& transaction) -> Result<void> {
    for (const Later& later : group) {
      if (auto done = guarded(later.work, transaction); !done) return done;
    }
    return {};
  };
  auto run_write = [&](const Write& work) {
    return attempt(worker,
                   [&](PostgresConnection& connection) { return write_once(connection, work); });
  };
  std::int64_t lost = 0;
  std::string cause;
  Result<void> together = run_write(all);
  bool keep = !together && together.error().status == 503;
  if (!together && !keep) {  // one of them spoils it: each for itself
    for (const Later& later : group) {
      auto done = run_write(later.work);
      if (!done && ++lost == 1) cause = done.error().cause;
    }
  }
  if (lost > 0)
    log_.warning("deferred database writes failed", {{"count", lost}, {"cause", cause}});
  std::vector<Flush> ended;
  {
    std::lock_guard lock(mutex_);
    later_runs_ = false;
    // Kept for when the server is back; one that is up and unwilling must not be asked forever.
    if (keep && down_ && !stopping_) {
      later_.insert(later_.begin(), std::make_move_iterator(group.begin()),
                    std::make_move_iterator(group.end()));
    } else if (keep) {
      log_.warning(
          "deferred database writes failed",
          {{"count", static_cast<std::int64_t>(group.size())}, {"cause", together.error().cause}});
    }
    ended = ended_flushes();
  }
  wake_.notify_all();
  for (Flush& flush : ended)
    flush.waiter->complete({});
}

std::vector<PostgresPool::Flush> PostgresPool::ended_flushes() {
  auto pending = [this](const Flush& flush) {
    return !down_ && !later_.empty() && later_.front().number <= flush.number;
  };
  std::vector<Flush> ended;
  auto first = std::stable_partition(flushes_.begin(), flushes_.end(), pending);
  std::move(first, flushes_.end(), std::back_inserter(ended));
  flushes_.erase(first, flushes_.end());
  return ended;
}

void PostgresPool::go_down(const Error& error) {
  std::deque<Job> refused;
  std::vector<Flush> ended;
  {
    std::lock_guard lock(mutex_);
    if (down_) return;
    down_ = true;
    ++outages_;
    refused.swap(queue_);
    ended = ended_flushes();
  }
  wake_.notify_all();
  log_.error("the database cannot be reached", {{"cause", error.cause}});
  for (Job& job : refused)
    job.waiter->complete(fail(unavailable("the database cannot be reached")));
  for (Flush& flush : ended)
    flush.waiter->complete({});
}

void PostgresPool::probe(Worker& worker) {
  worker.connection.reset();
  for (auto pause = first_pause;; pause = std::min(pause * 2, longest_pause)) {
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, jittered(pause), [this] { return stopping_; })) {
        probing_ = false;
        return;
      }
    }
    const std::uint64_t outage = outages_.load();
    auto opened = PostgresConnection::open(options_);
    if (!opened) continue;
    adopt(worker, std::move(*opened), outage);
    break;
  }
  {
    std::lock_guard lock(mutex_);
    down_ = false;
    probing_ = false;
  }
  log_.info("the database can be reached again");
  wake_.notify_all();
}

}  // namespace mytoken::sql
