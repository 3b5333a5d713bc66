// When nobody could ask this service, or its clock jumped. Some promises hold for seconds (the
// retry of a rotation, Settings::rotation_grace); a client that could not ask in these seconds gets
// them once more when it can.
#pragma once
#include <chrono>
#include <mutex>

#include "base/clock.h"

namespace mytoken::service {

// Thread-safe.
class Outages {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  // The process starts: nothing is known of the time since `last_seen`, the latest in the database.
  void start(Time last_seen);
  // The database was asked and answered, or did not. `now`: by the clock.
  void observe(bool works, Time now, Moment moment = std::chrono::steady_clock::now());
  // True for what ended at `then`, if the service was away at that time and came back not more
  // than a minute ago.
  bool covers(Time then, Moment moment = std::chrono::steady_clock::now()) const;

 private:
  mutable std::mutex mutex_;
  bool works_ = true;
  bool started_ = false;
  Time last_good_{};
  Moment last_moment_{};
  Time from_ = Time::max();  // the last outage
  Moment until_{};
  Time ended_{};  // the same by the clock
};

}  // namespace mytoken::service
