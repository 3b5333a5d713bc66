// Claims, rows and the way on of a login's mytoken; see first_mytoken.h.
#include "service/first_mytoken.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/fault.h"
#include "base/random.h"
#include "crypto/envelope.h"
#include "crypto/hash.h"
#include "service/enforced.h"
#include "service/mint.h"
#include "service/refresh.h"
#include "service/tags.h"
#include "store/history.h"
#include "store/ids.h"
#include "store/proxies.h"
#include "store/refresh_tokens.h"
#include "token/tightening.h"

namespace mytoken::service {
namespace {

// The rows of a root token: user, refresh token, mytoken, the access token that came along.
Result<void> store_root(sql::Transaction& db, LoginExchange& exchange, const Minted& minted,
                        const oidc::Identity& identity, const oidc::TokenAnswer& answer,
                        store::RefreshTokenId refresh_token_id,
                        const std::string& sealed_refresh_token, bool offline_granted,
                        const std::optional<Delivery>& cookie) {
  const Context& context = exchange.context;
  const Time now = context.clock.now();
  auto user = store::find_or_add_user(db, identity.subject, minted.claims.oidc_iss, identity.email,
                                      identity.email_verified, now);
  if (!user) return tl::unexpected(user.error());
  if (auto r = store::add_refresh_token(db, refresh_token_id, *user, minted.claims.oidc_iss,
                                        sealed_refresh_token, offline_granted, now);
      !r) {
    return r;
  }
  if (auto r =
          store_minted(db, context, minted, *user, refresh_token_id, std::nullopt,
                       "Used grant_type oidc_flow authorization_code", exchange.redirect.client);
      !r) {
    return r;
  }
  if (auto r = set_first_tags(db, *user, minted.id, std::nullopt, exchange.request.wish.tags); !r)
    return r;
  store::AccessTokenRecord record;
  if (answer.expires_in) record.expires_at = now + Seconds(*answer.expires_in);
  record.comment = "Initial Access Token from authorization code flow";
  if (answer.scope) record.scope = token::join(*answer.scope);
  record.audience =
      json::serialize(json::value_from(answer.audience.value_or(std::vector<std::string>())));
  record.hash = crypto::sha256(answer.access_token.reveal());
  if (auto r =
          store::add_access_token(db, context.clock, minted.id, record, exchange.redirect.client);
      !r)
    return r;
  if (!cookie) {
    const std::string sealed =
        crypto::seal(minted.jwt.reveal(), exchange.flow_key, "flow_result:" + exchange.flow.id);
    auto finished =
        store::finish_flow(db, exchange.flow.id, minted.id, sealed, minted.key_for_purge);
    if (!finished) return tl::unexpected(finished.error());
    if (!*finished) return fail(invalid_request("State mismatched"));
    return {};
  }
  auto taken = store::take_flow(db, exchange.flow.id, "exchanging");
  if (!taken) return tl::unexpected(taken.error());
  if (!*taken) return fail(invalid_request("State mismatched"));
  if (!cookie->proxy) return {};
  if (auto r = store::add_proxy(db, *cookie->proxy); !r) return r;
  if (cookie->type != token::ResponseType::transfer_code) return {};
  return store::add_event(db, context.clock, minted.id, "transfer_code_created",
                          "token type: token", exchange.redirect.client);
}

LoginEnd end_of(const LoginExchange& exchange, const std::optional<Delivery>& cookie) {
  LoginEnd end;
  const auto on_the_way = [&exchange](std::string location) {
    if (!exchange.reduced) return location;
    return by_way_of_help(exchange.context, exchange.provider->settings(), std::move(location));
  };
  if (!cookie) {
    end.location = "/native";
    if (!exchange.request.wish.application_name.empty()) {
      end.location += "?application=" + percent_encode(exchange.request.wish.application_name);
    }
    end.location = on_the_way(std::move(end.location));
    return end;
  }
  end.location =
      on_the_way(exchange.request.redirect_uri.empty() ? "/home" : exchange.request.redirect_uri);
  end.cookie =
      cookie->type == token::ResponseType::transfer_code ? "mytoken-transfercode" : "mytoken";
  end.cookie_value = cookie->text;
  return end;
}

}  // namespace

Task<Result<LoginEnd>> make_root(LoginExchange& exchange, const oidc::TokenAnswer& answer,
                                 oidc::Identity identity) {
  Context& context = exchange.context;
  TokenWish& wish = exchange.request.wish;
  const auto* scopes = answer.scope ? &*answer.scope : nullptr;
  const auto* audiences = answer.audience ? &*answer.audience : nullptr;
  token::Restrictions granted = token::narrowed_to_granted(wish.restrictions, scopes, audiences);
  auto enforced = co_await enforce(context, *exchange.provider, answer, identity,
                                   std::move(granted), exchange.flow.created_ip);
  if (!enforced) {
    exchange.forbidden = enforced.error().code == "access_denied";
    co_return fail(enforced.error());
  }
  exchange.reduced = enforced->reduced;
  MintRequest wanted;
  wanted.oidc_sub = identity.subject;
  wanted.oidc_iss = exchange.provider->settings().issuer;
  wanted.name = wish.name;
  wanted.capabilities = *wish.capabilities;
  wanted.restrictions =
      token::with_maximum_lifetime(std::move(enforced->restrictions), context.clock.now(),
                                   exchange.provider->settings().mytokens_max_lifetime);
  const auto expiry = token::expiry(wanted.restrictions);
  if (expiry && *expiry < context.clock.now())  // passed while the user logged in
    co_return fail(invalid_request("token would already be expired"));
  wanted.rotation = wish.rotation;
  wanted.auth_time = context.clock.now();
  const Secret family_key(random_bytes(32));
  auto minted = mint(context, wanted, family_key);
  if (!minted) co_return tl::unexpected(minted.error());
  std::optional<Delivery> cookie;
  if (exchange.request.web) {
    cookie = deliver(context, minted->id, minted->jwt, wish.response_type, wish.max_token_len,
                     minted->key_for_purge);
  }
  const store::RefreshTokenId refresh_token_id = store::random_id();
  const std::string sealed = seal_refresh_token(answer.refresh_token, refresh_token_id, family_key);
  const bool offline = !answer.scope || std::find(answer.scope->begin(), answer.scope->end(),
                                                  "offline_access") != answer.scope->end();
  auto work = [&](sql::Transaction& db) {
    return store_root(db, exchange, *minted, identity, answer, refresh_token_id, sealed, offline,
                      cookie);
  };
  LoginEnd end = end_of(exchange, cookie);  // nothing may fail after the commit
  exchange.may_be_stored = true;
  auto stored = co_await context.database.write(work);
  fault_point("after_login_stored");
  if (!stored) co_return tl::unexpected(stored.error());
  co_return end;
}

}  // namespace mytoken::service
