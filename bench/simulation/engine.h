// A small discrete-event simulation: processes are coroutines that wait for time to pass, for a
// free processor, for the disk, or for a connection. Everything is deterministic: same seed, same
// result. Times are seconds since the start. Not thread-safe. A simulation runs until nothing is
// left to do.
#pragma once
#include <coroutine>
#include <cstdint>
#include <deque>
#include <exception>
#include <optional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

#include "histogram.h"

namespace mytoken::bench::sim {

// A process of its own: begins at once, ends by itself.
struct Process {
  struct promise_type {
    Process get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

// A part of a process that gives a value: begins when it is awaited.
template <class T>
class Step {
 public:
  struct promise_type {
    std::coroutine_handle<> continuation;
    std::optional<T> value;
    Step get_return_object() {
      return Step(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct Final {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        return self.promise().continuation;
      }
      void await_resume() noexcept {}
    };
    Final final_suspend() noexcept { return {}; }
    void return_value(T result) { value = std::move(result); }
    void unhandled_exception() { std::terminate(); }
  };
  Step(Step&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Step& operator=(Step&&) = delete;
  ~Step() {
    if (handle_) handle_.destroy();
  }
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) {
    handle_.promise().continuation = caller;
    return handle_;
  }
  T await_resume() { return std::move(*handle_.promise().value); }

 private:
  explicit Step(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

class Scheduler {
 public:
  double now() const { return now_; }
  void resume_at(double when, std::coroutine_handle<> process) {
    events_.push({when, ++last_, process});
  }
  // Until nothing waits for time to pass.
  void run();
  std::uint64_t events() const { return last_; }

  struct Delay {
    Scheduler& scheduler;
    double until;
    bool await_ready() const { return until <= scheduler.now(); }
    void await_suspend(std::coroutine_handle<> process) { scheduler.resume_at(until, process); }
    void await_resume() const {}
  };
  Delay delay(double seconds) { return {*this, now_ + seconds}; }
  Delay at(double moment) { return {*this, moment}; }

 private:
  struct Event {
    double when;
    std::uint64_t number;  // of two at the same moment the older one goes first
    std::coroutine_handle<> process;
    bool operator<(const Event& other) const {
      return when != other.when ? when > other.when : number > other.number;
    }
  };
  std::priority_queue<Event> events_;
  double now_ = 0;
  std::uint64_t last_ = 0;
};

// Processors with one queue: first come, first served, nobody is interrupted.
class Station {
 public:
  // `speed`: 1 = as measured, 0.5 = everything takes twice as long.
  Station(Scheduler& scheduler, unsigned processors, double speed = 1)
      : scheduler_(scheduler), processors_(processors), free_(processors), speed_(speed) {}

  struct Use {
    Station& station;
    double seconds;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> process) { station.enter(process, seconds); }
    void await_resume() const { station.leave(); }
  };
  // Waits for a processor and keeps it for `seconds`.
  Use use(double seconds) { return {*this, seconds / speed_}; }

  unsigned processors() const { return processors_; }
  std::size_t waiting() const { return queue_.size(); }
  // Processor seconds used up to now.
  double busy() const;
  const Histogram& waits() const { return waits_; }  // for a processor
  double mean_wait() const { return begun_ ? waited_ / static_cast<double>(begun_) : 0; }

 private:
  struct Waiting {
    std::coroutine_handle<> process;
    double seconds;
    double since;
  };
  void enter(std::coroutine_handle<> process, double seconds);
  void leave();
  void begin(const Waiting& one);
  void account();

  Scheduler& scheduler_;
  const unsigned processors_;
  unsigned free_;
  const double speed_;
  std::deque<Waiting> queue_;
  double busy_ = 0;
  double accounted_ = 0;
  double waited_ = 0;
  std::uint64_t begun_ = 0;
  Histogram waits_;
};

// The log of a database: one write at a time makes everything durable that arrived before it began
// (group commit). A write takes `seconds`, and `seconds_each` more for each whose bytes are in it.
class Log {
 public:
  Log(Scheduler& scheduler, double seconds, double seconds_each = 0)
      : scheduler_(scheduler), seconds_(seconds), seconds_each_(seconds_each) {}

  struct Sync {
    Log& log;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> process) {
      log.next_.push_back(process);
      if (!log.running_) log.run();
    }
    void await_resume() const {}
  };
  Sync sync() { return {*this}; }
  std::uint64_t writes() const { return writes_; }

 private:
  Process run();

  Scheduler& scheduler_;
  const double seconds_;
  const double seconds_each_;
  std::vector<std::coroutine_handle<>> next_;
  bool running_ = false;
  std::uint64_t writes_ = 0;
};

// A number of permits (connections, turns) with a queue. Who waited longer than the limit is sent
// away when his turn comes, as sql::PostgresPool does.
class Permits {
 public:
  Permits(Scheduler& scheduler, std::size_t count, double longest_wait)
      : scheduler_(scheduler), free_(count), longest_wait_(longest_wait) {}

  struct Acquire {
    Permits& permits;
    bool granted = false;
    bool await_ready() {
      if (permits.free_ == 0) return false;
      --permits.free_;
      granted = true;
      return true;
    }
    void await_suspend(std::coroutine_handle<> process) {
      permits.queue_.push_back({process, permits.scheduler_.now(), &granted});
    }
    bool await_resume() const { return granted; }
  };
  // False: sent away; nothing is to be released.
  Acquire acquire() { return {*this}; }
  void release();
  // Everybody who waits is sent away now.
  void refuse_all();
  std::size_t waiting() const { return queue_.size(); }

 private:
  struct Waiting {
    std::coroutine_handle<> process;
    double since;
    bool* granted;
  };
  Scheduler& scheduler_;
  std::size_t free_;
  const double longest_wait_;
  std::deque<Waiting> queue_;
};

class Random {
 public:
  explicit Random(std::uint64_t seed) : bits_(seed) {}
  double uniform();                        // [0, 1)
  double exponential(double mean);         // > 0
  std::uint64_t below(std::uint64_t end);  // [0, end)

 private:
  std::mt19937_64
      bits_;  // its numbers are the same everywhere; the standard's distributions are not
};

}  // namespace mytoken::bench::sim
