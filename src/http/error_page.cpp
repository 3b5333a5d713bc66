// The fallback page has no resources, so it works under any content security policy.
#include "http/error_page.h"

#include <algorithm>

#include "base/encoding.h"

namespace mytoken::http {
namespace {

std::string escaped(std::string_view text) {
  std::string html;
  html.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

}  // namespace

bool admits_html(std::string_view accept) {
  if (accept.empty()) return true;
  const std::string list = lower(accept);
  std::string_view rest = list;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    std::string range(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    std::erase_if(range, [](char c) { return c == ' ' || c == '\t'; });
    const std::string_view type = std::string_view(range).substr(0, range.find(';'));
    if (type != "text/html" && type != "text/*" && type != "*/*") continue;
    const std::size_t weight = range.find(";q=");
    if (weight == std::string::npos ||
        range.find_first_of("123456789", weight) != std::string::npos) {
      return true;
    }
  }
  return false;
}

std::string plain_error_page(int status, std::string_view heading, std::string_view text) {
  std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>";
  html.append(std::to_string(status)).append(" ").append(escaped(heading));
  html.append("</title></head>\n<body>\n<h1>").append(escaped(heading)).append("</h1>\n<p>");
  html.append(escaped(text)).append("</p>\n</body>\n</html>\n");
  return html;
}

}  // namespace mytoken::http
