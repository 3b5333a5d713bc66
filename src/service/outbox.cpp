// The rounds of background work; see outbox.h.
#include "service/outbox.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <memory>

#include "base/fault.h"
#include "crypto/envelope.h"
#include "service/presence.h"
#include "service/purge.h"
#include "service/refresh.h"
#include "store/outbox.h"
#include "store/refresh_tokens.h"

namespace mytoken::service {
namespace {

constexpr std::int64_t most_attempts = 20;
// Revocations that run at the same time; the rest of what is due waits for the next round.
constexpr int at_once = 16;
// No row of a batch waits for another, so this is longer than one call can take: metadata 10 s, the
// request and its repetition 20 s each, the write.
constexpr Seconds claim_length{120};
constexpr auto round_every = std::chrono::seconds(5);

std::string envelope_context(const std::string& issuer) {
  return "outbox:" + issuer;
}

Seconds delay_after(std::int64_t attempts) {
  const std::int64_t minutes = std::int64_t{1} << std::clamp<std::int64_t>(attempts - 1, 0, 11);
  return std::min(Seconds(60 * minutes), Seconds(86400));
}

Task<void> run_one(Context& context, store::OutboxRow row) {
  auto provider = context.providers.find(row.issuer);
  auto payload =
      crypto::open(row.sealed_payload, context.installation_secret, envelope_context(row.issuer));
  bool done = !payload;  // will never work
  bool give_up = false;
  if (!payload) {
    context.log.error("a refresh token is not revoked: its entry is damaged",
                      {{"issuer", row.issuer}});
  } else if (!provider) {
    // It may be configured again, and then the token must end there.
    context.log.warning("a refresh token is not revoked yet: its provider is not configured",
                        {{"issuer", row.issuer}});
  } else {
    fault_point("before_provider_revocation");
    done = co_await provider->revoke(*payload);
    fault_point("after_provider_revocation");
    give_up = !done && row.attempts >= most_attempts;
  }
  if (give_up) {
    context.log.error("a refresh token could not be revoked at its provider",
                      {{"issuer", row.issuer}});
  }
  auto work = [&](sql::Transaction& db) {
    return done || give_up ? store::finish_outbox(db, row.id)
                           : store::postpone_outbox(
                                 db, row.id, context.clock.now() + delay_after(row.attempts));
  };
  auto stored = co_await context.database.write(work);
  if (!stored)
    context.log.warning("the outbox could not be updated", {{"problem", stored.error().cause}});
}

using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

// Rows that are worked on at once, all on one thread.
struct Batch {
  explicit Batch(const Executor& executor) : finished(executor, Timer::time_point::max()) {}
  std::size_t running = 0;
  Timer finished;  // cancelled by the last
};

Task<void> run_together(Context& context, std::vector<store::OutboxRow> rows) {
  const Executor executor = co_await asio::this_coro::executor;
  const auto batch = std::make_shared<Batch>(executor);
  for (auto& row : rows) {
    const auto ended = [batch, &context](std::exception_ptr problem) {
      if (--batch->running == 0) batch->finished.cancel();
      // Its claim ends by time.
      if (problem) context.log.error("a revocation ended by an exception");
    };
    ++batch->running;
    asio::co_spawn(executor, run_one(context, std::move(row)), ended);
  }
  boost::system::error_code ignored;
  if (batch->running > 0)
    co_await batch->finished.async_wait(asio::redirect_error(use_task, ignored));
}

}  // namespace

Result<void> queue_revocation(sql::Transaction& db, const Context& context,
                              const std::string& issuer, const Secret& refresh_token) {
  return store::add_outbox(
      db, context.clock, "revoke_refresh_token", issuer,
      crypto::seal(refresh_token.reveal(), context.installation_secret, envelope_context(issuer)));
}

void wake_outbox(Context& context) {
  context.outbox_waiting.store(true);
}

Task<void> recover_leases(Context& context) {
  for (const LeaseBook::Leftover& left : context.leases.leftovers()) {
    auto end = [&](sql::Transaction& db) -> Result<void> {
      for (const std::int64_t id : left.refresh_token_ids) {
        if (auto r = store::release_lease(db, id, left.owner); !r) return r;
      }
      return {};
    };
    auto ended = co_await context.database.write(end);
    if (!ended) co_return;
    context.leases.settled(left);
  }
  for (const std::int64_t id : context.leases.kept()) {
    // Whoever uses it just now ends its lease.
    std::string key = std::to_string(id);
    auto turn = co_await context.refresh_queue.wait(std::move(key), std::chrono::milliseconds(1));
    if (!turn) continue;
    auto end = [&](sql::Transaction& db) { return store::release_lease(db, id, context.owner); };
    auto ended = co_await context.database.write(end);
    if (!ended) co_return;
    context.leases.drop(id);
  }
}

Task<void> background_round(Context& context) {
  context.journal.adopt_leftovers();
  bool replayed = context.journal.all().empty();
  if (!replayed) replayed = co_await replay_journal(context);
  // Not before: whoever uses the refresh token next would not know its successor.
  if (replayed) co_await recover_leases(context);
  co_await presence_round(context);
  const Time now = context.clock.now();
  auto claim = [&](sql::Transaction& db) {
    return store::claim_outbox(db, now, claim_length, at_once);
  };
  auto due = [&](sql::Connection& db) {
    return db.one(
        "SELECT 1 FROM outbox WHERE next_at <= $1 LIMIT 1", [](const sql::Row&) { return true; },
        now);
  };
  auto waiting = co_await context.database.read(due);
  context.outages.observe(waiting.has_value(), context.clock.now());
  if (waiting && *waiting) {
    auto rows = co_await context.database.write(claim);
    if (rows) {
      if (rows->size() == std::size_t{at_once}) wake_outbox(context);  // there may be more
      co_await run_together(context, std::move(*rows));
    }
  }
  co_await purge_round(context);
}

namespace {

// Not even a log that fails ends the background work.
void log_failure(Context& context, const std::string& problem) {
  try {
    context.log.error("background work failed and goes on", {{"problem", problem}});
  } catch (const std::exception&) {
  }
}

}  // namespace

Task<void> run_background(Context& context) {
  auto executor = co_await asio::this_coro::executor;
  Timer timer(executor);
  for (;;) {
    std::string problem;
    try {
      co_await background_round(context);
    } catch (const std::exception& e) {
      problem = std::string("exception: ") + e.what();
    }
    if (!problem.empty()) log_failure(context, problem);
    // Woken work starts within a quarter of a second; a timer that other threads touch would need a
    // lock.
    const auto until = std::chrono::steady_clock::now() + round_every;
    while (std::chrono::steady_clock::now() < until && !context.outbox_waiting.exchange(false)) {
      timer.expires_after(std::chrono::milliseconds(250));
      co_await timer.async_wait(use_task);
    }
  }
}

}  // namespace mytoken::service
