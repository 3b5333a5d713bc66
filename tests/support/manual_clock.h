// A clock that stands still until a test moves it. Thread-safe.
#pragma once
#include <atomic>

#include "base/clock.h"

namespace mytoken::test {

class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t unix_seconds = 1'700'000'000)
      : microseconds_(unix_seconds * 1'000'000) {}

  std::chrono::sys_time<std::chrono::microseconds> precise() const override {
    return std::chrono::sys_time<std::chrono::microseconds>(
        std::chrono::microseconds(microseconds_.load()));
  }
  void advance(std::chrono::microseconds by) { microseconds_ += by.count(); }
  void set(std::int64_t unix_seconds) { microseconds_ = unix_seconds * 1'000'000; }

 private:
  std::atomic<std::int64_t> microseconds_;
};

}  // namespace mytoken::test
