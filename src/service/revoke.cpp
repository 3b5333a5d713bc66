// Revocation of tokens, codes and families; see revoke.h.
#include "service/revoke.h"

#include "base/fault.h"
#include "base/json.h"
#include "crypto/envelope.h"
#include "crypto/hash.h"
#include "service/codes.h"
#include "service/lost_time.h"
#include "service/mint.h"
#include "service/outbox.h"
#include "service/refresh.h"
#include "store/flows.h"
#include "store/history.h"
#include "store/proxies.h"
#include "store/refresh_tokens.h"
#include "store/tokens.h"
#include "token/representation.h"

namespace mytoken::service {
namespace {

// The JWT behind what a rotation handed out.
std::optional<Secret> jwt_of(sql::Connection& db, Secret successor) {
  if (token::classify(successor.reveal()) == token::Presented::jwt) return successor;
  const std::string id = crypto::sha512(successor.reveal());
  auto proxy = store::proxy(db, id, "short_token");
  if (!proxy || !*proxy) return std::nullopt;
  auto jwt = crypto::open((*proxy)->sealed_jwt, successor, "proxy:" + id);
  return jwt ? std::optional(std::move(*jwt)) : std::nullopt;
}

// The family key, opened with an outdated string: the answer of the rotation that replaced it is
// sealed under it, and holds the successor. nullopt: it was replaced too long ago.
std::optional<Secret> key_by_successor(sql::Connection& db, const Authenticated& outdated) {
  const std::string& id = outdated.state.id;
  auto record = store::rotation_record(db, id);
  if (!record || !*record) return std::nullopt;
  auto answer = crypto::open((*record)->sealed_answer, outdated.presented, "rotation:" + id);
  auto state = store::token_state(db, id);
  if (!answer || !state || !*state) return std::nullopt;
  const auto body = parse_json(answer->reveal());
  const json::object* object = body ? body->if_object() : nullptr;
  const json::value* update = object ? object->if_contains("token_update") : nullptr;
  if (!update || !update->is_object()) return std::nullopt;
  const auto jwt = jwt_of(db, Secret(std::string(string_member(update->get_object(), "mytoken"))));
  if (!jwt) return std::nullopt;
  auto key = crypto::open((*state)->sealed_key, *jwt, "family_key:" + id);
  return key ? std::optional(std::move(*key)) : std::nullopt;
}

// Deletes the token (recursively on demand) and queues the revocation of refresh tokens nobody uses
// any more. `key`: the family key if the caller could open it; without it the ciphertext is just
// gone.
Result<bool> delete_and_queue(sql::Transaction& db, const Context& context, const std::string& id,
                              bool recursive, const std::optional<Secret>& key) {
  auto orphans = store::delete_token(db, id, recursive);
  if (!orphans) return tl::unexpected(orphans.error());
  bool queued = false;
  for (const auto& orphan : *orphans) {
    if (!key) {
      context.log.warning(
          "a refresh token is deleted here, but nobody could open it to revoke it at its provider",
          {{"issuer", orphan.issuer}});
      continue;
    }
    auto done = queue_orphan(db, context, orphan, *key);
    if (!done) return done;
    queued = queued || *done;
  }
  return queued;
}

Task<Result<void>> revoke_token(Context& context, RevocationRequest request) {
  const std::string issuer = request.oidc_issuer;
  const PreciseTime arrival = request.presentation.arrival;
  auto token = co_await verify_presented(context, std::move(request.presentation), false);
  if (!token) {
    if (token.error().status >= 500) co_return tl::unexpected(token.error());
    co_return Result<void>();  // nothing to do
  }
  if (auto r = require_same_issuer(*token, issuer); !r) co_return r;
  if (is_lost(*token)) {
    // It ends, but its sub-tokens and the refresh token cannot be reached: that is no success.
    Error error = co_await refuse_lost(context, *token);
    co_return fail(std::move(error));
  }
  const auto seq_no = static_cast<std::int64_t>(token->claims().seq_no);
  if (seq_no != token->state.seq_no) {
    // An outdated token revokes nothing, unless its use is theft of a chain that asked to be ended
    // then.
    const auto& rotation = token->claims().rotation;
    if (seq_no < token->state.seq_no && rotation && rotation->auto_revoke &&
        !was_overtaken(context, token->state, arrival)) {
      co_await revoke_family(context, std::move(*token));
    }
    co_return Result<void>();
  }
  auto opened = family_key(*token);
  if (!opened) {
    context.log.warning("a token that is not the one handed out was to be revoked",
                        {{"cause", opened.error().cause}});
    co_return Result<void>();
  }
  const std::optional<Secret> key = std::move(*opened);
  const std::string id = token->state.id;
  const bool recursive = request.recursive;
  auto work = [&](sql::Transaction& db) {
    return delete_and_queue(db, context, id, recursive, key);
  };
  auto queued = co_await context.database.write(work);
  fault_point("after_revocation_stored");
  if (!queued) co_return tl::unexpected(queued.error());
  if (*queued) wake_outbox(context);
  co_return Result<void>();
}

// A code that was the first representation of its token takes the token with it; others only
// disappear.
Task<Result<void>> revoke_transfer_code(Context& context, Secret code) {
  const std::string id = code_digest(context, code);
  bool queued = false;
  auto work = [&](sql::Transaction& db) -> Result<void> {
    auto taken = store::take_proxy(db, id, "transfer_code");
    if (!taken) return tl::unexpected(taken.error());
    if (!*taken || !(*taken)->revokes_token) return {};
    std::optional<Secret> key;
    auto state = store::token_state(db, (*taken)->mytoken_id);
    if (!state) return tl::unexpected(state.error());
    if (!*state) return {};
    if (auto jwt = crypto::open((*taken)->sealed_jwt, code_secret(context, code), "proxy:" + id)) {
      auto opened = crypto::open((*state)->sealed_key, *jwt, "family_key:" + (*state)->id);
      if (opened) key = std::move(*opened);
    }
    auto done = delete_and_queue(db, context, (*taken)->mytoken_id, true, key);
    if (!done) return tl::unexpected(done.error());
    queued = *done;
    return {};
  };
  auto done = co_await context.database.write(work);
  if (done && queued) wake_outbox(context);
  co_return done;
}

// A pending flow is cancelled; the token of a finished one is revoked.
Task<Result<void>> revoke_polling_code(Context& context, Secret code) {
  const std::string hash = crypto::sha256(code.reveal());
  bool queued = false;
  auto work = [&](sql::Transaction& db) -> Result<void> {
    auto flow = store::flow_by_polling(db, hash);
    if (!flow) return tl::unexpected(flow.error());
    if (!*flow) return {};
    const store::FlowRow& row = **flow;
    if (row.status != "done" || !row.mytoken_id) {
      auto taken = store::take_flow(db, row.id, row.status);
      if (!taken) return tl::unexpected(taken.error());
      return {};
    }
    std::optional<Secret> key;
    auto state = store::token_state(db, *row.mytoken_id);
    if (!state) return tl::unexpected(state.error());
    if (*state && row.key_for_polling && row.sealed_jwt) {
      if (auto flow_key = crypto::open(*row.key_for_polling, code, "flow_polling:" + row.id)) {
        if (auto jwt = crypto::open(*row.sealed_jwt, *flow_key, "flow_result:" + row.id)) {
          auto opened = crypto::open((*state)->sealed_key, *jwt, "family_key:" + (*state)->id);
          if (opened) key = std::move(*opened);
        }
      }
    }
    auto done = delete_and_queue(db, context, *row.mytoken_id, true, key);
    if (!done) return tl::unexpected(done.error());
    queued = *done;
    return {};
  };
  auto done = co_await context.database.write(work);
  if (done && queued) wake_outbox(context);
  co_return done;
}

}  // namespace

Result<bool> queue_orphan(sql::Transaction& db, const Context& context, const store::Orphan& orphan,
                          const Secret& family_key) {
  store::RefreshTokenRow row;
  row.id = orphan.id;
  row.issuer = orphan.issuer;
  row.sealed_token = orphan.sealed_token;
  // A successor that waits in the journal is the one to revoke.
  if (auto waiting = context.journal.pending(orphan.id);
      waiting && waiting->version >= orphan.version)
    row.sealed_token = std::move(waiting->sealed_token);
  auto refresh_token = open_refresh_token(row, family_key);
  if (!refresh_token) {
    context.log.error("a refresh token to revoke could not be opened",
                      {{"cause", refresh_token.error().cause}});
    return false;
  }
  if (auto r = queue_revocation(db, context, orphan.issuer, *refresh_token); !r)
    return tl::unexpected(r.error());
  return true;
}

Task<Result<void>> revoke_presented(Context& context, RevocationRequest request) {
  if (request.presentation.text.size() >= token::shortest_token) {
    co_return co_await revoke_token(context, std::move(request));
  }
  auto transfer = co_await revoke_transfer_code(context, request.presentation.text);
  if (!transfer) co_return transfer;
  co_return co_await revoke_polling_code(context, request.presentation.text);
}

Task<Result<OperationAnswer>> revoke_other(Context& context, OperationRequest request,
                                           OtherRevocation wanted) {
  const auto target_of = [&](sql::Connection& db, const Authenticated& token) {
    return reach(db, token, wanted.mom_id, "", "manage_mytokens:revoke");
  };
  bool queued = false;
  Operation operation;
  operation.counts = false;
  operation.authorise = [&](sql::Connection& db, const Authenticated& token) -> Result<void> {
    auto target = target_of(db, token);
    if (!target) return tl::unexpected(target.error());
    return require_same_issuer(token, wanted.oidc_issuer);
  };
  operation.work = [&](sql::Transaction& db, const Authenticated& token) -> Result<Outcome> {
    auto target = target_of(db, token);
    if (!target) return tl::unexpected(target.error());
    auto state = store::token_state(db, target->id);
    if (!state) return tl::unexpected(state.error());
    // Tokens of one login share the key of its refresh token, which is to be revoked with the last
    // of them.
    std::optional<Secret> key;
    if (*state && (*state)->refresh_token_id == token.state.refresh_token_id) {
      auto opened = family_key(token);
      if (!opened) return tl::unexpected(opened.error());
      key = std::move(*opened);
    }
    auto done = delete_and_queue(db, context, target->id, wanted.recursive, key);
    if (!done) return tl::unexpected(done.error());
    queued = *done;
    auto left = store::token_state(db, token.state.id);
    if (!left) return tl::unexpected(left.error());
    Outcome outcome;
    outcome.token_ended = !left->has_value();
    outcome.events_before_rotation.push_back({"revoked_other_token", "mom_id: " + wanted.mom_id});
    return outcome;
  };
  auto answer = co_await operate(context, std::move(request), std::move(operation));
  fault_point("after_revocation_stored");
  if (answer && queued) wake_outbox(context);
  co_return answer;
}

Task<void> revoke_family(Context& context, Authenticated outdated) {
  auto work = [&](sql::Transaction& db) {
    return delete_and_queue(db, context, outdated.state.id, true, key_by_successor(db, outdated));
  };
  auto done = co_await context.database.write(work);
  if (!done) context.log.error("a family could not be revoked", {{"problem", done.error().cause}});
  if (done && *done) wake_outbox(context);
}

}  // namespace mytoken::service
