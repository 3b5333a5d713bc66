// From a presented string to an admitted mytoken: the first steps of every use case; see
// authenticate.h.
#include "service/authenticate.h"

#include "base/encoding.h"
#include "crypto/envelope.h"
#include "crypto/hash.h"
#include "service/charge.h"
#include "service/lost_time.h"
#include "service/revoke.h"
#include "store/history.h"
#include "store/proxies.h"
#include "store/refresh_tokens.h"
#include "store/restore.h"
#include "store/tokens.h"

namespace mytoken::service {
namespace {

// What one read brings back (DESIGN §7 step 2).
struct Stored {
  std::optional<store::ProxyRow> proxy;
  std::optional<store::TokenState> state;
  std::vector<store::ClauseRow> clauses;
  store::ClauseLinks ancestors;
  std::optional<store::RotationRecord> rotation;
};

bool has_parent(const std::vector<store::ClauseRow>& clauses) {
  return std::any_of(clauses.begin(), clauses.end(),
                     [](const store::ClauseRow& row) { return row.parent_mytoken_id.has_value(); });
}

// `known`: the token, if its text was seen before; what it cannot need is not read. On a database
// across the network (`remote`) everything is asked for at once; a short token that is not known
// leads to its token there.
Result<Stored> read_stored(sql::Connection& db, const std::optional<std::string>& proxy_id,
                           const VerifiedToken* known, bool remote) {
  const bool limited = !known || !known->claims.restrictions.empty();
  const bool behind = remote && !known && proxy_id;
  std::string token_id = known ? known->id : std::string();
  const auto state_of = [&](sql::Connection& on) {
    return behind ? store::token_state_behind(on, *proxy_id) : store::token_state(on, token_id);
  };
  const auto clauses_of = [&](sql::Connection& on) {
    return behind ? store::clauses_behind(on, *proxy_id) : store::clauses_of(on, token_id);
  };
  if (remote && (known || proxy_id)) {
    sql::Ahead ahead(db);
    if (proxy_id) (void)store::proxy(ahead, *proxy_id, "short_token");
    (void)state_of(ahead);
    if (limited) (void)clauses_of(ahead);
    if (limited && known) (void)store::clauses_above(ahead, token_id);
  }
  Stored stored;
  if (proxy_id) {
    auto proxy = store::proxy(db, *proxy_id, "short_token");
    if (!proxy) return tl::unexpected(proxy.error());
    if (!*proxy) return stored;
    token_id = (*proxy)->mytoken_id;
    stored.proxy = std::move(*proxy);
  }
  auto state = state_of(db);
  if (!state) return tl::unexpected(state.error());
  if (!*state) return stored;
  stored.state = std::move(*state);
  if (limited) {
    auto clauses = clauses_of(db);
    if (!clauses) return tl::unexpected(clauses.error());
    stored.clauses = std::move(*clauses);
    if (remote && has_parent(stored.clauses)) {
      auto ancestors = store::clauses_above(db, token_id);
      if (!ancestors) return tl::unexpected(ancestors.error());
      stored.ancestors = std::move(*ancestors);
    }
  }
  // Only the immediate predecessor can have a stored answer; a short token's number is known later,
  // but one that was not rotated away does not end.
  if (!known && stored.proxy && !stored.proxy->expires_at) return stored;
  const auto seq_no = known ? static_cast<std::int64_t>(known->claims.seq_no) : 0;
  if (stored.state->seq_no > 1 && (!known || stored.state->is_predecessor(seq_no))) {
    auto rotation = store::rotation_record(db, token_id);
    if (!rotation) return tl::unexpected(rotation.error());
    stored.rotation = std::move(*rotation);
  }
  return stored;
}

Result<std::shared_ptr<const VerifiedToken>> verify_jwt(Context& context, const std::string& digest,
                                                        Secret jwt) {
  if (auto known = context.verified.find(digest, context.clock.now())) return known;
  auto payload = context.verification_keys.verify(jwt.reveal());
  if (!payload) return tl::unexpected(payload.error());
  auto claims = token::parse_claims(*payload);
  if (!claims) return tl::unexpected(claims.error());
  auto id = token::mytoken_id(claims->jti);
  if (!id) return fail(invalid_token("invalid id"));
  auto token = std::make_shared<VerifiedToken>(
      VerifiedToken{std::move(jwt), std::move(*claims), std::move(*id)});
  context.verified.remember(digest, token);
  return token;
}

Result<void> check_claims(const Context& context, const token::Claims& claims, bool check_times) {
  token::AcceptanceOptions options;
  options.issuer = context.settings.issuer;
  options.skew = context.settings.clock_skew;
  options.check_times = check_times;
  return token::accept(claims, context.clock.now(), options);
}

struct Looked {
  Authenticated token;
  std::optional<store::RotationRecord> rotation;
  bool exists = false;
};

Task<Result<Looked>> look_up(Context& context, Presentation presentation, bool check_times) {
  const token::Presented kind = token::classify(presentation.text.reveal());
  if (kind == token::Presented::malformed) co_return fail(invalid_token("token not valid"));
  Looked looked;
  looked.token.representation = kind;
  const std::string digest = crypto::sha256(presentation.text.reveal());
  std::shared_ptr<const VerifiedToken> verified;
  std::optional<std::string> proxy_id;
  if (kind == token::Presented::jwt) {
    auto jwt = verify_jwt(context, digest, presentation.text);
    if (!jwt) co_return tl::unexpected(jwt.error());
    verified = *jwt;
    if (auto fine = check_claims(context, verified->claims, check_times); !fine)
      co_return tl::unexpected(fine.error());
  } else {
    proxy_id = crypto::sha512(presentation.text.reveal());
    verified = context.verified.find(digest, context.clock.now());
  }
  const bool remote = context.settings.several_servers;
  auto work = [&proxy_id, known = verified.get(), remote](sql::Connection& db) {
    return read_stored(db, proxy_id, known, remote);
  };
  auto stored = co_await context.database.read(work);
  if (!stored) co_return tl::unexpected(stored.error());
  if (proxy_id) {
    if (!stored->proxy) {
      Error error = co_await unknown_short_token(context);
      co_return fail(std::move(error));
    }
    if (stored->proxy->expires_at && *stored->proxy->expires_at < context.clock.now())
      co_return fail(invalid_token("token not valid"));
    if (!verified) {
      auto jwt = crypto::open(stored->proxy->sealed_jwt, presentation.text, "proxy:" + *proxy_id);
      if (!jwt) co_return tl::unexpected(jwt.error());
      auto opened = verify_jwt(context, digest, std::move(*jwt));
      if (!opened) co_return tl::unexpected(opened.error());
      verified = *opened;
    }
    if (auto fine = check_claims(context, verified->claims, check_times); !fine)
      co_return tl::unexpected(fine.error());
  }
  // A row that stands for another token than the one it holds is not ours.
  if (stored->state && stored->state->id != verified->id)
    co_return fail(invalid_token("token not valid"));
  looked.token.token = std::move(verified);
  looked.token.presented = std::move(presentation.text);
  looked.exists = stored->state.has_value();
  if (looked.exists) looked.token.state = std::move(*stored->state);
  looked.token.clauses = std::move(stored->clauses);
  looked.token.ancestors = std::move(stored->ancestors);
  looked.rotation = std::move(stored->rotation);
  co_return looked;
}

}  // namespace

bool was_overtaken(const Context& context, const store::TokenState& state, PreciseTime arrival) {
  // The rotation's time is that of the server that made it. Clocks that NTP keeps agree far better.
  const Seconds tolerance{context.settings.several_servers ? 1 : 0};
  return state.last_rotated + tolerance >= arrival;
}

namespace {

bool lifetime_passed(const token::Claims& claims, const store::TokenState& state, Time now) {
  return claims.rotation && claims.rotation->lifetime.count() > 0 &&
         now - std::chrono::floor<Seconds>(state.last_rotated) > claims.rotation->lifetime;
}

}  // namespace

Error not_current() {
  return invalid_token("token is revoked or no longer current");
}

Task<Error> refuse_outdated(Context& context, Authenticated token, PreciseTime arrival) {
  const auto& rotation = token.claims().rotation;
  if (rotation && rotation->auto_revoke && !was_overtaken(context, token.state, arrival)) {
    context.log.warning("a rotated-away token was used: its family is revoked",
                        {{"mom_id", base64(token.state.id).substr(0, 8)}});
    co_await revoke_family(context, std::move(token));
  }
  co_return not_current();
}

Task<Result<Authenticated>> verify_presented(Context& context, Presentation presentation,
                                             bool check_times) {
  auto looked = co_await look_up(context, std::move(presentation), check_times);
  if (!looked) co_return tl::unexpected(looked.error());
  if (!looked->exists) {
    Error error = co_await unknown_token(context, looked->token);
    co_return fail(std::move(error));
  }
  co_return std::move(looked->token);
}

Task<Result<Admission>> admit(Context& context, Presentation presentation,
                              std::string request_hash) {
  const PreciseTime arrival = presentation.arrival;
  auto looked = co_await look_up(context, std::move(presentation), true);
  if (!looked) co_return tl::unexpected(looked.error());
  if (!looked->exists || is_lost(looked->token)) {
    Error error;
    if (looked->exists) {
      error = co_await refuse_lost(context, looked->token);
    } else {
      error = co_await unknown_token(context, looked->token);
    }
    co_return fail(std::move(error));
  }
  const token::Claims& claims = looked->token.claims();
  const store::TokenState& state = looked->token.state;
  const Time now = context.clock.now();
  const auto seq_no = static_cast<std::int64_t>(claims.seq_no);
  if (seq_no < state.seq_no) {
    // Whoever could not ask within the grace may do so afterwards.
    const Time end =
        std::chrono::floor<Seconds>(state.last_rotated) + context.settings.rotation_grace;
    context.outages.observe(true, now);
    const bool recent = state.is_predecessor(seq_no) && (now <= end || context.outages.covers(end));
    if (recent && looked->rotation && !request_hash.empty() &&
        looked->rotation->predecessor_seq_no == seq_no &&
        looked->rotation->request_hash == request_hash) {
      auto answer = crypto::open(looked->rotation->sealed_answer, looked->token.presented,
                                 "rotation:" + state.id);
      if (answer) {
        Admission admission;
        admission.token = std::move(looked->token);
        admission.earlier_answer = std::string(answer->reveal());
        co_return admission;
      }
    }
    Error error = co_await refuse_outdated(context, std::move(looked->token), arrival);
    co_return fail(std::move(error));
  }
  if (lifetime_passed(claims, state, now)) co_return fail(not_current());
  Admission admission;
  admission.token = std::move(looked->token);
  co_return admission;
}

Result<void> require_capability(const Authenticated& token, std::string_view capability) {
  if (token::has(token.claims().capabilities, capability)) return {};
  return fail(insufficient_capabilities());
}

Result<void> require_same_issuer(const Authenticated& token, std::string_view issuer) {
  const auto bare = [](std::string_view text) {
    return text.ends_with('/') ? text.substr(0, text.size() - 1) : text;
  };
  if (!issuer.empty() && bare(issuer) != bare(token.claims().oidc_iss))
    return fail(invalid_request("token not for specified issuer"));
  return {};
}

Result<std::shared_ptr<oidc::Provider>> require_issuer(const Context& context,
                                                       const Authenticated& token,
                                                       std::string_view issuer) {
  if (auto r = require_same_issuer(token, issuer); !r) return tl::unexpected(r.error());
  auto provider = context.providers.find(token.claims().oidc_iss);
  if (!provider) return fail(invalid_request("The provided issuer is not supported"));
  return provider;
}

Task<Result<EarlierAnswer>> earlier_answer(Context& context, const Admission& admission,
                                           std::string client_address) {
  token::Restrictions places = admission.token.claims().restrictions;
  token::remove_claims(places, {"scope", "audience", "usages_AT", "usages_other"});
  token::remove_claims(places, context.settings.unsupported_restrictions);
  const token::ClientFacts facts =
      co_await client_facts(context, places, std::move(client_address));
  const auto unused = [](std::size_t) { return token::Counters{}; };
  if (!token::choose_clause(places, {}, facts, context.clock.now(), unused))
    co_return fail(usage_restricted());
  auto body = parse_json(*admission.earlier_answer);
  if (!body || !body->is_object()) co_return fail(internal_error("a stored answer is damaged"));
  EarlierAnswer answer;
  answer.body = std::move(body->as_object());
  if (const auto* update = answer.body.if_contains("token_update"); update && update->is_object()) {
    answer.rotated = Secret(std::string(string_member(update->as_object(), "mytoken")));
  }
  co_return answer;
}

bool is_not_current(const Error& error) {
  return error.code == not_current().code && error.description == not_current().description;
}

Task<Result<EarlierAnswer>> answer_of_overtaker(Context& context, const Authenticated& token,
                                                ClientInfo client, std::string request_hash) {
  std::string address = client.address;
  // It was current when it was admitted, so this use is no theft, whatever the clocks say.
  Presentation again{token.presented, std::move(client), PreciseTime::min()};
  auto admission = co_await admit(context, std::move(again), std::move(request_hash));
  if (!admission) co_return tl::unexpected(admission.error());
  if (!admission->earlier_answer) co_return fail(not_current());
  co_return co_await earlier_answer(context, *admission, std::move(address));
}

Result<void> require_current(sql::Connection& db, const Authenticated& token) {
  auto state = store::token_state(db, token.state.id);
  if (!state) return tl::unexpected(state.error());
  if (!*state || (*state)->seq_no != token.state.seq_no || (*state)->superseded)
    return fail(not_current());
  return {};
}

}  // namespace mytoken::service
