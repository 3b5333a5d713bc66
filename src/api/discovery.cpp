// The public documents, made once at the start; see discovery.h.
#include "api/discovery.h"

#include "base/encoding.h"
#include "crypto/hash.h"

namespace mytoken::api {
namespace {

// A document that never changes while the server runs: one shared body, an entity tag, five minutes
// in caches.
http::Handler fixed_document(const json::value& document, std::string_view cache_control) {
  auto body = std::make_shared<const std::string>(json::serialize(document));
  const std::string tag = '"' + hex(crypto::sha256(*body)).substr(0, 32) + '"';
  return [body, tag, cache_control = std::string(cache_control)](
             http::Request& request) -> Task<http::Response> {
    http::Response response;
    response.headers.set("ETag", tag);
    response.headers.set("Cache-Control", cache_control);
    if (request.headers.get("If-None-Match") == tag) {
      response.status = 304;
      co_return response;
    }
    response.headers.set("Content-Type", "application/json");
    response.shared = body;
    co_return response;
  };
}

}  // namespace

json::object configuration_document(const Api& api) {
  const service::Settings& settings = api.context.settings;
  const std::string base = service::base_url(settings);
  const std::string v0 = base + "/api/v0";
  json::object document;
  document["issuer"] = settings.issuer;
  document["access_token_endpoint"] = v0 + "/token/access";
  document["mytoken_endpoint"] = v0 + "/token/my";
  if (!api.settings.tokeninfo_actions.empty()) document["tokeninfo_endpoint"] = v0 + "/tokeninfo";
  if (api.settings.token_revocation) document["revocation_endpoint"] = v0 + "/token/revoke";
  document["usersettings_endpoint"] = v0 + "/settings";
  if (settings.representations.transfer_codes)
    document["token_transfer_endpoint"] = v0 + "/token/transfer";
  if (api.settings.server_profiles) document["profiles_endpoint"] = v0 + "/pt";
  document["jwks_uri"] = base + "/jwks";
  json::array providers;
  json::array scopes;
  for (const auto& provider : api.context.providers.all()) {
    json::object entry;
    entry["issuer"] = provider->settings().issuer;
    if (!provider->settings().name.empty()) entry["name"] = provider->settings().name;
    entry["scopes_supported"] = json::value_from(provider->settings().scopes);
    for (const auto& scope : provider->settings().scopes) {
      if (std::find(scopes.begin(), scopes.end(), json::value(scope)) == scopes.end())
        scopes.emplace_back(scope);
    }
    providers.push_back(std::move(entry));
  }
  document["providers_supported"] = std::move(providers);
  // oidc-agent of Debian 12 takes us for an ordinary provider and wants this (clients.md rule 5).
  document["scopes_supported"] = std::move(scopes);
  document["token_signing_alg_value"] = crypto::name(api.context.signing_key.algorithm());
  if (!api.settings.tokeninfo_actions.empty()) {
    document["tokeninfo_endpoint_actions_supported"] =
        json::value_from(api.settings.tokeninfo_actions);
  }
  document["access_token_endpoint_grant_types_supported"] = {"mytoken"};
  json::array grants = {"oidc_flow", "mytoken"};
  if (settings.representations.transfer_codes) grants.emplace_back("transfer_code");
  if (settings.polling_codes) grants.emplace_back("polling_code");
  document["mytoken_endpoint_grant_types_supported"] = std::move(grants);
  document["mytoken_endpoint_oidc_flows_supported"] = {"authorization_code"};
  json::array types = {"token"};
  if (settings.representations.short_tokens) types.emplace_back("short_token");
  if (settings.representations.transfer_codes) types.emplace_back("transfer_code");
  document["response_types_supported"] = std::move(types);
  document["token_endpoint"] = v0 + "/token/access";
  if (!api.settings.service_documentation.empty()) {
    document["service_documentation"] = api.settings.service_documentation;
  }
  json::array claims;
  for (const auto& claim : token::restriction_claims()) {
    const auto& off = settings.unsupported_restrictions;
    if (std::find(off.begin(), off.end(), claim) == off.end()) claims.emplace_back(claim);
  }
  document["restriction_claims_supported"] = std::move(claims);
  document["version"] = MYTOKEN_VERSION;
  return document;
}

void add_discovery_routes(http::Router& router, const Api& api) {
  constexpr std::string_view cacheable = "public, max-age=300";
  const http::Handler configuration = fixed_document(configuration_document(api), cacheable);
  router.add({"GET", "/.well-known/mytoken-configuration", configuration});
  router.add({"GET", "/.well-known/openid-configuration", configuration});
  router.add(
      {"GET", "/jwks", fixed_document(api.context.verification_keys.public_jwks(), cacheable)});
  router.add(
      {"GET", "/api/v0/capabilities", fixed_document(token::describe_capabilities(), "no-store")});
  // Clients read this before every command and stop without it (clients.md rules 1, 12).
  const std::string settings = service::base_url(api.context.settings) + "/api/v0/settings";
  json::object document;
  document["grant_type_endpoint"] = settings + "/grants";
  document["email_endpoint"] = settings + "/email";
  document["tags_endpoint"] = settings + "/tags";
  router.add({"GET", "/api/v0/settings", fixed_document(document, "no-store")});
}

}  // namespace mytoken::api
