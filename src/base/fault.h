// Named points at which a fault test may end the process, as kill -9 would, or have an exception
// thrown, and a shift of the clock. Only builds with MYTOKEN_FAULT_POINTS have them. There the
// environment variable MYTOKEN_FAULT names the point at which the process ends
// ("after_provider_reply" or "after_provider_reply:3" for the third time it is passed),
// MYTOKEN_FAULT_EXCEPTION the point that throws a std::runtime_error whenever it is passed, and
// MYTOKEN_FAULT_CLOCK names a file that holds the shift: eight bytes, a number of microseconds in
// this machine's byte order, looked at whenever the time is asked for. In every other build the
// calls are nothing.
#pragma once
#include <chrono>

namespace mytoken {

#ifdef MYTOKEN_FAULT_POINTS
void fault_point(const char* name);
std::chrono::microseconds fault_clock_offset();
#else
inline void fault_point(const char*) {}
constexpr std::chrono::microseconds fault_clock_offset() {
  return std::chrono::microseconds(0);
}
#endif

}  // namespace mytoken
