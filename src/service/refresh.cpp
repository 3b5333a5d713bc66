// Using a refresh token without ever losing its successor; see refresh.h.
#include "service/refresh.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/fault.h"
#include "crypto/envelope.h"
#include "service/outbox.h"
#include "store/refresh_tokens.h"

namespace mytoken::service {
namespace {

// How long a successor is tried into the database before it goes to the journal, and the pause
// between tries.
constexpr int storing_tries = 20;
constexpr std::chrono::milliseconds storing_pause{100};
// For how long a refresh token the provider refused is refused here too, before the provider is
// asked once more: it spares providers the hammering of batch jobs, and a refusal that was a
// mistake heals by itself.
constexpr Seconds dead_for{60};

Task<void> pause(std::chrono::milliseconds time) {
  auto executor = co_await asio::this_coro::executor;
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, Executor>
      timer(executor, time);
  co_await timer.async_wait(use_task);
}

std::string envelope_context(store::RefreshTokenId id) {
  return "refresh_token:" + std::to_string(id);
}

// What became of a successor that was offered to the database.
enum class Kept {
  stored,
  overtaken,  // somebody stored a newer one, which then is the valid one
  ended,      // the family was revoked meanwhile: the successor is to be revoked too
};

// `successor`: the refresh token itself, if it is at hand to be revoked. `newest`: the provider has
// answered just now. Then it also replaces the answer to a parallel use of its predecessor: nobody
// can have used ours yet, and providers that rotate honour what they issued last. (The other one is
// not revoked, because that may end the session of both.)
Task<Result<Kept>> store_once(Context& context, Journal::Entry entry, std::string issuer,
                              Secret successor, bool newest) {
  auto work = [&](sql::Transaction& db) -> Result<Kept> {
    auto stored = store::store_successor(db, entry.refresh_token_id, entry.version,
                                         entry.sealed_token, context.clock.now());
    if (!stored) return tl::unexpected(stored.error());
    if (!*stored) {
      auto row = store::refresh_token(db, entry.refresh_token_id);
      if (!row) return tl::unexpected(row.error());
      if (*row && !newest) return Kept::overtaken;
      if (*row) {
        stored = store::store_successor(db, entry.refresh_token_id, (*row)->version,
                                        entry.sealed_token, context.clock.now());
        if (!stored) return tl::unexpected(stored.error());
        return *stored ? Kept::stored : Kept::overtaken;
      }
      if (!successor.empty()) {
        if (auto r = queue_revocation(db, context, issuer, successor); !r)
          return tl::unexpected(r.error());
      }
      return Kept::ended;
    }
    if (context.settings.several_servers) {
      auto released = store::release_lease(db, entry.refresh_token_id, context.owner);
      if (!released) return tl::unexpected(released.error());
    }
    return Kept::stored;
  };
  std::string problem;
  try {
    co_return co_await context.database.write(work);
  } catch (const std::exception& e) {
    problem = e.what();
  }
  // Whatever broke, the journal is still there.
  co_return fail(internal_error("exception while storing: " + problem));
}

}  // namespace

std::string seal_refresh_token(const Secret& refresh_token, store::RefreshTokenId id,
                               const Secret& family_key) {
  return crypto::seal(refresh_token.reveal(), family_key, envelope_context(id));
}

Result<Secret> open_refresh_token(const store::RefreshTokenRow& row, const Secret& family_key) {
  return crypto::open(row.sealed_token, family_key, envelope_context(row.id));
}

Task<Result<RefreshTurn>> wait_for_turn(Context& context, store::RefreshTokenId id,
                                        const oidc::Provider& provider) {
  RefreshTurn turn;
  if (context.draining.load()) co_return fail(ending());
  if (!provider.rotates_refresh_tokens()) co_return turn;
  std::string key = std::to_string(id);
  turn.turn = co_await context.refresh_queue.wait(
      std::move(key),
      std::chrono::duration_cast<std::chrono::milliseconds>(context.settings.longest_wait));
  if (context.draining.load()) co_return fail(ending());
  if (!turn.turn)
    co_return fail(unavailable("too many requests wait for one refresh token", Seconds(5)));
  if (context.settings.several_servers) turn.entry = context.leases.enter(id);
  co_return turn;
}

Result<void> take_lease(sql::Transaction& db, const Context& context, store::RefreshTokenId id,
                        RefreshTurn& turn) {
  if (!turn.turn || !context.settings.several_servers) return {};
  const Time now = context.clock.now();
  auto taken = store::take_lease(db, id, context.owner, now, now + context.settings.lease);
  if (!taken) return tl::unexpected(taken.error());
  if (!*taken) {
    Error error = unavailable("another server uses the refresh token", Seconds(2));
    error.code = "lease_taken";
    return fail(std::move(error));
  }
  turn.leased = true;
  return {};
}

Result<void> require_lease(sql::Transaction& db, const Context& context, store::RefreshTokenId id) {
  if (!context.settings.several_servers) return {};
  const Time now = context.clock.now();
  return store::require_lease(db, id, context.owner, now, now + context.settings.lease);
}

Result<store::RefreshTokenRow> newest_refresh_token(sql::Connection& db, const Context& context,
                                                    store::RefreshTokenId id) {
  auto row = store::refresh_token(db, id);
  if (!row) return tl::unexpected(row.error());
  if (!*row) return fail(invalid_token("No refresh token attached"));
  if (auto waiting = context.journal.pending(id); waiting && waiting->version >= (*row)->version) {
    (*row)->sealed_token = std::move(waiting->sealed_token);
    (*row)->version = waiting->version + 1;
  }
  return std::move(**row);
}

Result<void> release_lease(sql::Transaction& db, const Context& context, store::RefreshTokenId id) {
  if (auto waiting = context.journal.pending(id)) {
    auto stored = store::store_successor(db, id, waiting->version, waiting->sealed_token,
                                         context.clock.now());
    if (!stored) return tl::unexpected(stored.error());
  }
  if (!context.settings.several_servers) return {};
  return store::release_lease(db, id, context.owner);
}

Task<tl::expected<Refreshed, oidc::ProviderError>> refresh(
    Context& context, oidc::Provider& provider, store::RefreshTokenRow row, Secret family_key,
    std::vector<std::string> scopes, std::vector<std::string> audiences) {
  using oidc::ProviderError;
  if (row.state == "dead" && context.clock.now() < row.failed_at + dead_for) {
    co_return tl::unexpected(
        ProviderError{ProviderError::Kind::refused, "invalid_grant",
                      "the provider no longer accepts the refresh token; please log in again",
                      "refused before", 400});
  }
  auto refresh_token = open_refresh_token(row, family_key);
  if (!refresh_token) {
    co_return tl::unexpected(
        ProviderError{ProviderError::Kind::misbehaved, "", "", refresh_token.error().cause, 0});
  }
  fault_point("before_provider_call");
  auto answer = co_await provider.refresh(*refresh_token, std::move(scopes), std::move(audiences),
                                          row.offline_granted);
  fault_point("after_provider_reply");
  Refreshed refreshed;
  // An answer that is unusable otherwise may still have rotated the refresh token.
  const Secret successor = answer ? answer->refresh_token : answer.error().refresh_token;
  if (!successor.empty() && !(successor == *refresh_token)) {
    if (provider.note_rotation()) {
      context.log.warning(
          "a provider rotates refresh tokens although it is configured not to; its requests take "
          "turns from now on",
          {{"issuer", row.issuer}, {"hint", "set rotating_refresh_tokens: yes for it"}});
    }
    Journal::Entry entry{row.id, row.version, seal_refresh_token(successor, row.id, family_key)};
    refreshed.successor = NewRefreshToken{std::move(entry), row.issuer, successor};
  }
  if (!answer) {
    if (refreshed.successor)
      co_await keep_new_refresh_token(context, std::move(*refreshed.successor), false);
    co_return tl::unexpected(std::move(answer.error()));
  }
  refreshed.answer = std::move(*answer);
  co_return refreshed;
}

Result<void> settle_new_refresh_token(sql::Transaction& db, const Context& context,
                                      const NewRefreshToken& successor) {
  const Journal::Entry& entry = successor.entry;
  return store::settle_successor(db, entry.refresh_token_id, entry.version, entry.sealed_token,
                                 context.owner, context.clock.now());
}

Task<void> keep_new_refresh_token(Context& context, NewRefreshToken successor, bool may_be_stored) {
  const Journal::Entry& entry = successor.entry;
  bool in_journal = false;
  for (int attempt = 0; attempt < storing_tries; ++attempt) {
    auto stored = co_await store_once(context, entry, successor.issuer, successor.text,
                                      attempt == 0 && !may_be_stored);
    if (stored) {
      if (*stored == Kept::overtaken)
        context.log.warning("a newer refresh token was stored meanwhile", {});
      if (*stored == Kept::ended) wake_outbox(context);
      if (attempt > 0) context.journal.settled(entry);
      co_return;
    }
    if (!in_journal) {
      // The database failed: the journal makes the successor safe before anything else is tried.
      auto written = context.journal.append(entry);
      in_journal = written.has_value();
      fault_point("after_journal");
      context.log.error("a rotated refresh token could not be stored; it is kept in the journal",
                        {{"problem", stored.error().cause},
                         {"journal", written ? "written" : written.error().cause}});
    }
    co_await pause(storing_pause);
  }
}

Result<void> note_failure(sql::Transaction& db, const Context& context,
                          const oidc::Provider& provider, const store::RefreshTokenRow& row,
                          const oidc::ProviderError& error) {
  using Kind = oidc::ProviderError::Kind;
  const Time now = context.clock.now();
  const auto& fatal = provider.settings().rt_invalid_errors;
  if (error.kind == Kind::refused && error.cause != "refused before" &&
      std::find(fatal.begin(), fatal.end(), error.error) != fatal.end()) {
    return store::set_refresh_state(db, row.id, "dead", now);
  }
  // The provider may have acted and rotated: the next refresh shows whether it still honours the
  // token we hold.
  if (error.kind == Kind::unknown) return store::set_refresh_state(db, row.id, "suspect", now);
  return {};
}

Task<bool> replay_journal(Context& context) {
  bool all = true;
  for (const Journal::Entry& entry : context.journal.all()) {
    auto stored = co_await store_once(context, entry, std::string(), Secret(), false);
    if (!stored) {
      all = false;
      continue;
    }
    if (*stored == Kept::stored)
      context.log.info("a refresh token was brought back from the journal", {});
    context.journal.settled(entry);
  }
  co_return all;
}

}  // namespace mytoken::service
