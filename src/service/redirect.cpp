// The provider sends the browser back (spec oidc.md §10): who may finish the flow, code exchange,
// identity, and the first mytoken of a family. A redirect is processed once: the flow moves to
// `exchanging` by compare-and-set.
#include <algorithm>
#include <exception>

#include "base/encoding.h"
#include "base/fault.h"
#include "base/random.h"
#include "crypto/envelope.h"
#include "crypto/hash.h"
#include "service/enforced.h"
#include "service/flow_request.h"
#include "service/login.h"
#include "service/mint.h"
#include "service/outbox.h"
#include "service/refresh.h"
#include "service/tags.h"
#include "store/flows.h"
#include "store/history.h"
#include "store/ids.h"
#include "store/proxies.h"
#include "store/refresh_tokens.h"
#include "token/tightening.h"

namespace mytoken::service {
namespace {

// Statuses of the page that are no errors of ours: 555 is what existing monitoring knows for "the
// provider said no".
constexpr int provider_said_no = 555;

Error page(int status, std::string code, std::string text, std::string cause = {}) {
  return {std::move(code), status, std::move(text), std::move(cause)};
}

// Another issuer is final; a provider that cannot be asked for its metadata just now is not.
Error issuer_problem(const Error& error) {
  return error.status >= 500 ? error : page(400, "invalid_request", error.description);
}

struct Exchange {
  Context& context;
  Redirect redirect;
  store::FlowRow flow;
  FlowRequest request;
  std::shared_ptr<oidc::Provider> provider;
  Secret flow_key;
  Secret verifier;
  std::string nonce;
  bool may_be_stored = false;  // a commit was asked for
  bool reduced = false;        // the user's claims allow less than was asked for
  bool forbidden = false;      // they allow no token
};

Task<Result<store::FlowRow>> flow_of_state(Context& context, std::string state) {
  const std::string hash = crypto::sha256(state);
  auto work = [&hash](sql::Connection& db) { return store::flow_by_state(db, hash); };
  auto flow = co_await context.database.read(work);
  if (!flow) co_return tl::unexpected(flow.error());
  if (!*flow || (*flow)->expires_at < context.clock.now() || (*flow)->status != "consented") {
    co_return fail(page(400, "invalid_request", "State mismatched"));
  }
  if (!(*flow)->key_for_state || !(*flow)->sealed_secrets)
    co_return fail(internal_error("a stored login is damaged"));
  co_return std::move(**flow);
}

// The browser that approved the login is the one that must come back, with good news or bad
// (oidc.md §13.3).
Result<void> require_browser(const Context& context, const store::FlowRow& flow,
                             const Secret& browser) {
  const bool bound = flow.browser_hash && !browser.empty() &&
                     Secret::equal(crypto::sha256(browser.reveal()), *flow.browser_hash);
  if (bound || context.settings.browser_binding == Settings::BrowserBinding::off) return {};
  context.log.warning("a login came back in another browser", {{"issuer", flow.issuer}});
  if (context.settings.browser_binding != Settings::BrowserBinding::strict) return {};
  return fail(page(400, "invalid_request",
                   "This login was approved in another browser. Please start again and stay in one "
                   "browser."));
}

// Text of the provider as it may be stored and shown: valid, short, without control characters.
std::string presentable(std::string text) {
  constexpr std::size_t longest = 500;
  if (!is_utf8(text)) return "the provider reported an error";
  if (text.size() > longest) {
    std::size_t end = longest;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u)
      --end;
    text.resize(end);
  }
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text;
}

// Moves the flow on; a database failure here only costs the poller the precise reason.
Task<void> leave_flow(Context& context, std::string flow_id, std::string from, std::string to,
                      std::optional<std::string> error) {
  auto work = [&](sql::Transaction& db) { return store::move_flow(db, flow_id, from, to, error); };
  auto moved = co_await context.database.write(work);
  if (!moved)
    context.log.warning("a login's end could not be noted", {{"problem", moved.error().cause}});
}

// The rows of a root token: user, refresh token, mytoken, the access token that came along.
Result<void> store_root(sql::Transaction& db, Exchange& exchange, const Minted& minted,
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
    if (!*finished) return fail(page(400, "invalid_request", "State mismatched"));
    return {};
  }
  auto taken = store::take_flow(db, exchange.flow.id, "exchanging");
  if (!taken) return tl::unexpected(taken.error());
  if (!*taken) return fail(page(400, "invalid_request", "State mismatched"));
  if (!cookie->proxy) return {};
  if (auto r = store::add_proxy(db, *cookie->proxy); !r) return r;
  if (cookie->type != token::ResponseType::transfer_code) return {};
  return store::add_event(db, context.clock, minted.id, "transfer_code_created",
                          "token type: token", exchange.redirect.client);
}

