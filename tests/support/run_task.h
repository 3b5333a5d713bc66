// Runs a coroutine on an io_context of its own until it has a result, with a time limit against
// hanging tests.
#pragma once
#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>

#include "base/task.h"

namespace mytoken::test {

template <class T>
T run(asio::io_context& context, Task<T> task,
      std::chrono::seconds limit = std::chrono::seconds(60)) {
  std::optional<T> result;
  std::exception_ptr failure;
  auto done = [&](std::exception_ptr error, T value) {
    failure = error;
    result.emplace(std::move(value));
    context.stop();
  };
  asio::co_spawn(context.get_executor(), std::move(task), done);
  context.restart();
  context.run_for(limit);
  if (failure) std::rethrow_exception(failure);
  if (!result) throw std::runtime_error("the task did not finish in time");
  return std::move(*result);
}

template <class T>
T run(Task<T> task, std::chrono::seconds limit = std::chrono::seconds(60)) {
  asio::io_context context(1);
  return run(context, std::move(task), limit);
}

}  // namespace mytoken::test
