// Reverse DNS beside the event loop. The system's look-up blocks and cannot be interrupted, so it
// runs on threads which nobody joins: what they share with the resolver outlives it.
#include "net/resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/this_coro.hpp>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <list>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/encoding.h"
#include "net/address.h"
#include "net/resolver_core.h"
#include "net/sleeper.h"

namespace mytoken::net {

namespace {

constexpr std::chrono::seconds time_limit(2);
constexpr Seconds keep(300);
constexpr std::size_t max_kept = 10'000;
constexpr std::size_t max_queued = 1'000;  // per queue
constexpr int client_threads = 3;

using Names = std::vector<std::string>;

struct Waiter {
  std::shared_ptr<Sleeper> sleeper;
  std::optional<Names> names;
};

// Everything under `mutex`.
struct State {
  std::mutex mutex;
  std::condition_variable work;
  const Clock* clock = nullptr;  // not used after `stopping`
  NameLookup look_up;
  bool stopping = false;
  struct Lane {
    std::deque<std::string> queue;
    std::unordered_map<std::string, std::list<Waiter*>> asked;  // queued or being looked up
  };
  Lane clients;
  Lane requests;
  Lane& lane(AddressOf whose) { return whose == AddressOf::client ? clients : requests; }
  struct Kept {
    Names names;
    Time until;
  };
  std::unordered_map<std::string, Kept> cache;
  std::deque<std::string> age;  // keys of the cache, oldest first

  void keep_answer(const std::string& address, const Names& names) {
    if (cache.insert_or_assign(address, Kept{names, clock->now() + keep}).second)
      age.push_back(address);
    while (cache.size() > max_kept) {
      cache.erase(age.front());
      age.pop_front();
    }
  }
};

void work(std::shared_ptr<State> state, AddressOf whose) {
  auto& queue = state->lane(whose).queue;
  auto& waiting = state->lane(whose).asked;
  std::unique_lock lock(state->mutex);
  while (true) {
    state->work.wait(lock, [&] { return state->stopping || !queue.empty(); });
    if (state->stopping) return;
    const std::string address = std::move(queue.front());
    queue.pop_front();
    if (waiting.at(address).empty()) {  // everybody gave up meanwhile
      waiting.erase(address);
      continue;
    }
    lock.unlock();
    const Names names = state->look_up(address);
    lock.lock();
    if (state->stopping) return;
    state->keep_answer(address, names);
    const auto asked = waiting.find(address);
    for (Waiter* waiter : asked->second) {
      waiter->names = names;
      waiter->sleeper->wake();
    }
    waiting.erase(asked);
  }
}

// Takes the waiter out of the shared state when its coroutine goes on or is destroyed.
class Enlisted {
 public:
  Enlisted(std::shared_ptr<State> state, AddressOf whose, std::string address, Waiter& waiter)
      : state_(std::move(state)), whose_(whose), address_(std::move(address)), waiter_(waiter) {}
  ~Enlisted() { leave(); }
  Enlisted(const Enlisted&) = delete;
  Enlisted& operator=(const Enlisted&) = delete;
  // After this nobody else touches the waiter.
  void leave() {
    const std::lock_guard lock(state_->mutex);
    auto& waiting = state_->lane(whose_).asked;
    const auto asked = waiting.find(address_);
    if (asked != waiting.end()) asked->second.remove(&waiter_);
  }

 private:
  std::shared_ptr<State> state_;
  AddressOf whose_;
  std::string address_;
  Waiter& waiter_;
};

class ThreadedResolver final : public Resolver {
 public:
  ThreadedResolver(const Clock& clock, NameLookup look_up) : state_(std::make_shared<State>()) {
    state_->clock = &clock;
    state_->look_up = std::move(look_up);
    for (int i = 0; i < client_threads; ++i)
      std::thread(work, state_, AddressOf::client).detach();
    std::thread(work, state_, AddressOf::request).detach();
  }

  ~ThreadedResolver() override {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->work.notify_all();
  }

  Task<Names> confirmed_names(std::string text, AddressOf whose) override {
    const auto address = canonical_address(text);
    if (!address) co_return Names{};
    const std::shared_ptr<State> state = state_;
    const Executor executor = co_await asio::this_coro::executor;
    Waiter waiter;
    {
      const std::lock_guard lock(state->mutex);
      const auto kept = state->cache.find(*address);
      if (kept != state->cache.end() && state->clock->now() < kept->second.until)
        co_return kept->second.names;
      auto& [queue, waiting] = state->lane(whose);
      const bool first = !waiting.contains(*address);
      if (first && queue.size() >= max_queued) co_return Names{};
      waiter.sleeper = std::make_shared<Sleeper>(executor, time_limit);
      waiting[*address].push_back(&waiter);
      if (first) {
        queue.push_back(*address);
        state->work.notify_all();
      }
    }
    Enlisted enlisted(state, whose, *address, waiter);
    co_await Sleeper::sleep(waiter.sleeper);
    enlisted.leave();
    co_return waiter.names.value_or(Names{});
  }

 private:
  std::shared_ptr<State> state_;
};

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Addresses look_up(const std::string& text, int flags) {
  addrinfo hints{};
  hints.ai_flags = flags;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(text.c_str(), nullptr, &hints, &found) != 0) return nullptr;
  return Addresses(found);
}

// The name of the reverse zone counts only if its forward zone agrees: whoever owns an address
// block may write any name into the reverse zone.
Names system_names(const std::string& address) {
  const Addresses numeric = look_up(address, AI_NUMERICHOST);
  if (!numeric) return {};
  std::array<char, NI_MAXHOST> name{};
  if (getnameinfo(numeric->ai_addr, numeric->ai_addrlen, name.data(), name.size(), nullptr, 0,
                  NI_NAMEREQD) != 0) {
    return {};
  }
  std::string host = name.data();
  // A reverse zone may also hold the text of an address.
  if (canonical_address(host)) return {};
  const Addresses forward = look_up(host, 0);
  for (const addrinfo* entry = forward.get(); entry != nullptr; entry = entry->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    const int failed = getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(),
                                   nullptr, 0, NI_NUMERICHOST);
    if (failed != 0 || canonical_address(text.data()) != address) continue;
    while (host.ends_with('.'))
      host.pop_back();
    if (host.empty()) return {};
    return {lower(host)};
  }
  return {};
}

}  // namespace

std::unique_ptr<Resolver> make_resolver(const Clock& clock, NameLookup look_up) {
  return std::make_unique<ThreadedResolver>(clock, std::move(look_up));
}

std::unique_ptr<Resolver> make_system_resolver(const Clock& clock) {
  return make_resolver(clock, system_names);
}

}  // namespace mytoken::net
