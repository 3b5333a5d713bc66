// Interruptible waiting on the monotonic clock.
#include "client/call.h"

#include <condition_variable>
#include <mutex>

namespace mytoken::client {

void SystemTimer::wait_until(TimePoint until, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any waiting;
  std::unique_lock lock(mutex);
  waiting.wait_until(lock, stop, until, [] { return false; });
}

}  // namespace mytoken::client