LoginEnd end_of(const Exchange& exchange, const std::optional<Delivery>& cookie) {
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

// From the provider's tokens to a stored mytoken.
Task<Result<LoginEnd>> make_root(Exchange& exchange, const oidc::TokenAnswer& answer,
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
    co_return fail(page(400, "invalid_request", "token would already be expired"));
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

Task<Result<LoginEnd>> identify_and_make(Exchange& exchange, const oidc::TokenAnswer& answer) {
  auto identity = co_await exchange.provider->identify(answer, exchange.nonce);
  if (!identity) {
    Error error = identity.error();
    error.status = provider_said_no;
    co_return fail(std::move(error));
  }
  co_return co_await make_root(exchange, answer, std::move(*identity));
}

// A refresh token that nobody holds must not live on at the provider: revoked now, or later if the
// provider does not listen now or this process ends.
Task<void> drop_refresh_token(Exchange& exchange, Secret refresh_token) {
  Context& context = exchange.context;
  if (!context.draining.load()) {
    if (co_await exchange.provider->revoke(refresh_token)) co_return;
  }
  auto work = [&](sql::Transaction& db) {
    return queue_revocation(db, context, exchange.flow.issuer, refresh_token);
  };
  auto queued = co_await context.database.write(work);
  if (!queued) {
    context.log.error("a refresh token nobody holds could not be revoked",
                      {{"issuer", exchange.flow.issuer}, {"problem", queued.error().cause}});
  }
}

// What the poller and the flow learn from a failed exchange: some failures may be tried again from
// the consent page.
bool may_be_retried(const Error& error) {
  return error.status == 502 || error.status == 503 || error.status == 500;
}

// True if a login that failed was not stored and cannot be any more: the flow decides, for storing
// it needs the status that is taken from it here. After a commit without a clear end the token may
// be handed out, and its refresh token must live.
Task<bool> is_withdrawn(Exchange& exchange) {
  if (!exchange.may_be_stored) co_return true;
  auto work = [&](sql::Transaction& db) {
    return store::move_flow(db, exchange.flow.id, "exchanging", "consented");
  };
  auto moved = co_await exchange.context.database.write(work);
  if (moved && *moved) co_return true;
  exchange.context.log.error(
      "it is not known whether a login was stored; its refresh token is not revoked",
      {{"issuer", exchange.flow.issuer}, {"problem", moved ? "" : moved.error().cause}});
  co_return false;
}

// Everything between the claim of the redirect and its end; the caller notes a failure in the flow.
Task<Result<LoginEnd>> exchange_code(Exchange& exchange) {
  Context& context = exchange.context;
  const Secret code(exchange.redirect.code);
  const std::string redirect_uri = base_url(context.settings) + "/redirect";
  auto answer = co_await exchange.provider->exchange_code(code, exchange.verifier, redirect_uri);
  fault_point("after_code_exchanged");
  if (!answer) {
    const auto& error = answer.error();
    context.log.warning("the provider did not exchange a code", {{"issuer", exchange.flow.issuer},
                                                                 {"status", error.status},
                                                                 {"error", error.error},
                                                                 {"cause", error.cause}});
    // The answer may have been useless and yet have made a refresh token.
    if (!error.refresh_token.empty()) co_await drop_refresh_token(exchange, error.refresh_token);
    if (error.kind == oidc::ProviderError::Kind::refused) {
      Error shown = to_error(error);
      shown.status = error.status >= 400 ? error.status : 400;
      co_return fail(std::move(shown));
    }
    co_return fail(page(502, "oidc_error", "the provider could not be reached; please try again",
                        error.cause));
  }
  if (answer->refresh_token.empty()) {
    co_return fail(page(provider_said_no, "oidc_error", "Did not receive a refresh token"));
  }
  Result<LoginEnd> end = tl::unexpected(Error{});
  std::exception_ptr problem;
  try {
    end = co_await identify_and_make(exchange, *answer);
  } catch (...) {
    problem = std::current_exception();
  }
  if (problem || !end) {
    if (!problem && !may_be_retried(end.error())) exchange.may_be_stored = false;  // rolled back
    if (co_await is_withdrawn(exchange))
      co_await drop_refresh_token(exchange, answer->refresh_token);
  }
  if (problem) std::rethrow_exception(problem);
  co_return end;
}

Task<Result<LoginEnd>> use_code(Exchange& exchange) {
  exchange.provider = exchange.context.providers.find(exchange.flow.issuer);
  if (!exchange.provider)
    co_return fail(page(400, "invalid_request", "The provided issuer is not supported"));
  const std::string iss = exchange.redirect.iss;
  auto issuer = co_await exchange.provider->check_redirect_issuer(iss);
  if (!issuer) co_return fail(issuer_problem(issuer.error()));
  co_return co_await exchange_code(exchange);
}

// The provider refused. A redirect that does not belong to a login of ours, or comes from another
// browser or provider, ends nothing.
Task<Result<LoginEnd>> finish_with_error(Context& context, Redirect redirect) {
  std::string text = redirect.error;
  if (!redirect.error_description.empty()) text += ": " + redirect.error_description;
  text = presentable(std::move(text));
  bool is_ours = false;  // without a flow the text is anybody's who made the link
  if (!redirect.state.empty()) {
    auto flow = co_await flow_of_state(context, redirect.state);
    if (flow) {
      if (auto r = require_browser(context, *flow, redirect.browser); !r)
        co_return tl::unexpected(r.error());
      if (auto provider = context.providers.find(flow->issuer)) {
        auto issuer = co_await provider->check_redirect_issuer(redirect.iss);
        if (!issuer) co_return fail(issuer_problem(issuer.error()));
      }
      is_ours = true;
      const bool denied = redirect.error == "access_denied";
      std::string reason = denied && !redirect.error_description.empty()
                               ? presentable(std::move(redirect.error_description))
                               : "oidc_error: " + text;
      co_await leave_flow(context, flow->id, "consented", "failed", std::move(reason));
    }
  }
  if (!is_ours) text = "the login failed; please start again";
  co_return fail(page(provider_said_no, "oidc_error", std::move(text)));
}

}  // namespace

Task<Result<LoginEnd>> finish_login(Context& context, Redirect redirect) {
  if (!redirect.error.empty()) co_return co_await finish_with_error(context, std::move(redirect));
  if (redirect.state.empty() || redirect.code.empty())
    co_return fail(page(400, "invalid_request", "State mismatched"));
  auto flow = co_await flow_of_state(context, redirect.state);
  if (!flow) co_return tl::unexpected(flow.error());
  if (auto r = require_browser(context, *flow, redirect.browser); !r)
    co_return tl::unexpected(r.error());
  auto request = parse_flow_request(flow->request);
  if (!request) co_return tl::unexpected(request.error());
  const Secret state(redirect.state);
  auto flow_key = crypto::open(*flow->key_for_state, state, "flow_state:" + flow->id);
  if (!flow_key) co_return tl::unexpected(flow_key.error());
  auto secrets = crypto::open(*flow->sealed_secrets, state, "flow_secrets:" + flow->id);
  if (!secrets) co_return tl::unexpected(secrets.error());
  auto parsed = parse_json(secrets->reveal());
  if (!parsed || !parsed->is_object())
    co_return fail(internal_error("a flow's secrets are damaged"));
  const std::string flow_id = flow->id;

  Exchange exchange{context,
                    std::move(redirect),
                    std::move(*flow),
                    std::move(*request),
                    {},
                    std::move(*flow_key),
                    Secret(std::string(string_member(parsed->as_object(), "verifier"))),
                    std::string(string_member(parsed->as_object(), "nonce"))};
  auto call = ProviderCall::begin(context);
  if (!call) co_return tl::unexpected(call.error());
  auto claim = [&](sql::Transaction& db) {
    return store::move_flow(db, flow_id, "consented", "exchanging");
  };
  auto claimed = co_await context.database.write(claim);
  fault_point("after_redirect_claimed");
  if (!claimed) co_return tl::unexpected(claimed.error());
  if (!*claimed) co_return fail(page(400, "invalid_request", "State mismatched"));

  Result<LoginEnd> end = fail(page(500, "internal_server_error", ""));
  std::exception_ptr problem;
  try {
    end = co_await use_code(exchange);
  } catch (...) {
    problem = std::current_exception();
  }
  if (!end) {
    const bool again = may_be_retried(end.error());
    std::optional<std::string> reason;
    if (!again) reason = end.error().description;
    co_await leave_flow(context, flow_id, "exchanging", again ? "consented" : "failed",
                        std::move(reason));
  }
  if (problem) std::rethrow_exception(problem);
  if (!end && exchange.forbidden) {
    LoginEnd refused;
    refused.help_html = exchange.provider->settings().enforced.help_html;
    refused.refusal = end.error();
    co_return refused;
  }
  co_return end;
}

}  // namespace mytoken::service
