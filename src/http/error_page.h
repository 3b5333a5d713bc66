// What people see of errors on paths of pages, and when they see it rather than JSON (spec api.md
// §§2.1, 2.8).
#pragma once
#include <string>
#include <string_view>

namespace mytoken::http {

// True if the Accept header admits text/html: missing, or one of */*, text/*, text/html without
// q=0.
bool admits_html(std::string_view accept);

// A page without style, for servers that bring no page of their own. Texts are escaped here.
std::string plain_error_page(int status, std::string_view heading, std::string_view text);

}  // namespace mytoken::http
