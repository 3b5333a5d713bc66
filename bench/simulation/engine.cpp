// Queues of the simulation; see engine.h.
#include "simulation/engine.h"

#include <cmath>

namespace mytoken::bench::sim {

void Scheduler::run() {
  while (!events_.empty()) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.when;
    event.process.resume();
  }
}

void Station::account() {
  busy_ += static_cast<double>(processors_ - free_) * (scheduler_.now() - accounted_);
  accounted_ = scheduler_.now();
}

double Station::busy() const {
  return busy_ + static_cast<double>(processors_ - free_) * (scheduler_.now() - accounted_);
}

void Station::enter(std::coroutine_handle<> process, double seconds) {
  const Waiting one{process, seconds, scheduler_.now()};
  if (free_ > 0) {
    begin(one);
  } else {
    queue_.push_back(one);
  }
}

void Station::begin(const Waiting& one) {
  account();
  --free_;
  const double waited = scheduler_.now() - one.since;
  waited_ += waited;
  ++begun_;
  waits_.record(std::chrono::nanoseconds(static_cast<std::int64_t>(waited * 1e9)));
  scheduler_.resume_at(scheduler_.now() + one.seconds, one.process);
}

void Station::leave() {
  account();
  ++free_;
  if (queue_.empty()) return;
  const Waiting next = queue_.front();
  queue_.pop_front();
  begin(next);
}

Process Log::run() {
  running_ = true;
  while (!next_.empty()) {
    const std::vector<std::coroutine_handle<>> group = std::exchange(next_, {});
    co_await scheduler_.delay(seconds_ + seconds_each_ * static_cast<double>(group.size()));
    ++writes_;
    for (const auto process : group)
      scheduler_.resume_at(scheduler_.now(), process);
  }
  running_ = false;
}

void Permits::release() {
  while (!queue_.empty()) {
    const Waiting next = queue_.front();
    queue_.pop_front();
    *next.granted = scheduler_.now() - next.since <= longest_wait_;
    scheduler_.resume_at(scheduler_.now(), next.process);
    if (*next.granted) return;
  }
  ++free_;
}

void Permits::refuse_all() {
  for (const Waiting& one : std::exchange(queue_, {}))
    scheduler_.resume_at(scheduler_.now(), one.process);
}

double Random::uniform() {
  return static_cast<double>(bits_() >> 11) * 0x1p-53;
}

double Random::exponential(double mean) {
  return -mean * std::log1p(-uniform());
}

std::uint64_t Random::below(std::uint64_t end) {
  return static_cast<std::uint64_t>(uniform() * static_cast<double>(end));
}

}  // namespace mytoken::bench::sim
