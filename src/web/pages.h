// The texts of the pages: mustache templates with escaping on, one layout, no script, one style
// sheet.
#pragma once
#include <kainjow/mustache.hpp>
#include <string>
#include <string_view>

#include "web/web.h"

namespace mytoken::web {

// A template with its data, escaped so that no two braces of a value stand side by side.
std::string render(std::string_view text, const kainjow::mustache::data& data);
std::string in_layout(const Settings& settings, std::string_view title, std::string body,
                      const std::string& refresh = {});
// What the service is called in headings.
std::string service_name(const Settings& settings);

// A heading and a sentence. `text` may be empty.
std::string message_page(const Settings& settings, std::string_view title, std::string_view heading,
                         std::string_view text);

// The same with HTML of the operator's configuration below ("" = none) and a way on ("" = none).
std::string help_page(const Settings& settings, std::string_view heading, std::string_view text,
                      const std::string& help_html, const std::string& url);

// Sends the browser on to `url` by itself, and by a link where it does not.
std::string onward_page(const Settings& settings, const std::string& url);

// The style sheet served as /static/mytoken.css.
std::string_view style_sheet();

}  // namespace mytoken::web
