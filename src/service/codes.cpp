// Making and redeeming transfer codes; see codes.h.
#include "service/codes.h"

#include "base/fault.h"
#include "base/random.h"
#include "crypto/envelope.h"
#include "crypto/hash.h"
#include "service/mint.h"
#include "store/history.h"
#include "store/proxies.h"
#include "store/refresh_tokens.h"

namespace mytoken::service {

Error unknown_code() {
  return invalid_token("Bad polling or transfer code");
}

bool is_unknown_code(const Error& error) {
  return error.code == "invalid_token" && error.description == unknown_code().description;
}

Error expired_code() {
  return {"expired_token", 401, "polling or transfer code is expired", {}};
}

Result<token::Claims> claims_of_stored_jwt(const Context& context, const Secret& jwt,
                                           const std::string& mytoken_id) {
  auto payload = context.verification_keys.verify(jwt.reveal());
  if (!payload) return tl::unexpected(payload.error());
  auto claims = token::parse_claims(*payload);
  if (!claims) return claims;
  token::AcceptanceOptions options;
  options.issuer = context.settings.issuer;
  options.check_times = false;
  if (auto fine = token::accept(*claims, context.clock.now(), options); !fine)
    return tl::unexpected(fine.error());
  // A row that was moved to another token.
  if (token::mytoken_id(claims->jti) != mytoken_id) return fail(unknown_code());
  return claims;
}

Task<Result<json::object>> make_transfer_code(Context& context, Presentation presentation) {
  const ClientInfo client = presentation.client;
  auto admission = co_await admit(context, std::move(presentation), "");
  if (!admission) co_return tl::unexpected(admission.error());
  const Authenticated& token = admission->token;
  const bool is_short = token.representation == token::Presented::short_token;
  const Secret code(random_text(context.settings.transfer_code_length));
  store::ProxyRow row;
  row.id = code_digest(context, code);
  row.kind = "transfer_code";
  row.mytoken_id = token.state.id;
  // A short token is handed over as the same short token, so that is what the code stands for.
  row.sealed_jwt = crypto::seal(is_short ? token.presented.reveal() : token.token->jwt.reveal(),
                                code_secret(context, code), "proxy:" + row.id);
  row.created = context.clock.now();
  row.expires_at = row.created + context.settings.transfer_code_lifetime;
  row.response_type = is_short ? "short_token" : "token";
  auto work = [&](sql::Transaction& db) -> Result<void> {
    if (const auto family = token.state.refresh_token_id) {
      if (auto r = store::lock_refresh_token(db, *family); !r) return r;
    }
    if (auto r = require_current(db, token); !r) return r;
    if (auto r = store::add_proxy(db, row); !r) return r;
    return store::add_event(db, context.clock, token.state.id, "transfer_code_created",
                            is_short ? "token type: short_token" : "token type: token", client);
  };
  auto stored = co_await context.database.write(work);
  fault_point("after_code_stored");
  if (!stored) co_return tl::unexpected(stored.error());
  json::object answer;
  answer["mytoken_type"] = "transfer_code";
  answer["transfer_code"] = code.reveal();
  answer["expires_in"] = context.settings.transfer_code_lifetime.count();
  co_return answer;
}

Task<Result<json::object>> redeem_transfer_code(Context& context, Secret code, ClientInfo client) {
  const std::string id = code_digest(context, code);
  // What the code stands for is opened inside the transaction that consumes it: a code is not lost
  // to a failure.
  struct Redeemed {
    Secret text;
    token::Claims claims;
    Delivery delivery;
    std::string mytoken_id;
  };
  auto work = [&](sql::Transaction& db) -> Result<Redeemed> {
    auto row = store::proxy(db, id, "transfer_code");
    if (!row) return tl::unexpected(row.error());
    if (!*row) return fail(unknown_code());
    if (!(*row)->expires_at || *(*row)->expires_at < context.clock.now())
      return fail(expired_code());
    auto taken = store::take_proxy(db, id, "transfer_code");
    if (!taken) return tl::unexpected(taken.error());
    if (!*taken) return fail(unknown_code());
    auto text = crypto::open((*taken)->sealed_jwt, code_secret(context, code), "proxy:" + id);
    if (!text) return tl::unexpected(text.error());
    Redeemed redeemed;
    redeemed.mytoken_id = (*taken)->mytoken_id;
    redeemed.delivery.text = *text;
    Secret jwt = std::move(*text);
    if ((*taken)->response_type == "short_token") {
      redeemed.delivery.type = token::ResponseType::short_token;
      const std::string short_id = crypto::sha512(jwt.reveal());
      auto proxy = store::proxy(db, short_id, "short_token");
      if (!proxy) return tl::unexpected(proxy.error());
      if (!*proxy || (*proxy)->expires_at) return fail(unknown_code());  // rotated away meanwhile
      auto opened = crypto::open((*proxy)->sealed_jwt, jwt, "proxy:" + short_id);
      if (!opened) return tl::unexpected(opened.error());
      jwt = std::move(*opened);
    }
    auto claims = claims_of_stored_jwt(context, jwt, redeemed.mytoken_id);
    if (!claims) return tl::unexpected(claims.error());
    redeemed.claims = std::move(*claims);
    if (auto r = store::add_event(db, context.clock, redeemed.mytoken_id, "transfer_code_used", "",
                                  client);
        !r) {
      return tl::unexpected(r.error());
    }
    return redeemed;
  };
  auto redeemed = co_await context.database.write(work);
  fault_point("after_code_redeemed");
  if (!redeemed) co_return tl::unexpected(redeemed.error());
  co_return mytoken_answer(context, redeemed->claims, redeemed->mytoken_id, redeemed->delivery);
}

}  // namespace mytoken::service
