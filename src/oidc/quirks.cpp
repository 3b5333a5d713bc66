// What is known of widely used providers (spec oidc.md §19.2), by the host of the issuer. A setting
// counts as configured if it differs from the default.
#include <boost/url.hpp>

#include "base/encoding.h"
#include "oidc/provider.h"

namespace mytoken::oidc {

namespace {

using OfflineOnRefresh = ProviderSettings::OfflineOnRefresh;

template <class T>
void fill(T& setting, const T& unconfigured, T value) {
  if (setting == unconfigured) setting = std::move(value);
}

void fill_audience(ProviderSettings& settings, AudienceParameter parameter) {
  const AudienceParameter unconfigured;
  const AudienceParameter& given = settings.audience;
  if (given.mode == unconfigured.mode && given.name == unconfigured.name &&
      given.space_separated == unconfigured.space_separated) {
    settings.audience = std::move(parameter);
  }
}

bool is_iam(std::string_view host) {
  return host.starts_with("iam.") || host.starts_with("iam-") ||
         host.ends_with(".cloud.cnaf.infn.it");
}

}  // namespace

ProviderSettings with_builtin_quirks(ProviderSettings settings) {
  const auto url = boost::urls::parse_uri(settings.issuer);
  if (!url) return settings;
  const std::string host = lower(std::string(url->encoded_host()));
  const std::string path(url->encoded_path());
  const ProviderSettings defaults;
  const AudienceParameter no_audience{AudienceParameter::Mode::none, "resource", false};

  if (path.find("/realms/") != std::string::npos) {  // Keycloak, EGI Check-in
    fill(settings.refresh_offline_access, defaults.refresh_offline_access, OfflineOnRefresh::yes);
    fill_audience(settings, no_audience);
  } else if (is_iam(host)) {
    fill(settings.refresh_offline_access, defaults.refresh_offline_access, OfflineOnRefresh::yes);
    fill_audience(settings, {AudienceParameter::Mode::parameter, "audience", true});
  } else if (host.ends_with("helmholtz.de") && path.starts_with("/oauth2")) {  // Unity
    fill(settings.extra_auth_params, defaults.extra_auth_params,
         {{"claims_in_tokens", "id_token"}});
    fill(settings.rt_invalid_errors, defaults.rt_invalid_errors,
         {"invalid_grant", "invalid_request"});
    fill(settings.rotating_refresh_tokens, defaults.rotating_refresh_tokens, false);
  } else if (host == "accounts.google.com") {
    fill(settings.offline_access, defaults.offline_access, std::string("access_type"));
    fill(settings.refresh_offline_access, defaults.refresh_offline_access, OfflineOnRefresh::no);
    fill(settings.rotating_refresh_tokens, defaults.rotating_refresh_tokens, false);
    fill_audience(settings, no_audience);
  } else if (host == "orcid.org" || host.ends_with(".orcid.org")) {
    fill(settings.offline_access, defaults.offline_access, std::string("none"));
    fill(settings.prompt, defaults.prompt, std::string());
    fill(settings.authentication, defaults.authentication, ClientAuthentication::post);
    // Without it a refresh revokes the tokens handed out before.
    fill(settings.extra_refresh_params, defaults.extra_refresh_params, {{"revoke_old", "false"}});
    fill_audience(settings, no_audience);
  } else if (host == "login.microsoftonline.com") {
    fill(settings.refresh_offline_access, defaults.refresh_offline_access, OfflineOnRefresh::yes);
    fill(settings.rotating_refresh_tokens, defaults.rotating_refresh_tokens, false);
    fill_audience(settings, no_audience);
  }
  return settings;
}

}  // namespace mytoken::oidc
