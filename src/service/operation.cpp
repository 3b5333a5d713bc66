// The steps that all operations share; see operation.h.
#include "service/operation.h"

#include "service/charge.h"
#include "service/mint.h"
#include "store/history.h"
#include "store/refresh_tokens.h"
#include "store/tokens.h"

namespace mytoken::service {
namespace {

struct Running {
  Context& context;
  const Operation& operation;
  Authenticated token;
  ClientInfo client;
  std::string request_hash;
  token::ClientFacts facts;
  std::optional<Successor> next;
  Outcome seen;  // of a look
};

struct Performed {
  json::object body;
  bool rotated = false;
};

// What a repetition needs to know of a rotation: a look is done again.
std::string remembered(const Running& run, const json::object& body) {
  if (!run.operation.look) return json::serialize(body);
  json::object update;
  update["token_update"] = body.at("token_update");
  return json::serialize(update);
}

Result<void> log(sql::Transaction& db, const Context& context, const Authenticated& token,
                 const ClientInfo& client, const std::vector<LoggedEvent>& events) {
  for (const LoggedEvent& event : events) {
    if (auto r =
            store::add_event(db, context.clock, token.state.id, event.name, event.comment, client);
        !r) {
      return r;
    }
  }
  return {};
}

// Everything of an operation that must be true together.
Result<Performed> perform(sql::Transaction& db, const Running& run) {
  const Context& context = run.context;
  if (const auto family = run.token.state.refresh_token_id) {
    if (auto r = store::lock_refresh_token(db, *family); !r) return tl::unexpected(r.error());
  }
  if (auto r = require_current(db, run.token); !r) return tl::unexpected(r.error());
  if (run.operation.counts) {
    auto charge = charge_clause(db, context, run.token, token::UseRequest{}, run.facts);
    if (!charge) return tl::unexpected(charge.error());
  }
  Result<Outcome> outcome = run.seen;
  if (run.operation.work) outcome = run.operation.work(db, run.token);
  if (!outcome) return tl::unexpected(outcome.error());
  Performed done;
  done.body = std::move(outcome->body);
  const auto log_all = [&](const std::vector<LoggedEvent>& events) {
    return log(db, context, run.token, run.client, events);
  };
  if (auto r = log_all(outcome->events_before_rotation); !r) return tl::unexpected(r.error());
  if (run.next && !outcome->token_ended) {
    done.rotated = true;
    done.body["token_update"] = run.next->update;
    if (auto r = store_successor(db, context, run.token, *run.next, run.request_hash,
                                 remembered(run, done.body), run.client);
        !r) {
      return tl::unexpected(r.error());
    }
  }
  if (auto r = log_all(outcome->events); !r) return tl::unexpected(r.error());
  return done;
}

Task<Result<Outcome>> look(Context& context, const Operation& operation,
                           const Authenticated& token) {
  auto work = [&](sql::Connection& db) { return operation.look(db, token); };
  co_return co_await context.database.read(work);
}

// The answer to a request that was done before. What is looked up again is new to the asker and not
// counted, so that is done three times at most; whoever asks for more is no client whose answer was
// lost.
Task<Result<OperationAnswer>> repeat(Context& context, const Operation& operation,
                                     Authenticated token, EarlierAnswer earlier, ClientInfo client,
                                     PreciseTime arrival) {
  OperationAnswer answer{std::move(earlier.body), std::move(earlier.rotated)};
  if (!operation.look) co_return answer;
  auto outcome = co_await look(context, operation, token);
  if (!outcome) co_return tl::unexpected(outcome.error());
  auto claim = [&](sql::Transaction& db) -> Result<bool> {
    if (const auto family = token.state.refresh_token_id) {
      if (auto r = store::lock_refresh_token(db, *family); !r) return tl::unexpected(r.error());
    }
    auto first = store::claim_repetition(db, token.state.id,
                                         static_cast<std::int64_t>(token.claims().seq_no));
    if (!first || !*first) return first;
    for (auto* events : {&outcome->events_before_rotation, &outcome->events}) {
      std::vector<LoggedEvent> repeated = *events;
      for (LoggedEvent& event : repeated)
        event.comment += event.comment.empty() ? "repeated request" : " (repeated request)";
      if (auto r = log(db, context, token, client, repeated); !r) return tl::unexpected(r.error());
    }
    return true;
  };
  auto first = co_await context.database.write(claim);
  if (!first) co_return tl::unexpected(first.error());
  if (!*first) {
    Error error = co_await refuse_outdated(context, std::move(token), arrival);
    co_return fail(std::move(error));
  }
  for (auto& member : outcome->body)
    answer.body[member.key()] = std::move(member.value());
  co_return answer;
}

}  // namespace

Authorise needs(std::string_view capability) {
  return [name = std::string(capability)](sql::Connection&, const Authenticated& token) {
    return require_capability(token, name);
  };
}

Task<Result<OperationAnswer>> operate(Context& context, OperationRequest request,
                                      Operation operation) {
  const ClientInfo client = request.presentation.client;
  const PreciseTime arrival = request.presentation.arrival;
  auto admission = co_await admit(context, std::move(request.presentation), request.request_hash);
  if (!admission) co_return tl::unexpected(admission.error());
  if (admission->earlier_answer) {
    auto earlier = co_await earlier_answer(context, *admission, client.address);
    if (!earlier) co_return tl::unexpected(earlier.error());
    co_return co_await repeat(context, operation, std::move(admission->token), std::move(*earlier),
                              client, arrival);
  }
  Running run{
      context, operation, std::move(admission->token), client, std::move(request.request_hash), {},
      {},      {}};
  auto authorise = [&run](sql::Connection& db) { return run.operation.authorise(db, run.token); };
  auto authorised = co_await context.database.read(authorise);
  if (!authorised) co_return tl::unexpected(authorised.error());
  if (operation.counts) {
    run.facts = co_await client_facts(context, run.token.claims().restrictions, client.address);
    if (auto r = require_clause(context, run.token, token::UseRequest{}, run.facts); !r)
      co_return tl::unexpected(r.error());
  }
  if (operation.looks_at_history) co_await context.database.flush();
  if (operation.look) {
    auto seen = co_await look(context, operation, run.token);
    if (!seen) co_return tl::unexpected(seen.error());
    run.seen = std::move(*seen);
  }
  auto key = family_key(run.token);
  if (!key) co_return tl::unexpected(key.error());
  auto next = successor(context, run.token, token::Use::other, *key);
  if (!next) co_return tl::unexpected(next.error());
  run.next = std::move(*next);

  auto work = [&run](sql::Transaction& db) { return perform(db, run); };
  auto done = co_await context.database.write(work);
  if (!done && done.error().code == "sql_unmet") done = fail(not_current());
  if (!done && run.next && is_not_current(done.error())) {
    auto earlier = co_await answer_of_overtaker(context, run.token, client, run.request_hash);
    if (!earlier) co_return tl::unexpected(earlier.error());
    co_return co_await repeat(context, operation, std::move(run.token), std::move(*earlier), client,
                              PreciseTime::min());  // it was current when it came
  }
  if (!done) co_return tl::unexpected(done.error());
  OperationAnswer answer;
  answer.body = std::move(done->body);
  if (done->rotated) answer.rotated = run.next->delivery.text;
  co_return answer;
}

Result<Target> reach(sql::Connection& db, const Authenticated& token, std::string_view mom_id,
                     std::string_view own, std::string_view any) {
  const auto& held = token.claims().capabilities;
  const auto id = token::parse_mom_id(mom_id);
  if (id) {
    auto below = store::is_self_or_ancestor(db, token.state.id, *id);
    if (!below) return tl::unexpected(below.error());
    if (*below && (own.empty() || token::has(held, own) || token::has(held, any)))
      return Target{*id, *id == token.state.id};
  }
  if (!token::has(held, any)) {
    Error error = insufficient_capabilities();
    error.description = "The provided token does not have the capability " + std::string(any) +
                        ", which this operation requires for other tokens";
    return fail(std::move(error));
  }
  std::optional<store::UserId> owner;
  if (id) {
    auto state = store::token_state(db, *id);
    if (!state) return tl::unexpected(state.error());
    if (*state) owner = (*state)->user_id;
  }
  if (owner != token.state.user_id)
    return fail(invalid_grant("The provided token cannot be used to manage this mom_id", 403));
  return Target{*id, false};
}

}  // namespace mytoken::service
