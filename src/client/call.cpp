// Interruptible waiting on the monotonic clock.
#include <mytoken/call.h>

#include <condition_variable>
#include <mutex>

namespace mytoken::client {

Timer::~Timer() = default;

TimePoint SystemTimer::now() const {
  return std::chrono::steady_clock::now();
}

void SystemTimer::wait_until(TimePoint until, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any waiting;
  std::unique_lock lock(mutex);
  waiting.wait_until(lock, stop, until, [] { return false; });
}

}  // namespace mytoken::client
