// Sub-mytokens: fitting the wish into the parent, minting, storing; see issue.h.
#include "service/issue.h"

#include "base/fault.h"
#include "service/charge.h"
#include "service/mint.h"
#include "service/tags.h"
#include "store/history.h"
#include "store/listing.h"
#include "store/proxies.h"
#include "store/refresh_tokens.h"
#include "token/tightening.h"

namespace mytoken::service {
namespace {

// Generations below a root: a use may be charged to every one of them. What follows a chain upwards
// ends after 1000 (store/usages.h).
constexpr std::int64_t most_ancestors = 200;

// Result of fitting the wish into the parent (spec tokens.md §5.9, 5.12, 6.3).
struct Fitted {
  token::Restrictions restrictions;
  token::Capabilities capabilities;
  std::vector<std::string> parent_hashes;
};

Task<Result<Fitted>> fit(Context& context, const Authenticated& parent,
                         const oidc::Provider& provider, const SubtokenRequest& request) {
  TokenWish wish = request.wish;
  const bool error_on_restrictions = request.error_on_restrictions;
  const std::string& client_address = request.presentation.client.address;
  if (auto r = token::replace_this(wish.restrictions, client_address); !r)
    co_return tl::unexpected(r.error());
  token::Restrictions requested = wish.restrictions;
  token::remove_claims(requested, context.settings.unsupported_restrictions);
  if (error_on_restrictions && requested != wish.restrictions) {
    co_return fail(
        invalid_request("requested restrictions use keys that this server does not support"));
  }
  const token::Restrictions& parents = parent.claims().restrictions;
  auto names = co_await names_of(context, parent.claims().sub,
                                 token::addresses_needing_names(parents, requested),
                                 request.charge_look_ups);
  if (!names) co_return tl::unexpected(names.error());
  token::Tightened tightened = token::tighten(
      parents, requested, [&names](const std::string& address) { return (*names)[address]; });
  if (error_on_restrictions && !tightened.ok) {
    co_return fail(
        invalid_request("requested restrictions are not subset of original restrictions"));
  }
  Fitted fitted;
  fitted.restrictions = token::with_maximum_lifetime(tightened.restrictions, context.clock.now(),
                                                     provider.settings().mytokens_max_lifetime);
  if (error_on_restrictions && !requested.empty() &&
      fitted.restrictions != tightened.restrictions) {
    co_return fail(
        invalid_request("requested restrictions do not respect maximum mytoken lifetime"));
  }
  const auto expiry = token::expiry(fitted.restrictions);
  if (expiry && *expiry < context.clock.now()) {
    co_return fail(invalid_request("token would already be expired"));
  }
  for (const std::size_t index : tightened.parents)
    fitted.parent_hashes.push_back(token::clause_hash(parents[index]));
  auto capabilities = token::tighten(parent.claims().capabilities, wish.capabilities);
  if (!capabilities) co_return tl::unexpected(capabilities.error());
  fitted.capabilities = std::move(*capabilities);
  co_return fitted;
}

// What a parent permits of a request, and what the network knows about the client.
struct Permitted {
  token::ClientFacts facts;
  std::shared_ptr<oidc::Provider> provider;
  Fitted fitted;
};

// Checks 6 to 8 of api.md §2.4 without charging, and the fitting.
Task<Result<Permitted>> permit(Context& context, const Authenticated& parent,
                               const SubtokenRequest& request) {
  if (auto r = require_capability(parent, "create_mytoken"); !r)
    co_return tl::unexpected(r.error());
  const std::string address = request.presentation.client.address;
  Permitted permitted;
  permitted.facts = co_await client_facts(context, parent.claims().restrictions, address);
  if (auto r = require_clause(context, parent, token::UseRequest{}, permitted.facts); !r)
    co_return tl::unexpected(r.error());
  auto provider = require_issuer(context, parent, request.wish.oidc_issuer);
  if (!provider) co_return tl::unexpected(provider.error());
  permitted.provider = std::move(*provider);
  if (!parent.state.refresh_token_id) {
    Error error = invalid_token("No refresh token attached");
    error.status = 400;
    co_return fail(std::move(error));
  }
  auto fitted = co_await fit(context, parent, *permitted.provider, request);
  if (!fitted) co_return tl::unexpected(fitted.error());
  permitted.fitted = std::move(*fitted);
  co_return permitted;
}

}  // namespace

Task<Result<IssueAnswer>> make_subtoken(Context& context, SubtokenRequest request) {
  auto admission = co_await admit(context, request.presentation, request.request_hash);
  if (!admission) co_return tl::unexpected(admission.error());
  if (admission->earlier_answer) {
    auto earlier =
        co_await earlier_answer(context, *admission, request.presentation.client.address);
    if (!earlier) co_return tl::unexpected(earlier.error());
    IssueAnswer answer{std::move(earlier->body), std::move(earlier->rotated)};
    co_return answer;
  }
  const Authenticated parent = std::move(admission->token);
  const ClientInfo client = request.presentation.client;
  auto permitted = co_await permit(context, parent, request);
  if (!permitted) co_return tl::unexpected(permitted.error());
  const token::UseRequest use;
  const token::ClientFacts& facts = permitted->facts;
  const Fitted* fitted = &permitted->fitted;

  auto key = family_key(parent);
  if (!key) co_return tl::unexpected(key.error());
  MintRequest wanted;
  wanted.oidc_sub = parent.claims().oidc_sub;
  wanted.oidc_iss = parent.claims().oidc_iss;
  wanted.name = request.wish.name;
  wanted.capabilities = fitted->capabilities;
  wanted.restrictions = fitted->restrictions;
  wanted.rotation = request.wish.rotation;
  wanted.auth_time = parent.claims().auth_time;
  auto child = mint(context, wanted, *key);
  if (!child) co_return tl::unexpected(child.error());
  const Delivery delivery = deliver(context, child->id, child->jwt, request.wish.response_type,
                                    request.wish.max_token_len, child->key_for_purge);
  auto next = successor(context, parent, token::Use::other, *key);
  if (!next) co_return tl::unexpected(next.error());

  IssueAnswer answer;
  answer.body = mytoken_answer(context, child->claims, child->id, delivery);
  if (*next) {
    answer.rotated = (*next)->delivery.text;
    answer.body["token_update"] = (*next)->update;
  }
  const std::string body = *next ? json::serialize(answer.body) : std::string();
  const Parentage parentage{parent.state.id, fitted->parent_hashes};
  auto work = [&](sql::Transaction& db) -> Result<void> {
    if (auto r = store::lock_refresh_token(db, *parent.state.refresh_token_id); !r) return r;
    if (auto r = require_current(db, parent); !r) return r;
    auto charge = charge_clause(db, context, parent, use, facts);
    if (!charge) return tl::unexpected(charge.error());
    auto depth = store::depth_of(db, parent.state.id, most_ancestors);
    if (!depth) return tl::unexpected(depth.error());
    if (*depth + 1 >= most_ancestors)
      return fail(invalid_request("the chain of mytokens made from each other is too long"));
    if (*next) {
      if (auto r = store_successor(db, context, parent, **next, request.request_hash, body, client);
          !r)
        return r;
    }
    if (auto r =
            store_minted(db, context, *child, parent.state.user_id, parent.state.refresh_token_id,
                         parentage, "Used grant_type mytoken", client);
        !r) {
      return r;
    }
    if (auto r =
            set_first_tags(db, parent.state.user_id, child->id, parent.state.id, request.wish.tags);
        !r)
      return r;
    if (auto r = store::add_event(db, context.clock, child->id, "inherited_RT",
                                  "Got RT from parent", client);
        !r) {
      return r;
    }
    const std::string comment =
        request.wish.name.empty() ? "Created MT" : "Created MT " + request.wish.name;
    if (auto r =
            store::add_event(db, context.clock, parent.state.id, "MT_created", comment, client);
        !r)
      return r;
    if (!delivery.proxy) return {};
    if (auto r = store::add_proxy(db, *delivery.proxy); !r) return r;
    if (delivery.type != token::ResponseType::transfer_code) return {};
    return store::add_event(db, context.clock, child->id, "transfer_code_created",
                            "token type: token", client);
  };
  fault_point("before_subtoken_stored");
  auto stored = co_await context.database.write(work);
  fault_point("after_subtoken_stored");
  if (!stored && stored.error().code == "sql_unmet") stored = fail(not_current());
  if (!stored && *next && is_not_current(stored.error())) {
    auto earlier = co_await answer_of_overtaker(context, parent, client, request.request_hash);
    if (!earlier) co_return tl::unexpected(earlier.error());
    IssueAnswer repeated;
    repeated.body = std::move(earlier->body);
    repeated.rotated = std::move(earlier->rotated);
    co_return repeated;
  }
  if (!stored) co_return tl::unexpected(stored.error());
  co_return answer;
}

Task<Result<SubtokenPreview>> preview_subtoken(Context& context, SubtokenRequest request) {
  auto admission = co_await admit(context, request.presentation, {});
  if (!admission) co_return tl::unexpected(admission.error());
  const Authenticated& parent = admission->token;
  auto permitted = co_await permit(context, parent, request);
  if (!permitted) co_return tl::unexpected(permitted.error());
  SubtokenPreview preview;
  preview.issuer = permitted->provider->settings().issuer;
  preview.provider_name = permitted->provider->settings().name;
  preview.provider_scopes = permitted->provider->settings().scopes;
  preview.wish = std::move(request.wish);
  preview.wish.restrictions = std::move(permitted->fitted.restrictions);
  preview.wish.capabilities = std::move(permitted->fitted.capabilities);
  preview.grantable = parent.claims().capabilities;
  co_return preview;
}

}  // namespace mytoken::service
