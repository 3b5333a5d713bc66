// A coroutine that waits until another thread wakes it: a timer on its own executor, cancelled by a
// posted function. The posted function runs after the coroutine has gone to sleep (an io_context
// has one thread), so no wake-up is lost.
#pragma once
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <chrono>
#include <memory>

#include "base/task.h"

namespace mytoken::net {

class Sleeper : public std::enable_shared_from_this<Sleeper> {
 public:
  Sleeper(const Executor& executor, std::chrono::milliseconds limit)
      : executor_(executor), timer_(executor) {
    timer_.expires_after(limit);
  }

  // Returns when woken, when the limit has passed, or when the caller is cancelled. Once, on the
  // executor's thread. The caller keeps `self`.
  static Task<void> sleep(std::shared_ptr<Sleeper> self) {
    boost::system::error_code ignored;
    co_await self->timer_.async_wait(asio::redirect_error(use_task, ignored));
  }

  // Thread-safe; the io_context must exist.
  void wake() {
    asio::post(executor_, [self = shared_from_this()] { self->timer_.cancel(); });
  }

 private:
  Executor executor_;
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, Executor>
      timer_;
};

}  // namespace mytoken::net
