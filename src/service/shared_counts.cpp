// The exchange itself; see shared_counts.h.
#include "service/shared_counts.h"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>

#include "store/shared_counts.h"

namespace mytoken::service {
namespace {

constexpr std::chrono::seconds every{1};
constexpr Seconds sweep_every{600};

using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

}  // namespace

Task<void> exchange_counts(Context& context, SharedCounters& counters, Exchange& exchange) {
  const Time now = context.clock.now();
  const std::string own = counters.own_counts();
  const bool sweeps = now >= exchange.next_sweep;
  if (own != exchange.told || sweeps) {
    auto tell = [&](sql::Transaction& db) -> Result<void> {
      if (sweeps) {
        const Time over = now - counters.longest_window() - sweep_every;
        if (auto r = store::remove_shared_counts(db, over); !r) return r;
      }
      if (own == exchange.told) return {};
      return store::set_shared_counts(db, context.owner, own, now);
    };
    auto done = co_await context.database.write(tell);
    if (!done) co_return;  // what the others told last still counts
    exchange.told = own;
    if (sweeps) exchange.next_sweep = now + sweep_every;
  }
  auto look = [&](sql::Connection& db) {
    return store::shared_counts_of_others(db, context.owner);
  };
  auto others = co_await context.database.read(look);
  if (others) counters.learn_counts(*others);
}

Task<void> run_exchange(Context& context, SharedCounters& counters) {
  const Executor executor = co_await asio::this_coro::executor;
  Timer timer(executor);
  Exchange exchange;
  for (;;) {
    std::string problem;
    try {
      co_await exchange_counts(context, counters, exchange);
    } catch (const std::exception& e) {
      problem = e.what();
    }
    if (!problem.empty())
      context.log.error("exchanging rate limits failed and goes on", {{"problem", problem}});
    timer.expires_after(every);
    co_await timer.async_wait(use_task);
  }
}

}  // namespace mytoken::service
