// Single flight inside this process: requests that use the same refresh token take turns, in order
// of arrival, across all io_context threads. Between servers the lease in the database does the
// same.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/task.h"

namespace mytoken::oidc {

class RefreshQueue {
 public:
  RefreshQueue();
  ~RefreshQueue();

  // Holding it is having the turn; destruction hands the turn to the next one.
  class Turn {
   public:
    Turn(Turn&&) noexcept;
    Turn& operator=(Turn&&) noexcept;
    ~Turn();

   private:
    friend class RefreshQueue;
    struct State;
    explicit Turn(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
  };

  // Waits for the turn on `key`; nullopt if it took longer than `limit` or the queue is closed.
  // Resumes on the caller's executor.
  Task<std::optional<Turn>> wait(std::string key, std::chrono::milliseconds limit);
  // Sends everybody away who stands in line now or would have to later: wait() gives nullopt.
  // Whoever has a turn keeps it. Thread-safe; the io_contexts of those who wait exist.
  void close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace mytoken::oidc
