// Turns by key: a line of waiting coroutines per key. Whoever gives a turn back hands it to the
// head of the line under the mutex and wakes it on its own executor, so a turn is never free while
// somebody waits.
#include "oidc/refresh_queue.h"

#include <boost/asio/this_coro.hpp>
#include <list>
#include <mutex>
#include <unordered_map>

#include "net/sleeper.h"

namespace mytoken::oidc {

namespace {

struct Waiter {
  std::shared_ptr<net::Sleeper> sleeper;
  bool has_turn = false;
  bool in_line = true;
};
using Line = std::list<Waiter*>;  // behind the one that has the turn

}  // namespace

struct RefreshQueue::Impl {
  std::mutex mutex;
  std::unordered_map<std::string, Line> lines;  // an entry exists while somebody has the turn
  bool closed = false;

  void hand_over(const std::string& key) {
    const std::lock_guard lock(mutex);
    const auto line = lines.find(key);
    if (line->second.empty()) {
      lines.erase(line);
      return;
    }
    Waiter* const next = line->second.front();
    line->second.pop_front();
    next->in_line = false;
    next->has_turn = true;
    next->sleeper->wake();
  }
};

struct RefreshQueue::Turn::State {
  State(std::shared_ptr<Impl> owner, std::string held)
      : queue(std::move(owner)), key(std::move(held)) {}
  ~State() { queue->hand_over(key); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  std::shared_ptr<Impl> queue;
  std::string key;
};

RefreshQueue::RefreshQueue() : impl_(std::make_shared<Impl>()) {}
RefreshQueue::~RefreshQueue() = default;

void RefreshQueue::close() {
  const std::lock_guard lock(impl_->mutex);
  impl_->closed = true;
  for (auto& [key, line] : impl_->lines) {
    for (Waiter* const waiter : line) {
      waiter->in_line = false;
      waiter->sleeper->wake();
    }
    line.clear();
  }
}

RefreshQueue::Turn::Turn(std::shared_ptr<State> state) : state_(std::move(state)) {}
RefreshQueue::Turn::Turn(Turn&&) noexcept = default;
RefreshQueue::Turn& RefreshQueue::Turn::operator=(Turn&&) noexcept = default;
RefreshQueue::Turn::~Turn() = default;

Task<std::optional<RefreshQueue::Turn>> RefreshQueue::wait(std::string key,
                                                           std::chrono::milliseconds limit) {
  const std::shared_ptr<Impl> queue = impl_;
  const Executor executor = co_await asio::this_coro::executor;

  // A coroutine may be destroyed while it stands in line or just after it was given the turn.
  struct Place {
    Place(std::shared_ptr<Impl> owner, const std::string& name)
        : queue(std::move(owner)), key(name) {}
    ~Place() {
      if (leave()) queue->hand_over(key);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    // True: the turn is ours, and from now on the caller's. Afterwards nobody else touches the
    // waiter.
    bool leave() {
      const std::lock_guard lock(queue->mutex);
      if (waiter.in_line) queue->lines.find(key)->second.erase(position);
      waiter.in_line = false;
      return std::exchange(waiter.has_turn, false);
    }
    std::shared_ptr<Impl> queue;
    const std::string& key;
    Waiter waiter;
    Line::iterator position;
  };

  Place place(queue, key);
  {
    const std::lock_guard lock(queue->mutex);
    const auto [line, first] = queue->lines.try_emplace(key);
    if (first) {
      place.waiter.in_line = false;
      place.waiter.has_turn = true;
    } else if (queue->closed) {
      place.waiter.in_line = false;
    } else {
      place.waiter.sleeper = std::make_shared<net::Sleeper>(executor, limit);
      place.position = line->second.insert(line->second.end(), &place.waiter);
    }
  }
  if (place.waiter.sleeper) co_await net::Sleeper::sleep(place.waiter.sleeper);
  if (!place.leave()) co_return std::nullopt;
  auto state = std::make_shared<Turn::State>(queue, key);
  Turn turn(std::move(state));
  std::optional<Turn> result(std::move(turn));
  co_return result;
}

}  // namespace mytoken::oidc
