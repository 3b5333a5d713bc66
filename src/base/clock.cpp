// The system's clock; in builds with fault points a test may shift it (base/fault.h).
#include "base/clock.h"

#include "base/fault.h"

namespace mytoken {

std::chrono::sys_time<std::chrono::microseconds> SystemClock::precise() const {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()) +
         fault_clock_offset();
}

}  // namespace mytoken
