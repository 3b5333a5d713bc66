// From claims to a template, from the template to restrictions; see enforced.h.
// Everything that goes wrong on the way refuses the login: a template that is
// left out would widen the token.
#include "service/enforced.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "base/encoding.h"
#include "crypto/hash.h"
#include "service/templates.h"
#include "token/keeping.h"
#include "token/tightening.h"

namespace mytoken::service {
namespace {

constexpr int provider_said_no = 555;
// For all sources together, part of longest_exchange.
constexpr std::chrono::seconds longest_look_up{10};

// The values to be compared with the mapping. nullopt: neither a text nor a
// list of texts.
std::optional<std::vector<std::string>> texts_of(const json::value& claim) {
  std::vector<std::string> texts;
  if (const json::string* text = claim.if_string()) {
    texts.emplace_back(*text);
    return texts;
  }
  if (!claim.is_array()) return std::nullopt;
  for (const json::value& entry : claim.get_array()) {
    if (!entry.is_string()) return std::nullopt;
    texts.emplace_back(entry.get_string());
  }
  return texts;
}

Result<std::string> default_of(const oidc::EnforcedRestrictions& enforced) {
  if (!enforced.forbid_on_default) return enforced.default_template;
  return fail(access_denied("you do not have the required attributes to use this service", 403));
}

// The first entry of the mapping, in the operator's order, that the user has.
Result<std::string> chosen(const oidc::EnforcedRestrictions& enforced, const json::value& claim) {
  const auto texts = texts_of(claim);
  if (!texts) {
    return fail(oidc_error(provider_said_no,
                           "invalid_claim_source_response: cannot understand claim type"));
  }
  for (const auto& [value, name] : enforced.mapping) {
    if (std::find(texts->begin(), texts->end(), value) != texts->end()) return name;
  }
  return default_of(enforced);
}

Error unusable(const std::string& name, const Error& reason) {
  return internal_error(
      "the enforced restrictions \"" + name.substr(0, 200) +
      "\" cannot be used: " + (reason.description.empty() ? reason.cause : reason.description));
}

Task<Result<token::Restrictions>> restrictions_of(Context& context, std::string name,
                                                  std::string client_address) {
  json::value value = json::string(name);
  if (name.starts_with('{') || name.starts_with('[')) {
    auto parsed = parse_json(name);
    if (!parsed) co_return fail(unusable(name, parsed.error()));
    value = std::move(*parsed);
  }
  auto restrictions = co_await resolve_restrictions(context, std::move(value));
  if (!restrictions) co_return fail(unusable(name, restrictions.error()));
  if (auto r = token::replace_this(*restrictions, client_address); !r)
    co_return fail(unusable(name, r.error()));
  token::remove_claims(*restrictions, context.settings.unsupported_restrictions);
  const bool limits =
      !restrictions->empty() && std::none_of(restrictions->begin(), restrictions->end(),
                                             [](const auto& clause) { return clause.empty(); });
  if (!limits) co_return fail(unusable(name, internal_error("it restricts nothing")));
  co_return restrictions;
}

Task<Result<Enforced>> fitted(Context& context, token::Restrictions enforced,
                              token::Restrictions requested, std::string user) {
  auto names = co_await names_of(context, std::move(user),
                                 token::addresses_needing_names(enforced, requested));
  if (!names) co_return tl::unexpected(names.error());
  const auto of_address = [&names](const std::string& address) { return (*names)[address]; };
  auto tightened = token::tighten(enforced, requested, of_address);
  Enforced result{std::move(tightened.restrictions), !tightened.ok};
  if (result.reduced && result.restrictions == enforced) {  // nothing that was asked for fits
    result.restrictions = token::keeping_limits(std::move(enforced), requested, of_address);
    if (result.restrictions.empty()) {
      co_return fail(access_denied(
          "nothing of what was asked for is allowed to you; please ask for other hosts", 403));
    }
  }
  co_return result;
}

// The claim from the first source that has it; null: none has. A source that does not answer ends
// the login, for what it would have said may be stricter than what comes after it.
Task<Result<json::value>> claim_of(Context& context, oidc::Provider& provider,
                                   const oidc::TokenAnswer& answer,
                                   const oidc::Identity& identity) {
  const auto end = std::chrono::steady_clock::now() + longest_look_up;
  for (const auto& [source, name] : provider.settings().enforced.claim_sources) {
    const auto left = end - std::chrono::steady_clock::now();
    std::optional<json::value> claim;
    if (left > std::chrono::milliseconds(1)) {
      claim = co_await provider.claim(answer, identity, source, name,
                                      std::chrono::duration_cast<std::chrono::milliseconds>(left));
    }
    if (!claim) {
      context.log.warning("a source of claims did not answer",
                          {{"issuer", provider.settings().issuer}, {"source", source}});
      Error silent = unavailable("a source of claims did not answer", Seconds(30));
      silent.description =
          "what your provider says about you could not be found out; please try again later";
      co_return fail(std::move(silent));
    }
    if (!claim->is_null()) co_return std::move(*claim);
  }
  co_return json::value();
}

constexpr std::string_view reduced_path = "/reduced";

std::string signature(const Context& context, std::string_view issuer, std::string_view to) {
  const std::string text = "reduced\n" + std::string(issuer) + "\n" + std::string(to);
  return base64url(crypto::hmac_sha256(context.installation_secret.reveal(), text));
}

}  // namespace

Task<Result<Enforced>> enforce(Context& context, oidc::Provider& provider,
                               const oidc::TokenAnswer& answer, const oidc::Identity& identity,
                               token::Restrictions requested, std::string client_address) {
  const oidc::EnforcedRestrictions& enforced = provider.settings().enforced;
  Enforced as_requested{std::move(requested), false};
  if (enforced.claim_sources.empty()) co_return as_requested;
  const auto claim = co_await claim_of(context, provider, answer, identity);
  if (!claim) co_return fail(claim.error());
  const Result<std::string> name =
      claim->is_null() ? default_of(enforced) : chosen(enforced, *claim);
  if (!name) co_return fail(name.error());
  if (name->empty()) co_return as_requested;
  auto restrictions = co_await restrictions_of(context, *name, std::move(client_address));
  if (!restrictions) co_return fail(restrictions.error());
  co_return co_await fitted(context, std::move(*restrictions), std::move(as_requested.restrictions),
                            token::subject(identity.subject, provider.settings().issuer));
}

std::string by_way_of_help(const Context& context, const oidc::ProviderSettings& provider,
                           std::string location) {
  const std::string own = base_url(context.settings);
  const bool asks_for_consent = location.starts_with("/c/") || location.starts_with(own + "/c/");
  if (provider.enforced.help_html.empty() || asks_for_consent) return location;
  return std::string(reduced_path) + "?issuer=" + percent_encode(provider.issuer) +
         "&to=" + percent_encode(location) +
         "&sig=" + signature(context, provider.issuer, location);
}

bool is_way_of_help(const Context& context, const std::string& issuer, const std::string& to,
                    const std::string& sig) {
  return Secret::equal(signature(context, issuer, to), sig);
}

}  // namespace mytoken::service
