// Rules of a group: an error of one function undoes that function only; nobody is told of success
// before the commit is durable; if the commit fails, everybody who would have succeeded hears that
// error; whatever fails, the next group is tried as if nothing had happened.
#include "sql/sqlite_writer.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>

#include "base/fault.h"

namespace mytoken::sql {
namespace {

using Clock = std::chrono::steady_clock;
using Control = SqliteConnection::Control;

constexpr std::size_t most_later = 100'000;
constexpr auto longest_delay = std::chrono::milliseconds(50);

}  // namespace

SqliteWriter::SqliteWriter(std::unique_ptr<SqliteConnection> connection, std::size_t largest_group,
                           std::size_t longest_queue, Log& log)
    : connection_(std::move(connection)),
      largest_group_(std::max<std::size_t>(largest_group, 2)),
      longest_queue_(longest_queue),
      log_(log) {
  // Signals are for the other threads. SIGXFSZ would end the process where a file size limit should
  // be an error.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { loop(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "sql-writer");
}

SqliteWriter::~SqliteWriter() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  connection_->checkpoint_all();
}

void SqliteWriter::submit(Work work, std::unique_ptr<Waiter> waiter) {
  {
    std::lock_guard lock(mutex_);
    if (queue_.size() < longest_queue_) {
      queue_.push_back({++last_number_, std::move(work), std::move(waiter), {}, {}});
    }
  }
  if (waiter) {
    waiter->complete(fail(unavailable("the queue of database writes is full")));
  } else {
    wake_.notify_one();
  }
}

bool SqliteWriter::submit_later(Work work) {
  bool wake;
  {
    std::lock_guard lock(mutex_);
    if (later_.size() >= most_later) return false;
    later_.push_back({++last_number_, std::move(work), nullptr, Clock::now() + longest_delay, {}});
    // Between these two the writer waits for the clock or for somebody else.
    wake = later_.size() == 1 || later_.size() == largest_group_;
  }
  if (wake) wake_.notify_one();
  return true;
}

void SqliteWriter::flush(std::unique_ptr<Waiter> waiter) {
  {
    std::lock_guard lock(mutex_);
    flushes_.push_back({++last_number_, std::move(waiter)});
  }
  wake_.notify_one();
}

void SqliteWriter::loop() {
  for (;;) {
    std::vector<Job> group;
    {
      std::unique_lock lock(mutex_);
      wait_for_work(lock);
      group = take_group();
      if (group.empty() && flushes_.empty() && stopping_) return;
    }
    if (!group.empty()) {
      run_group(group);
      complete(group);
    }
    complete_flushes();
    // Nobody waits for this any more.
    auto moved = connection_->checkpoint_if_due();
    if (!moved && checkpoint_works_) {
      log_.error("database checkpoint failed", {{"cause", moved.error().cause}});
    }
    checkpoint_works_ = moved.has_value();
  }
}

void SqliteWriter::wait_for_work(std::unique_lock<std::mutex>& lock) {
  while (!stopping_ && queue_.empty() && flushes_.empty() && later_.size() < largest_group_) {
    if (later_.empty()) {
      wake_.wait(lock);
    } else if (wake_.wait_until(lock, later_.front().due) == std::cv_status::timeout) {
      return;
    }
  }
}

std::vector<SqliteWriter::Job> SqliteWriter::take_group() {
  const bool overdue =
      !later_.empty() && (stopping_ || !flushes_.empty() || Clock::now() >= later_.front().due);
  // Under a load that fills every group, overdue entries get half of it.
  const std::size_t reserved = overdue ? std::min(later_.size(), largest_group_ / 2) : 0;
  std::vector<Job> group;
  auto take = [&group](std::deque<Job>& from, std::size_t limit) {
    while (!from.empty() && group.size() < limit) {
      group.push_back(std::move(from.front()));
      from.pop_front();
    }
  };
  take(queue_, largest_group_ - reserved);
  take(later_, largest_group_);
  return group;
}

void SqliteWriter::run_group(std::vector<Job>& group) {
  std::vector<Job*> jobs;
  jobs.reserve(group.size());
  for (Job& job : group)
    jobs.push_back(&job);
  while (!jobs.empty() && !attempt(jobs)) {
  }
}

bool SqliteWriter::attempt(std::vector<Job*>& jobs) {
  auto fail_all = [&jobs, this](const Error& error) {
    for (Job* job : jobs) {
      if (job->result) job->result = fail(settled(error));
    }
    if (connection_->in_transaction()) (void)connection_->control(Control::rollback);
    report(false, error);
    return true;
  };
  for (Job* job : jobs)
    job->result = {};
  if (auto begun = connection_->control(Control::begin_immediate); !begun) {
    return fail_all(begun.error());
  }
  const bool alone = jobs.size() == 1;  // needs no savepoint: the transaction is its own
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    Job& job = *jobs[i];
    if (!alone) {
      if (auto begun = connection_->control(Control::savepoint); !begun) {
        return fail_all(begun.error());
      }
    }
    job.result = run_one(job);
    if (!connection_->in_transaction()) {
      if (job.result) job.result = fail(unavailable("the engine gave up the transaction"));
      report(false, job.result.error());
      jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(i));
      return false;
    }
    if (alone) continue;
    if (!job.result) {
      if (auto undone = connection_->control(Control::rollback_to); !undone) {
        return fail_all(undone.error());
      }
    }
    if (auto ended = connection_->control(Control::release); !ended) {
      return fail_all(ended.error());
    }
  }
  const bool keep =
      std::any_of(jobs.begin(), jobs.end(), [](const Job* job) { return job->result.has_value(); });
  if (keep) fault_point("before_commit");
  auto ended = connection_->control(keep ? Control::commit : Control::rollback);
  if (keep) fault_point("after_commit");
  if (!ended) return fail_all(ended.error());
  if (keep) report(true, {});
  return true;
}

Result<void> SqliteWriter::run_one(Job& job) {
  Transaction transaction(*connection_);
  auto result = guarded(job.work, transaction);
  if (!result) return fail(settled(std::move(result.error())));
  if (connection_->in_transaction() && connection_->has_dangling_references()) {
    return fail(internal_error("FOREIGN KEY constraint failed"));
  }
  return result;
}

void SqliteWriter::complete(std::vector<Job>& group) {
  std::int64_t lost = 0;
  std::string cause;
  for (Job& job : group) {
    job.work = nullptr;  // before its owner goes on
    if (job.waiter) {
      job.waiter->complete(std::move(job.result));
      job.waiter.reset();
    } else if (!job.result && ++lost == 1) {
      cause = job.result.error().cause;
    }
  }
  if (lost > 0)
    log_.warning("deferred database writes failed", {{"count", lost}, {"cause", cause}});
}

void SqliteWriter::complete_flushes() {
  std::vector<Flush> done;
  {
    std::lock_guard lock(mutex_);
    auto pending = [this](const Flush& flush) {
      return (!queue_.empty() && queue_.front().number < flush.number) ||
             (!later_.empty() && later_.front().number < flush.number);
    };
    auto first = std::stable_partition(flushes_.begin(), flushes_.end(), pending);
    std::move(first, flushes_.end(), std::back_inserter(done));
    flushes_.erase(first, flushes_.end());
  }
  for (Flush& flush : done)
    flush.waiter->complete({});
}

void SqliteWriter::report(bool works, const Error& error) {
  if (works == works_) return;
  works_ = works;
  if (works) {
    log_.info("database writes work again");
  } else {
    log_.error("database writes fail", {{"cause", error.cause}});
  }
}

}  // namespace mytoken::sql
