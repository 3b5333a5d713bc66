// The consent page: what is asked, in words and in fields that can be changed (spec oidc.md §§7,
// 14, web.md S10, A7.3).
#pragma once
#include <optional>
#include <string>

#include "web/consent_form.h"
#include "web/web.h"

namespace mytoken::web {

// What the page is about.
struct ConsentSubject {
  std::string issuer;
  std::string provider_name;
  std::vector<std::string> provider_scopes;
  service::TokenWish asked;
  std::optional<token::Capabilities> grantable;  // nullopt: all
  std::vector<std::string> unsupported;          // restriction claims that are not offered
};

// Our own page, a plain form.
struct ConsentForm {
  const service::ConsentView& view;
  ConsentSubject subject;
  ConsentFields fields;
  Decision decision;              // of the fields; its errors are shown next to them
  std::string problem;            // shown at the top; "" = none
  bool shows_conditions = false;  // their fields are open from the start
  std::string csrf;
  std::string shown;  // digest of the request, sent back with the decision
};
std::string consent_page(const Settings& settings, const ConsentForm& form, Time now);

// Shows the page and takes the decision; `web` outlives the router.
void add_consent_routes(http::Router& router, const Web& web);

}  // namespace mytoken::web
