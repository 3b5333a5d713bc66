// The v0 HTTP API (spec api.md): parse, call one use case, answer. One file per endpoint family;
// this is the table.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/group_passwords.h"
#include "http/router.h"
#include "service/context.h"
#include "service/issue.h"

namespace mytoken::api {

struct Settings {
  Seconds cookie_lifetime{604800};  // features.oidc_flows.authorization_code.web.cookie_lifetime
  bool secure_cookies = true;       // false for an http issuer
  bool token_revocation = true;     // features.token_revocation.enabled
  // features.tokeninfo.*: the actions that are switched on, in the order of the configuration
  // document; none: no endpoint.
  std::vector<std::string> tokeninfo_actions = {"introspect", "event_history", "subtokens",
                                                "list_mytokens", "notifications"};
  bool guest_mode = false;            // features.guest_mode.enabled
  Seconds guest_lifetime{86400};      // of a guest's mytokens at most; 0 = unlimited
  bool server_profiles = true;        // features.server_profiles.enabled
  TemplateGroups template_groups;     // features.server_profiles.groups
  std::string service_documentation;  // "" = not announced
};

// What handlers share. Outlives the router.
struct Api {
  service::Context& context;
  Settings settings;
  std::unique_ptr<GroupPasswords> group_passwords;
  // HTML of the page that asks a person about a sub-token (see consent.cpp); the pages' floor makes
  // it.
  std::function<std::string(const service::SubtokenPreview&)> consent_page;
};

// Adds every endpoint that is switched on. `api` outlives the router.
void add_routes(http::Router& router, const Api& api);

}  // namespace mytoken::api
