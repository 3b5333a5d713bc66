// The provider sends the browser back (spec oidc.md §10): who may finish the flow, code exchange,
// identity; what is made of them is in first_mytoken.h. A redirect is processed once: the flow
// moves to `exchanging` by compare-and-set.
#include <algorithm>
#include <exception>

#include "base/encoding.h"
#include "base/fault.h"
#include "crypto/envelope.h"
#include "crypto/hash.h"
#include "service/first_mytoken.h"
#include "service/outbox.h"

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

Task<Result<LoginEnd>> identify_and_make(LoginExchange& exchange, const oidc::TokenAnswer& answer) {
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
Task<void> drop_refresh_token(LoginExchange& exchange, Secret refresh_token) {
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
Task<bool> is_withdrawn(LoginExchange& exchange) {
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
Task<Result<LoginEnd>> exchange_code(LoginExchange& exchange) {
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

Task<Result<LoginEnd>> use_code(LoginExchange& exchange) {
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

  LoginExchange exchange{context,
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
