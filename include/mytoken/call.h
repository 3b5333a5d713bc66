// What every call to a server can be given: a way to stop it and a time to be done by. Waiting goes
// through a Timer, so that tests of polling need no sleeping.
#pragma once
#include <chrono>
#include <optional>
#include <stop_token>

#include <mytoken/export.h>

namespace mytoken::client {

using TimePoint = std::chrono::steady_clock::time_point;

struct Call {
  // Ends the call with ErrorKind::cancelled, within 100 ms, also while waiting.
  std::stop_token stop;
  std::optional<TimePoint> deadline;  // ends it with ErrorKind::timeout
};

// Thread-safe.
class MYTOKEN_API Timer {
 public:
  virtual ~Timer();
  virtual TimePoint now() const = 0;
  // Returns at `until` or as soon as a stop is requested.
  virtual void wait_until(TimePoint until, const std::stop_token& stop) = 0;
};

class MYTOKEN_API SystemTimer final : public Timer {
 public:
  TimePoint now() const override;
  void wait_until(TimePoint until, const std::stop_token& stop) override;
};

}  // namespace mytoken::client
