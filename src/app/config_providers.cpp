// Section `providers` of the configuration (spec oidc.md §§1.1, 1.4, 1.6, 19.2).
#include <boost/url.hpp>
#include <set>

#include "app/config.h"
#include "app/config_values.h"
#include "base/json.h"
#include "net/address.h"

namespace mytoken::app {
namespace {

using oidc::ProviderSettings;

std::string without_slash(std::string issuer) {
  if (issuer.ends_with('/')) issuer.pop_back();
  return issuer;
}

// https, or http on this machine: the rule of oidc.md §1.2 for all addresses of a provider.
bool is_provider_address(const std::string& text) {
  const auto url = boost::urls::parse_uri(text);
  if (!url || url->encoded_host().empty() || url->has_userinfo() || url->has_fragment())
    return false;
  if (url->scheme_id() == boost::urls::scheme::https) return true;
  const std::string host(url->encoded_host_address());
  return url->scheme_id() == boost::urls::scheme::http &&
         (host == "localhost" || host == "::1" ||
          (host.starts_with("127.") && net::canonical_address(host)));
}

// What is configured wins over what is known of the provider, also where it says the general
// default.
void read_audience(Values& values, oidc::AudienceParameter& audience) {
  if (!values.has("audience")) return;
  audience = {};
  const bool has_others =
      values.has("audience.request_parameter") || values.has("audience.space_separate_auds");
  if (values.boolean("audience.use_rfc8707", true)) {
    if (has_others) {
      values.warning(
          "audience",
          "request_parameter and space_separate_auds only count with use_rfc8707: false");
    }
    return;
  }
  audience.mode = oidc::AudienceParameter::Mode::parameter;
  audience.name = values.text("audience.request_parameter");
  if (audience.name.empty()) audience.name = "resource";
  audience.space_separated = values.boolean("audience.space_separate_auds", false);
}

void read_quirks(Values& values, ProviderSettings& settings) {
  if (values.has("quirks.offline_access")) {
    constexpr const char* offline[] = {"scope", "access_type", "none"};
    settings.offline_access =
        offline[values.choice("quirks.offline_access", 0, {"scope", "access_type", "none"})];
  }
  settings.prompt = values.text("quirks.prompt", settings.prompt);
  if (values.has("quirks.refresh_offline_access")) {
    settings.refresh_offline_access = static_cast<ProviderSettings::OfflineOnRefresh>(
        values.choice("quirks.refresh_offline_access", 0, {"auto", "yes", "no"}));
  }
  if (values.has("quirks.token_auth_method")) {
    settings.authentication = static_cast<oidc::ClientAuthentication>(values.choice(
        "quirks.token_auth_method", 0, {"auto", "client_secret_basic", "client_secret_post"}));
  }
  settings.rotating_refresh_tokens =
      values.boolean("quirks.rotating_refresh_tokens", settings.rotating_refresh_tokens);
  if (values.has("quirks.extra_auth_params"))
    settings.extra_auth_params = values.pairs("quirks.extra_auth_params");
  if (values.has("quirks.extra_refresh_params"))
    settings.extra_refresh_params = values.pairs("quirks.extra_refresh_params");
  if (values.has("quirks.rt_invalid_errors"))
    settings.rt_invalid_errors = values.texts("quirks.rt_invalid_errors");
  // Id tokens of configured providers are always checked.
  values.choice("quirks.id_token_validation", 0, {"strict"});
}

// Names of templates can be looked up when they are needed only; JSON is checked here.
void check_template(Values& values, std::string_view key, const std::string& text) {
  if (!text.starts_with('{') && !text.starts_with('[')) return;
  if (!parse_json(text)) values.error(key, "is neither the name of a template nor valid JSON");
}

// Ignoring any of it would give every user of the provider what the operator wanted to give to
// some.
void read_enforced(Values& values, oidc::EnforcedRestrictions& enforced) {
  constexpr std::string_view sources = "enforced_restrictions.claim_sources";
  constexpr std::string_view mapping = "enforced_restrictions.mapping";
  constexpr std::string_view otherwise = "enforced_restrictions.default_template";
  constexpr std::string_view help_file = "enforced_restrictions.help_html_file";
  enforced.claim_sources = values.pairs(sources);
  enforced.mapping = values.pairs(mapping);
  enforced.default_template = values.text(otherwise);
  enforced.forbid_on_default = values.boolean("enforced_restrictions.forbid_on_default", false);
  enforced.help_html = values.text("enforced_restrictions.help_html");
  if (const std::string file = values.text(help_file); !file.empty()) {
    if (auto text = read_text_file(file)) {
      enforced.help_html = std::move(*text);
    } else {
      values.error(help_file, text.error().cause);
    }
  }
  const bool has_rules =
      !enforced.mapping.empty() || !enforced.default_template.empty() || enforced.forbid_on_default;
  if (enforced.claim_sources.empty() && has_rules)
    values.error(sources, "missing; name where the users' claims are found, like {op: groups}");
  for (const auto& [source, claim] : enforced.claim_sources) {
    const bool own =
        source == "op" || source == "issuer" || source == "default" || source == "userinfo";
    if (!own && !is_provider_address(source)) {
      values.error(sources,
                   "must name op, userinfo or https addresses (http only on this machine)");
    }
    if (claim.empty()) values.error(sources, "each source needs the name of a claim");
  }
  for (const auto& [value, name] : enforced.mapping)
    check_template(values, mapping, name);
  check_template(values, otherwise, enforced.default_template);
  if (!enforced.mapping.empty() && enforced.default_template.empty() &&
      !enforced.forbid_on_default) {
    values.warning(otherwise,
                   "empty: users without any value of the mapping are not restricted at all");
  }
}

ProviderSettings read_provider(Values& values) {
  ProviderSettings settings;
  settings.issuer = values.required("issuer", "give the provider's issuer address");
  if (!settings.issuer.empty() && !is_provider_address(settings.issuer)) {
    values.error("issuer", "must be an https address (http only on this machine)");
  }
  settings = oidc::with_builtin_quirks(std::move(settings));
  settings.name = values.text("name");
  settings.client_id = values.required("client_id", "register a client at the provider");
  settings.client_secret = Secret(
      values.required("client_secret", "copy it from the provider, or use client_secret_file"));
  settings.scopes = values.texts("scopes");
  if (settings.scopes.empty())
    values.error("scopes", "missing; list the scopes that the client may ask for");
  settings.mytokens_max_lifetime = values.duration("mytokens_max_lifetime", Seconds(0), Seconds(0),
                                                   Seconds(std::int64_t{100} * 365 * 86400));
  read_audience(values, settings.audience);
  read_quirks(values, settings);
  read_enforced(values, settings.enforced);
  return settings;
}

}  // namespace

void read_providers(Values& values, bool none_is_fine, std::vector<ProviderSettings>& providers) {
  const Node* list = values.find("providers");
  if (!list || list->items.empty()) {
    if (none_is_fine) return;
    values.error("providers",
                 "there is none; add an entry with issuer, client_id, client_secret and scopes");
    return;
  }
  std::set<std::string> issuers;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    Values entry = values.entry("providers", i);
    providers.push_back(read_provider(entry));
    if (!issuers.insert(without_slash(providers.back().issuer)).second) {
      entry.error("issuer", "the same provider is listed before; remove one of the entries");
    }
  }
}

}  // namespace mytoken::app
