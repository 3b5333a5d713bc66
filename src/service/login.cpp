// Starting a flow, consent, and collecting the result. The redirect is in redirect.cpp.
#include "service/login.h"

#include "base/encoding.h"
#include "base/fault.h"
#include "base/random.h"
#include "crypto/envelope.h"
#include "crypto/hash.h"
#include "service/codes.h"
#include "service/flow_request.h"
#include "service/mint.h"
#include "store/flows.h"
#include "store/history.h"
#include "store/proxies.h"

namespace mytoken::service {
namespace {

constexpr std::size_t consent_code_length = 22;  // base62: 131 bits
constexpr std::size_t polling_code_length = 28;  // readable letters: 158 bits, below 32 characters

// Scopes for the authorization request: a clause without scope allows all of the provider's
// (oidc.md §9). They are all asked for, too, where the operator enforces restrictions by claims:
// otherwise the user could make a claim disappear by asking for few scopes.
std::vector<std::string> scopes_to_request(const token::Restrictions& restrictions,
                                           const oidc::ProviderSettings& provider) {
  std::vector<std::string> scopes;
  const auto add = [&scopes](const std::vector<std::string>& more) {
    for (const auto& scope : more) {
      if (scope.empty()) continue;  // blanks of the original text, see token/restriction.h
      if (std::find(scopes.begin(), scopes.end(), scope) == scopes.end()) scopes.push_back(scope);
    }
  };
  bool all = restrictions.empty() || !provider.enforced.claim_sources.empty();
  for (const auto& clause : restrictions) {
    add(clause.scope);
    if (clause.scope.empty()) all = true;
  }
  if (all) add(provider.scopes);
  return scopes;
}

std::vector<std::string> audiences_to_request(const token::Restrictions& restrictions) {
  std::vector<std::string> audiences;
  for (const auto& clause : restrictions) {
    for (const auto& audience : clause.audience) {
      if (std::find(audiences.begin(), audiences.end(), audience) == audiences.end())
        audiences.push_back(audience);
    }
  }
  return audiences;
}

// Anybody may start a login: what it stores is bounded by what a token could hold.
Error too_long() {
  return invalid_request("the request is too long: fewer or shorter restrictions are needed");
}

// What changes in a flow when its authorization request is made, and that request's URL.
struct Authorization {
  store::Consent consent;
  std::string url;
};

Task<Result<Authorization>> authorize(Context& context, oidc::Provider& provider,
                                      std::string flow_id, Secret flow_key, FlowRequest request,
                                      Secret browser) {
  const Secret state(base64url(random_bytes(32)));
  const Secret verifier(base64url(random_bytes(32)));
  const std::string nonce = base64url(random_bytes(32));
  oidc::AuthorizationRequest wanted;
  wanted.redirect_uri = base_url(context.settings) + "/redirect";
  wanted.state = state.reveal();
  wanted.nonce = nonce;
  wanted.code_challenge = base64url(crypto::sha256(verifier.reveal()));
  wanted.scopes = scopes_to_request(request.wish.restrictions, provider.settings());
  wanted.audiences = audiences_to_request(request.wish.restrictions);
  auto url = co_await provider.authorization_url(std::move(wanted));
  if (!url) co_return fail(to_error(url.error()));
  Authorization authorization;
  authorization.url = std::move(*url);
  authorization.consent.request = json::serialize(to_json(request));
  if (authorization.consent.request.size() > token::longest_token) co_return fail(too_long());
  authorization.consent.state_hash = crypto::sha256(state.reveal());
  authorization.consent.key_for_state =
      crypto::seal(flow_key.reveal(), state, "flow_state:" + flow_id);
  // The nonce travels with the verifier: both are needed once, by whoever has the state.
  json::object secrets;
  secrets["verifier"] = verifier.reveal();
  secrets["nonce"] = nonce;
  authorization.consent.sealed_secrets =
      crypto::seal(json::serialize(secrets), state, "flow_secrets:" + flow_id);
  authorization.consent.browser_hash = crypto::sha256(browser.reveal());
  co_return authorization;
}

// The checks that a request must pass at the start and again after the user edited it (oidc.md §§4,
// 8).
Result<void> check_wish(const Context& context, const oidc::Provider& provider, TokenWish& wish,
                        const std::string& client_address) {
  if (auto r = token::replace_this(wish.restrictions, client_address); !r) return r;
  token::remove_claims(wish.restrictions, context.settings.unsupported_restrictions);
  if (provider.settings().audience.mode == oidc::AudienceParameter::Mode::none &&
      !audiences_to_request(wish.restrictions).empty()) {
    return fail(invalid_request(
        "restrictions: 'audience' is not possible with this provider, which cannot be asked for "
        "access tokens of an audience"));
  }
  const auto expiry = token::expiry(wish.restrictions);
  if (expiry && *expiry < context.clock.now())
    return fail(invalid_request("token would already be expired"));
  return token::require_known(*wish.capabilities);
}

Task<Result<store::FlowRow>> pending_flow(Context& context, Secret consent_code) {
  const std::string hash = crypto::sha256(consent_code.reveal());
  auto work = [&hash](sql::Connection& db) { return store::flow_by_consent(db, hash); };
  auto flow = co_await context.database.read(work);
  if (!flow) co_return tl::unexpected(flow.error());
  const bool pending = *flow && (*flow)->expires_at >= context.clock.now() &&
                       ((*flow)->status == "started" || (*flow)->status == "consented");
  if (!pending) co_return fail(not_found("this login is unknown or expired; please start again"));
  co_return std::move(**flow);
}

}  // namespace

Error changed_meanwhile() {
  return {"conflict",
          409,
          "the request was changed meanwhile; please open the page again and look at it",
          {}};
}

Task<Result<LoginStart>> start_login(Context& context, LoginRequest request) {
  auto provider = context.providers.find(request.wish.oidc_issuer);
  if (!provider) co_return fail(invalid_request("The provided issuer is not supported"));
  FlowRequest flow_request;
  flow_request.wish = std::move(request.wish);
  TokenWish& wish = flow_request.wish;
  if (!wish.capabilities || wish.capabilities->empty())
    wish.capabilities = token::default_capabilities();
  for (auto& name : *wish.capabilities)
    name = token::modern_capability_name(name);
  wish.capabilities = token::without_duplicates(std::move(*wish.capabilities));
  flow_request.web = request.web || !context.settings.polling_codes;
  if (flow_request.web) {
    if (request.redirect_uri.empty()) {
      co_return fail(invalid_request("parameter redirect_uri must be given for client_type=web"));
    }
    if (!is_acceptable_redirect_uri(context.settings, request.redirect_uri)) {
      co_return fail(invalid_request(
          "parameter redirect_uri must be on this server or on one that it trusts"));
    }
    flow_request.redirect_uri = request.redirect_uri;
  }
  if (auto r = check_wish(context, *provider, wish, request.client.address); !r)
    co_return tl::unexpected(r.error());

  const Secret consent_code(random_text(consent_code_length, base62_letters));
  const Secret polling_code(flow_request.web ? std::string() : random_text(polling_code_length));
  const Secret flow_key(random_bytes(32));
  store::FlowRow flow;
  flow.id = random_bytes(16);
  flow.consent_hash = crypto::sha256(consent_code.reveal());
  flow.issuer = provider->settings().issuer;
  flow.request = json::serialize(to_json(flow_request));
  if (flow.request.size() > token::longest_token) co_return fail(too_long());
  flow.key_for_consent = crypto::seal(flow_key.reveal(), consent_code, "flow_consent:" + flow.id);
  if (!polling_code.empty()) {
    flow.polling_hash = crypto::sha256(polling_code.reveal());
    flow.key_for_polling = crypto::seal(flow_key.reveal(), polling_code, "flow_polling:" + flow.id);
  }
  flow.created = context.clock.now();
  flow.created_ip = request.client.address;
  flow.expires_at = flow.created + context.settings.flow_lifetime;

  LoginStart start;
  const bool trusted =
      flow_request.web && is_trusted_redirect_uri(context.settings, flow_request.redirect_uri);
  std::optional<store::Consent> consent;
  if (trusted) {
    start.browser = Secret(base64url(random_bytes(32)));
    auto authorization =
        co_await authorize(context, *provider, flow.id, flow_key, flow_request, start.browser);
    if (!authorization) co_return tl::unexpected(authorization.error());
    start.authorization_uri = std::move(authorization->url);
    consent = std::move(authorization->consent);
  } else {
    start.consent_uri = base_url(context.settings) + "/c/" + std::string(consent_code.reveal());
    start.polling_code = polling_code;
  }
  auto work = [&flow, &consent](sql::Transaction& db) -> Result<void> {
    if (auto r = store::add_flow(db, flow); !r) return r;
    if (!consent) return {};
    consent->former_request = flow.request;
    auto moved = store::consent_flow(db, flow.id, *consent);
    if (!moved) return tl::unexpected(moved.error());
    return {};
  };
  auto stored = co_await context.database.write(work);
  if (!stored) co_return tl::unexpected(stored.error());
  co_return start;
}

Task<Result<ConsentView>> consent_view(Context& context, Secret consent_code) {
  auto flow = co_await pending_flow(context, std::move(consent_code));
  if (!flow) co_return tl::unexpected(flow.error());
  auto request = parse_json(flow->request);
  if (!request || !request->is_object())
    co_return fail(internal_error("a stored login request is damaged"));
  ConsentView view;
  view.issuer = flow->issuer;
  if (auto provider = context.providers.find(flow->issuer)) {
    view.provider_name = provider->settings().name;
    view.provider_scopes = provider->settings().scopes;
  }
  view.request = std::move(request->as_object());
  view.created_ip = flow->created_ip;
  view.created = flow->created;
  view.expires_at = flow->expires_at;
  view.request_hash = crypto::sha256(flow->request);
  co_return view;
}

Task<Result<std::string>> accept_consent(Context& context, Secret consent_code, ConsentEdits edits,
                                         Secret browser) {
  auto flow = co_await pending_flow(context, consent_code);
  if (!flow) co_return tl::unexpected(flow.error());
  auto provider = context.providers.find(flow->issuer);
  if (!provider) co_return fail(invalid_request("The provided issuer is not supported"));
  if (!edits.oidc_issuer.empty() && context.providers.find(edits.oidc_issuer) != provider) {
    co_return fail(invalid_request(context.providers.find(edits.oidc_issuer)
                                       ? "oidc_issuer is not the one this login was started for"
                                       : "The provided issuer is not supported"));
  }
  // Whoever started the flow could change the request while the user reads it.
  if (edits.shown && !Secret::equal(*edits.shown, crypto::sha256(flow->request))) {
    co_return fail(changed_meanwhile());
  }
  auto request = parse_flow_request(flow->request);
  if (!request) co_return tl::unexpected(request.error());
  TokenWish& wish = request->wish;
  if (edits.restrictions) wish.restrictions = std::move(*edits.restrictions);
  if (edits.capabilities) {
    if (edits.capabilities->empty())
      co_return fail(invalid_request("at least one capability must be given"));
    wish.capabilities = token::without_duplicates(std::move(*edits.capabilities));
  }
  if (edits.name) wish.name = std::move(*edits.name);
  if (edits.has_rotation) wish.rotation = edits.rotation;
  if (edits.tags) wish.tags = std::move(*edits.tags);
  // `this` means whoever will use the token, which is who started the flow and not the browser.
  if (auto r = check_wish(context, *provider, wish, flow->created_ip); !r)
    co_return tl::unexpected(r.error());
  auto flow_key = crypto::open(flow->key_for_consent, consent_code, "flow_consent:" + flow->id);
  if (!flow_key) co_return tl::unexpected(flow_key.error());
  auto authorization = co_await authorize(context, *provider, flow->id, std::move(*flow_key),
                                          std::move(*request), std::move(browser));
  if (!authorization) co_return tl::unexpected(authorization.error());
  authorization->consent.former_request = flow->request;
  auto work = [&](sql::Transaction& db) {
    return store::consent_flow(db, flow->id, authorization->consent);
  };
  auto moved = co_await context.database.write(work);
  fault_point("after_consent_stored");
  if (!moved) co_return tl::unexpected(moved.error());
  if (!*moved) co_return fail(not_found("this login is finished; please start again"));
  co_return std::move(authorization->url);
}

Task<Result<std::string>> decline_consent(Context& context, Secret consent_code) {
  auto flow = co_await pending_flow(context, std::move(consent_code));
  if (!flow) co_return tl::unexpected(flow.error());
  auto request = parse_flow_request(flow->request);
  if (!request) co_return tl::unexpected(request.error());
  auto work = [&](sql::Transaction& db) {
    return store::move_flow(db, flow->id, flow->status, "declined");
  };
  auto moved = co_await context.database.write(work);
  if (!moved) co_return tl::unexpected(moved.error());
  if (!*moved) co_return fail(not_found("this login is finished; please start again"));
  if (request->web) co_return std::string("/");
  std::string url = "/native/abort";
  if (!request->wish.application_name.empty()) {
    url += "?application=" + percent_encode(request->wish.application_name);
  }
  co_return url;
}

namespace {

Error pending() {
  return {"authorization_pending", 428, "the user has not finished the login yet", {}};
}

// Rows of oidc.md §12 in their order; an error unless the result is there.
Result<void> require_finished(const std::optional<store::FlowRow>& flow, Time now) {
  if (!flow) return fail(unknown_code());
  if (flow->status == "declined") return fail(access_denied("user declined consent"));
  if (flow->status == "failed")
    return fail(access_denied(flow->error.value_or("the login failed")));
  if (flow->expires_at < now) return fail(expired_code());
  if (flow->status != "done" || !flow->mytoken_id || !flow->sealed_jwt || !flow->key_for_polling) {
    return fail(pending());
  }
  return {};
}

}  // namespace

Task<Result<json::object>> poll(Context& context, Secret polling_code, ClientInfo client) {
  const std::string hash = crypto::sha256(polling_code.reveal());
  auto look = [&hash](sql::Connection& db) { return store::flow_by_polling(db, hash); };
  auto flow = co_await context.database.read(look);
  if (!flow) co_return tl::unexpected(flow.error());
  if (auto r = require_finished(*flow, context.clock.now()); !r)
    co_return tl::unexpected(r.error());
  const store::FlowRow& row = **flow;
  auto request = parse_flow_request(row.request);
  if (!request) co_return tl::unexpected(request.error());
  auto flow_key = crypto::open(*row.key_for_polling, polling_code, "flow_polling:" + row.id);
  if (!flow_key) co_return tl::unexpected(flow_key.error());
  auto jwt = crypto::open(*row.sealed_jwt, *flow_key, "flow_result:" + row.id);
  if (!jwt) co_return tl::unexpected(jwt.error());
  auto claims = claims_of_stored_jwt(context, *jwt, *row.mytoken_id);
  if (!claims) co_return tl::unexpected(claims.error());
  const Delivery delivery = deliver(context, *row.mytoken_id, *jwt, request->wish.response_type,
                                    request->wish.max_token_len, row.key_for_purge);
  auto work = [&](sql::Transaction& db) -> Result<void> {
    auto taken = store::take_flow(db, row.id, "done");
    if (!taken) return tl::unexpected(taken.error());
    if (!*taken) return fail(unknown_code());
    if (auto r =
            store::add_event(db, context.clock, *row.mytoken_id, "transfer_code_used", "", client);
        !r)
      return r;
    if (!delivery.proxy) return {};
    if (auto r = store::add_proxy(db, *delivery.proxy); !r) return r;
    if (delivery.type != token::ResponseType::transfer_code) return {};
    return store::add_event(db, context.clock, *row.mytoken_id, "transfer_code_created",
                            "token type: token", client);
  };
  auto collected = co_await context.database.write(work);
  fault_point("after_result_collected");
  if (!collected) co_return tl::unexpected(collected.error());
  co_return mytoken_answer(context, *claims, *row.mytoken_id, delivery);
}

}  // namespace mytoken::service
