// Pages for people: consent, the way back from the provider, the end of a native flow, errors (spec
// oidc.md §§7, 8, 10, 13; web.md). Rendered on the server, without script, escaped by the template
// engine.
#pragma once
#include <string>
#include <string_view>

#include "http/router.h"
#include "service/context.h"
#include "service/issue.h"

namespace mytoken::web {

struct Settings {
  std::string service_name;  // service_operator.name
  std::string contact;       // service_operator.mail_contact
  Seconds cookie_lifetime{604800};
  bool secure_cookies = true;  // false for an http issuer
};

struct Web {
  service::Context& context;
  Settings settings;
};

// `web` outlives the router.
void add_routes(http::Router& router, const Web& web);

// The page that POST /c answers with: for the web views of applications, complete in itself.
// `service`: the settings of the use cases.
std::string application_consent_page(const Settings& settings, const service::Settings& service,
                                     const service::SubtokenPreview& preview, Time now);

// HTML of an error page; for http::ServerSettings::error_page.
std::string error_page(const Settings& settings, int status, std::string_view heading,
                       std::string_view text);

}  // namespace mytoken::web
