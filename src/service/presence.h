// A server's sign of life for the others of its installation, and whether its clock can be
// believed. A clock that was set back would make expired tokens, codes and leases valid again, so
// such a server answers 503 until its clock is right (app/server.cpp); at the start stored times
// tell (app/installation.h).
#pragma once
#include <chrono>
#include <functional>

#include "base/clock.h"
#include "base/task.h"

namespace mytoken::service {

struct Context;

// Without a sign of life for this long a server counts as ended.
inline constexpr Seconds server_lifetime{60};
// How far clocks may disagree. Leases of refresh tokens leave 15 s for it (longest_refresh).
inline constexpr Seconds clock_tolerance{10};

// Compares a clock with the time that has passed since its start. Thread-safe.
class ClockWatch {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  // `clock` outlives it. `monotonic` is replaced in tests.
  explicit ClockWatch(const Clock& clock,
                      std::function<Moment()> monotonic = std::chrono::steady_clock::now)
      : clock_(clock),
        monotonic_(std::move(monotonic)),
        begin_(clock.precise()),
        began_(monotonic_()) {}

  // What the clock should show at least.
  PreciseTime expected() const {
    return begin_ + std::chrono::duration_cast<std::chrono::microseconds>(monotonic_() - began_);
  }
  bool is_behind() const { return clock_.precise() + clock_tolerance < expected(); }

 private:
  const Clock& clock_;
  std::function<Moment()> monotonic_;
  PreciseTime begin_;
  Moment began_;
};

// "2026-01-31 12:00:00 UTC", for people.
std::string utc(Time time);

// Renews this server's row (every 10 s, with an embedded database every minute) and warns of
// servers whose clocks are ahead.
Task<void> presence_round(Context& context);

}  // namespace mytoken::service
