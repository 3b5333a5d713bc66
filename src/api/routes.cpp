// The table of API endpoints. What is switched off is absent and answers 404 (spec api.md §1).
#include "api/api.h"
#include "api/discovery.h"
#include "api/endpoints.h"
#include "api/profiles.h"

namespace mytoken::api {

void add_routes(http::Router& router, const Api& api) {
  using Endpoint = Task<http::Response> (*)(const Api&, http::Request&);
  struct Entry {
    std::string_view method;
    std::string_view pattern;
    Endpoint endpoint;
    bool enabled;
  };
  const service::Settings& settings = api.context.settings;
  const Entry table[] = {
      {"POST", "/api/v0/token/my", token_my, true},
      {"POST", "/api/v0/token/my/tags", tag_token, true},
      {"DELETE", "/api/v0/token/my/tags", untag_token, true},
      {"POST", "/api/v0/token/access", token_access, true},
      {"POST", "/api/v0/token/transfer", token_transfer, settings.representations.transfer_codes},
      {"POST", "/api/v0/token/revoke", token_revoke, api.settings.token_revocation},
      {"POST", "/c", consent, true},
      {"POST", "/api/v0/tokeninfo", tokeninfo, !api.settings.tokeninfo_actions.empty()},
      {"GET", "/api/v0/guests/.well-known/openid-configuration", guest_configuration,
       api.settings.guest_mode},
      {"GET", "/api/v0/guests/auth", guest_authorization, api.settings.guest_mode},
      {"POST", "/api/v0/guests/token", guest_token, api.settings.guest_mode},
      {"GET", "/api/v0/settings/grants", list_grants, true},
      {"POST", "/api/v0/settings/grants", enable_grant, true},
      {"DELETE", "/api/v0/settings/grants", disable_grant, true},
      {"GET", "/api/v0/settings/tags", list_tags, true},
      {"POST", "/api/v0/settings/tags/{tag}", create_tag, true},
      {"PUT", "/api/v0/settings/tags/{tag}", change_tag, true},
      {"DELETE", "/api/v0/settings/tags/{tag}", delete_tag, true},
  };
  add_discovery_routes(router, api);
  add_profile_routes(router, api);
  for (const Entry& entry : table) {
    if (!entry.enabled) continue;
    router.add(
        {entry.method, entry.pattern, [&api, endpoint = entry.endpoint](http::Request& request) {
           return endpoint(api, request);
         }});
  }
}

}  // namespace mytoken::api
