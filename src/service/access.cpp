// The access-token path in its seven steps; see access.h.
#include "service/access.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>

#include "base/fault.h"
#include "crypto/hash.h"
#include "service/charge.h"
#include "service/mint.h"
#include "service/refresh.h"
#include "store/history.h"
#include "store/refresh_tokens.h"
#include "store/tokens.h"
#include "store/usages.h"

namespace mytoken::service {
namespace {

constexpr std::chrono::milliseconds lease_pause{100};

// Identifies a request for a retry: everything that decides what is answered.
std::string hash_of(const AccessRequest& request) {
  json::array parts = {"access",
                       request.oidc_issuer,
                       token::join(request.scopes),
                       json::value_from(request.audiences),
                       request.comment,
                       request.as_oauth_refresh};
  return crypto::sha256(json::serialize(parts));
}

// Everything a step needs to know about the request under way; lives in the coroutine's frame.
struct Job {
  Context& context;
  AccessRequest request;
  std::string request_hash;
  Authenticated token;
  std::shared_ptr<oidc::Provider> provider;
  token::UseRequest use;
  token::ClientFacts facts;
  RefreshTurn turn;
  Charge charge;
  store::RefreshTokenRow refresh_token;
  std::optional<NewRefreshToken> successor;    // that is not stored yet
  std::optional<oidc::ProviderError> refusal;  // of the provider
};

// Step 4 as it nearly always goes: all conditions and changes, the newest refresh token and the
// commit in one round trip. Error sql_unmet: something is not as planned; reserve() finds out what.
Result<void> reserve_as_planned(sql::Transaction& db, Job& job, const Charge& plan) {
  const store::TokenState& state = job.token.state;
  const store::RefreshTokenId id = *state.refresh_token_id;
  if (auto r = store::require_seq_no(db, state.id, state.seq_no); !r) return r;
  // Before the clauses: a revocation locks them in this order, too.
  if (job.turn.turn) {
    if (auto r = require_lease(db, job.context, id); !r) return r;
  }
  for (const store::ClauseKey& clause : plan.chain) {
    if (auto r = store::charge_clause(db, clause, store::UsageKind::at); !r) return r;
  }
  sql::Ahead ahead(db);
  (void)store::refresh_token(ahead, id);
  db.conclude();
  auto row = newest_refresh_token(db, job.context, id);
  if (!row) return tl::unexpected(row.error());
  job.charge = plan;
  job.refresh_token = std::move(*row);
  return {};
}

// Step 4: the state is read again, the usage reserved, the lease taken, the newest refresh token
// fetched.
Result<void> reserve(sql::Transaction& db, Job& job) {
  if (auto r = require_current(db, job.token); !r) return r;
  auto charge = charge_clause(db, job.context, job.token, job.use, job.facts);
  if (!charge) return tl::unexpected(charge.error());
  const store::RefreshTokenId id = *job.token.state.refresh_token_id;
  if (auto r = take_lease(db, job.context, id, job.turn); !r) return r;
  auto row = newest_refresh_token(db, job.context, id);
  if (!row) return tl::unexpected(row.error());
  job.charge = std::move(*charge);
  job.refresh_token = std::move(*row);
  return {};
}

// The same where nothing is to be written: no clause to charge, and nobody else who uses the
// refresh token.
Result<void> look_again(sql::Connection& db, Job& job) {
  if (auto r = require_current(db, job.token); !r) return r;
  auto row = newest_refresh_token(db, job.context, *job.token.state.refresh_token_id);
  if (!row) return tl::unexpected(row.error());
  job.refresh_token = std::move(*row);
  return {};
}

Task<Result<void>> reserve_with_lease(Job& job) {
  if (job.token.claims().restrictions.empty() && !job.context.settings.several_servers) {
    auto look = [&job](sql::Connection& db) { return look_again(db, job); };
    co_return co_await job.context.database.read(look);
  }
  if (job.context.settings.several_servers) {
    if (const auto plan = plan_charge(job.context, job.token, job.use, job.facts)) {
      auto planned = [&](sql::Transaction& db) { return reserve_as_planned(db, job, *plan); };
      auto reserved = co_await job.context.database.write(planned);
      if (reserved && job.turn.turn) job.turn.leased = true;
      if (reserved || reserved.error().code != "sql_unmet") co_return reserved;
    }
  }
  auto executor = co_await asio::this_coro::executor;
  const auto give_up = std::chrono::steady_clock::now() + job.context.settings.longest_wait;
  for (;;) {
    auto work = [&job](sql::Transaction& db) { return reserve(db, job); };
    auto reserved = co_await job.context.database.write(work);
    if (reserved || reserved.error().code != "lease_taken") co_return reserved;
    if (job.context.draining.load()) co_return fail(ending());
    if (std::chrono::steady_clock::now() >= give_up) {
      Error error = reserved.error();
      error.code = "internal_server_error";
      co_return fail(std::move(error));
    }
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, Executor>
        timer(executor, lease_pause);
    co_await timer.async_wait(use_task);
  }
}

// A job without a lease of its own must not end that of another request of this process.
Result<void> end_lease(sql::Transaction& db, const Job& job) {
  if (job.context.settings.several_servers && !job.turn.leased) return {};
  return release_lease(db, job.context, job.refresh_token.id);
}

// A refused or failed request leaves no trace but what was learnt about the refresh token.
Task<void> undo(Job& job) {
  auto work = [&job](sql::Transaction& db) -> Result<void> {
    if (auto r = store::return_usage(db, job.charge.chain, store::UsageKind::at); !r) return r;
    // An error that is about what was asked for says nothing of the refresh token.
    const bool is_of_the_request = job.refusal && job.refusal->error != "invalid_grant" &&
                                   !(job.use.scopes.empty() && job.use.audiences.empty());
    if (job.refusal && !is_of_the_request) {
      auto noted = note_failure(db, job.context, *job.provider, job.refresh_token, *job.refusal);
      if (!noted) return noted;
    }
    return end_lease(db, job);
  };
  auto undone = co_await job.context.database.write(work);
  if (!undone) {
    // The reservation stays charged: a limit may be used up early, never exceeded.
    job.turn.entry.keep();
    job.context.log.error("a reserved usage could not be given back",
                          {{"problem", undone.error().cause}});
  }
}

bool is_within(const std::vector<std::string>& granted, const std::vector<std::string>& allowed) {
  return std::all_of(granted.begin(), granted.end(), [&allowed](const std::string& word) {
    return std::find(allowed.begin(), allowed.end(), word) != allowed.end();
  });
}

// A provider that grants more than the clause allows has not understood the request (spec tokens.md
// §5.7). One that cannot be asked for an audience (oidc.md §19.2, mode none) must have put
// permitted ones only into the access token by itself: otherwise the restriction would be an empty
// promise.
bool exceeds_clause(const Job& job, const oidc::TokenAnswer& answer) {
  if (!job.charge.clause) return false;
  const token::Clause& clause = job.token.claims().restrictions[*job.charge.clause];
  if (!clause.scope.empty() && answer.scope) {
    std::vector<std::string> granted = *answer.scope;
    std::erase(granted, "openid");
    std::erase(granted, "offline_access");
    if (!is_within(granted, clause.scope)) return true;
  }
  const auto mode = job.provider->settings().audience.mode;
  if (clause.audience.empty() || mode != oidc::AudienceParameter::Mode::none) return false;
  return !answer.audience || answer.audience->empty() ||
         !is_within(*answer.audience, clause.audience);
}

json::object answer_body(const oidc::TokenAnswer& answer, const token::Selection& selection) {
  json::object body;
  body["access_token"] = answer.access_token.reveal();
  body["token_type"] = answer.token_type;
  if (answer.expires_in) body["expires_in"] = *answer.expires_in;
  const auto& scope = answer.scope ? *answer.scope : selection.scopes;
  if (!scope.empty()) body["scope"] = token::join(scope);
  if (answer.audience) body["audience"] = json::value_from(*answer.audience);
  return body;
}

// Step 6: the new refresh token, history, and the mytoken's own rotation, in one transaction that
// also ends the lease. Nothing in it waits for an answer of the database before the commit.
Result<void> settle(sql::Transaction& db, const Job& job, const oidc::TokenAnswer& answer,
                    const token::Selection& selection, const std::optional<Successor>& next,
                    const std::string& body) {
  const Context& context = job.context;
  const ClientInfo& client = job.request.presentation.client;
  const std::string& id = job.token.state.id;
  if (job.successor) {
    if (auto r = settle_new_refresh_token(db, context, *job.successor); !r) return r;
  } else {
    if (!job.turn.leased) {
      if (auto r = store::lock_refresh_token(db, job.refresh_token.id); !r) return r;
    }
    if (auto r = end_lease(db, job); !r) return r;
    if (job.refresh_token.state != "ok") {
      if (auto r = store::set_refresh_state(db, job.refresh_token.id, "ok", context.clock.now());
          !r)
        return r;
    }
  }
  if (auto r =
          store::add_event(db, context.clock, id, "AT_created", "Used grant_type mytoken", client);
      !r)
    return r;
  store::AccessTokenRecord record;
  if (answer.expires_in) record.expires_at = context.clock.now() + Seconds(*answer.expires_in);
  record.comment = job.request.comment;
  record.scope = token::join(answer.scope ? *answer.scope : selection.scopes);
  record.audience =
      json::serialize(json::value_from(answer.audience ? *answer.audience : selection.audiences));
  record.hash = crypto::sha256(answer.access_token.reveal());
  if (auto r = store::add_access_token(db, context.clock, id, record, client); !r) return r;
  // A token that was revoked while the provider was asked gets nothing any more.
  if (!next) return store::require_token(db, id);
  return store_successor(db, context, job.token, *next, job.request_hash, body, client);
}

Error refused(const Job& job, const oidc::ProviderError& error) {
  job.context.log.warning("the provider gave no access token",
                          {{"issuer", job.provider->settings().issuer},
                           {"status", error.status},
                           {"error", error.error},
                           {"cause", error.cause}});
  return to_error(error);
}

// `may_be_stored`: see keep_new_refresh_token.
Task<void> keep_successor(Job& job, bool may_be_stored) {
  NewRefreshToken successor = std::move(*job.successor);
  job.successor.reset();
  co_await keep_new_refresh_token(job.context, std::move(successor), may_be_stored);
  fault_point("after_successor_stored");
}

// Steps 5 and 6. After an error the caller takes the reservation back.
Task<Result<AccessAnswer>> trade(Job& job) {
  Context& context = job.context;
  auto key = family_key(job.token);
  if (!key) co_return tl::unexpected(key.error());
  const auto& restrictions = job.token.claims().restrictions;
  const token::Clause* clause = job.charge.clause ? &restrictions[*job.charge.clause] : nullptr;
  const token::Selection selection =
      token::select(job.use, clause, job.provider->settings().scopes);
  auto refreshed = co_await refresh(context, *job.provider, job.refresh_token, *key,
                                    selection.scopes, selection.audiences);
  if (!refreshed) {
    job.refusal = std::move(refreshed.error());
    co_return fail(refused(job, *job.refusal));
  }
  job.successor = std::move(refreshed->successor);
  // Parallel uses that rotate against expectation are stored in the order of their answers: the
  // provider honours the last.
  if (job.successor && !job.turn.turn) {
    std::string waits_for = std::to_string(job.refresh_token.id);
    job.turn.turn = co_await context.refresh_queue.wait(
        std::move(waits_for),
        std::chrono::duration_cast<std::chrono::milliseconds>(context.settings.longest_wait));
  }
  const oidc::TokenAnswer& answer = refreshed->answer;
  if (exceeds_clause(job, answer)) {
    co_return fail(
        oidc_error(502, "the provider granted more than the token's restrictions allow"));
  }

  auto next = successor(context, job.token, token::Use::access_token, *key);
  if (!next) co_return tl::unexpected(next.error());
  AccessAnswer result;
  result.body = answer_body(answer, selection);
  if (*next) {
    result.rotated = (*next)->delivery.text;
    if (job.request.as_oauth_refresh) result.body["refresh_token"] = result.rotated.reveal();
    result.body["token_update"] = (*next)->update;
  }
  const std::string body = *next ? json::serialize(result.body) : std::string();
  auto work = [&](sql::Transaction& db) { return settle(db, job, answer, selection, *next, body); };
  Result<void> settled;
  try {
    settled = co_await context.database.write(work);
  } catch (const std::exception& e) {
    if (!job.successor) throw;
    settled = fail(internal_error(std::string("exception while storing: ") + e.what()));
  }
  if (!settled && job.successor) {
    // Before anything else the new refresh token must be safe; then the rest once more.
    const bool unmet = settled.error().code == "sql_unmet";
    co_await keep_successor(job, !unmet);
    settled = co_await context.database.write(work);
    // The first time may have been stored without a word from the database: whoever repeats the
    // request is given the answer that was stored with it.
    if (!settled && settled.error().code == "sql_unmet" && !unmet)
      settled = fail(unavailable("it is not known whether a rotation was stored"));
  }
  // That answer has an access token in it: the use of one that may be given stays charged.
  if (!settled && *next && settled.error().status == 503) job.charge.chain.clear();
  if (!settled)
    co_return fail(settled.error().code == "sql_unmet" ? not_current() : settled.error());
  job.successor.reset();
  fault_point("after_settle");
  co_return result;
}

Task<Result<AccessAnswer>> run(Job& job) {
  Context& context = job.context;
  auto turn = co_await wait_for_turn(context, *job.token.state.refresh_token_id, *job.provider);
  if (!turn) co_return tl::unexpected(turn.error());
  job.turn = std::move(*turn);
  if (auto safe = context.journal.make_safe(); !safe) co_return tl::unexpected(safe.error());
  auto call = ProviderCall::begin(context);
  if (!call) co_return tl::unexpected(call.error());
  fault_point("before_reserve");
  auto reserved = co_await reserve_with_lease(job);
  if (!reserved) {
    // It may have been stored without a word from the database.
    if (reserved.error().status >= 500) job.turn.entry.keep();
    co_return tl::unexpected(reserved.error());
  }
  fault_point("after_reserve");

  Result<AccessAnswer> answer = tl::unexpected(Error{});
  std::exception_ptr problem;
  try {
    answer = co_await trade(job);
  } catch (...) {
    problem = std::current_exception();
  }
  if (job.successor) co_await keep_successor(job, false);
  if (problem || !answer) co_await undo(job);
  if (problem) std::rethrow_exception(problem);
  co_return answer;
}

}  // namespace

Task<Result<AccessAnswer>> access_token(Context& context, AccessRequest request) {
  std::string request_hash = hash_of(request);
  // The token's text is needed once; a request that waits for its provider holds no copy of it.
  Presentation presentation{std::move(request.presentation.text), request.presentation.client,
                            request.presentation.arrival};
  auto admission = co_await admit(context, std::move(presentation), request_hash);
  if (!admission) co_return tl::unexpected(admission.error());
  if (admission->earlier_answer) {
    auto earlier =
        co_await earlier_answer(context, *admission, request.presentation.client.address);
    if (!earlier) co_return tl::unexpected(earlier.error());
    AccessAnswer answer{std::move(earlier->body), std::move(earlier->rotated)};
    co_return answer;
  }

  Job job{context,
          std::move(request),
          std::move(request_hash),
          std::move(admission->token),
          {},
          {},
          {},
          {},
          {},
          {},
          {},
          {}};
  if (auto r = require_capability(job.token, "AT"); !r) co_return tl::unexpected(r.error());
  job.use.use = token::Use::access_token;
  job.use.scopes = job.request.scopes;
  job.use.audiences = job.request.audiences;
  job.facts = co_await client_facts(context, job.token.claims().restrictions,
                                    job.request.presentation.client.address);
  if (auto r = require_clause(context, job.token, job.use, job.facts); !r)
    co_return tl::unexpected(r.error());
  auto provider = require_issuer(context, job.token, job.request.oidc_issuer);
  if (!provider) co_return tl::unexpected(provider.error());
  job.provider = *provider;
  if (!job.token.state.refresh_token_id) co_return fail(invalid_token("No refresh token attached"));
  auto answer = co_await run(job);
  if (answer || !job.token.claims().rotation || !is_not_current(answer.error())) co_return answer;
  auto earlier = co_await answer_of_overtaker(context, job.token, job.request.presentation.client,
                                              job.request_hash);
  if (!earlier) co_return tl::unexpected(earlier.error());
  AccessAnswer repeated{std::move(earlier->body), std::move(earlier->rotated)};
  co_return repeated;
}

}  // namespace mytoken::service
