// Time is a dependency: everything that asks for the time is handed a Clock, so that tests need no
// sleeping.
#pragma once
#include <chrono>
#include <cstdint>

namespace mytoken {

using Seconds = std::chrono::seconds;
using Time =
    std::chrono::sys_seconds;  // whole seconds since the epoch, UTC, as everywhere on the wire
using PreciseTime =
    std::chrono::sys_time<std::chrono::microseconds>;  // where the order within a second matters

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Microseconds since the epoch, UTC.
  virtual std::chrono::sys_time<std::chrono::microseconds> precise() const = 0;
  // The same, truncated to seconds.
  Time now() const { return std::chrono::floor<std::chrono::seconds>(precise()); }
};

class SystemClock final : public Clock {
 public:
  std::chrono::sys_time<std::chrono::microseconds> precise() const override;
};

inline std::int64_t to_unix(Time time) {
  return time.time_since_epoch().count();
}
inline Time from_unix(std::int64_t seconds) {
  return Time(Seconds(seconds));
}

}  // namespace mytoken
