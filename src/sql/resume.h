// How a result of an engine's thread reaches who waits for it: a coroutine on its own executor, or
// a thread. Private to the drivers.
#pragma once
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <utility>

#include "base/task.h"
#include "sql/waiter.h"

namespace mytoken::sql {

// A coroutine that waits. It keeps its io_context running and is resumed there. The io_context
// outlives the Database.
template <class Handler>
class ResumeCoroutine final : public Waiter {
 public:
  explicit ResumeCoroutine(Handler handler)
      : guard_(asio::get_associated_executor(handler)), handler_(std::move(handler)) {}
  void complete(Result<void> result) override {
    asio::post(guard_.get_executor(),
               [handler = std::move(handler_), result = std::move(result)]() mutable {
                 std::move(handler)(std::move(result));
               });
  }

 private:
  asio::executor_work_guard<asio::associated_executor_t<Handler>> guard_;
  Handler handler_;
};

// A thread that waits.
class ResumeThread final : public Waiter {
 public:
  void complete(Result<void> result) override { promise_.set_value(std::move(result)); }
  std::future<Result<void>> future() { return promise_.get_future(); }

 private:
  std::promise<Result<void>> promise_;
};

// Suspends the calling coroutine until the waiter that `start` is given is completed.
template <class Start>
Task<Result<void>> until_complete(Start start) {
  auto initiate = [&start](auto handler) {
    using Handler = decltype(handler);
    start(std::make_unique<ResumeCoroutine<Handler>>(std::move(handler)));
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&,
                                          void(Result<void>)>(initiate, use_task);
}

}  // namespace mytoken::sql
