// The texts of the pages: mustache templates with escaping on, one layout, no script, one style
// sheet.
#pragma once
#include <string>
#include <string_view>

#include "service/login.h"
#include "web/web.h"

namespace mytoken::web {

// A heading and a sentence. `text` may be empty.
std::string message_page(const Settings& settings, std::string_view title, std::string_view heading,
                         std::string_view text);

struct ConsentForm {
  const service::ConsentView& view;
  std::string action;  // URL the form is sent to
  std::string csrf;
  std::string shown;  // digest of the request, sent back with the decision
};
std::string consent_page(const Settings& settings, const ConsentForm& form);

// Sends the browser on to `url` by itself, and by a link where it does not.
std::string onward_page(const Settings& settings, const std::string& url);

// The style sheet served as /static/mytoken.css.
std::string_view style_sheet();

}  // namespace mytoken::web
