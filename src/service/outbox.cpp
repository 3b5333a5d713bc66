// The rounds of background work; see outbox.h.
#include "service/outbox.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "crypto/envelope.h"
#include "service/refresh.h"
#include "store/outbox.h"

namespace mytoken::service {
namespace {

constexpr std::int64_t most_attempts = 20;
constexpr Seconds claim_length{60};
constexpr Seconds purge_every{60};
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
  bool done = !provider || !payload;  // neither will ever work
  if (done) {
    context.log.warning(
        "a refresh token is not revoked: its provider is not configured or its entry is damaged",
        {{"issuer", row.issuer}});
  }
  if (!done) done = co_await provider->revoke(*payload);
  const bool give_up = !done && row.attempts >= most_attempts;
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

Task<void> background_round(Context& context) {
  if (!context.journal.all().empty()) co_await replay_journal(context);
  const Time now = context.clock.now();
  auto claim = [&](sql::Transaction& db) { return store::claim_outbox(db, now, claim_length, 20); };
  auto due = [&](sql::Connection& db) {
    return db.one(
        "SELECT 1 FROM outbox WHERE next_at <= $1 LIMIT 1", [](const sql::Row&) { return true; },
        now);
  };
  auto waiting = co_await context.database.read(due);
  if (waiting && *waiting) {
    auto rows = co_await context.database.write(claim);
    if (rows) {
      for (auto& row : *rows)
        co_await run_one(context, std::move(row));
    }
  }
  auto purge = [&](sql::Transaction& db) -> Result<void> {
    auto mine = store::take_named_lease(db, "purge", context.owner, now, purge_every);
    if (!mine) return tl::unexpected(mine.error());
    if (!*mine) return {};
    return store::purge_expired(db, now);
  };
  if (now >= context.next_purge.load()) {
    context.next_purge.store(now + purge_every);
    auto purged = co_await context.database.write(purge);
    if (!purged)
      context.log.warning("expired rows could not be removed", {{"problem", purged.error().cause}});
  }
}

Task<void> run_background(Context& context) {
  auto executor = co_await asio::this_coro::executor;
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, Executor>
      timer(executor);
  for (;;) {
    co_await background_round(context);
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
