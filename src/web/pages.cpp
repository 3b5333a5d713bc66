// The layout around every page, and the pages without fields; see pages.h.
#include "web/pages.h"

#include "web/templates.h"
#include "web/web.h"

namespace mytoken::web {
namespace {

namespace mustache = kainjow::mustache;

std::string escaped(const std::string& text) {
  std::string result;
  result.reserve(text.size() + text.size() / 8);
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      case '{':
        result += "&#123;";
        break;
      case '}':
        result += "&#125;";
        break;
      case '\0':
        break;
      default:
        result += c;
    }
  }
  return result;
}

}  // namespace

std::string render(std::string_view text, const mustache::data& data) {
  mustache::mustache page{std::string(text)};
  page.set_custom_escape(escaped);
  return page.render(data);
}

std::string in_layout(const Settings& settings, std::string_view title, std::string body,
                      const std::string& refresh) {
  mustache::data data;
  data.set("title", std::string(title));
  data.set("service", service_name(settings));
  if (!settings.contact.empty()) data.set("contact", settings.contact);
  data.set("body", std::move(body));
  if (!refresh.empty()) data.set("refresh", refresh);
  return render(layout_template, data);
}

std::string service_name(const Settings& settings) {
  return settings.service_name.empty() ? "mytoken" : settings.service_name;
}

std::string message_page(const Settings& settings, std::string_view title, std::string_view heading,
                         std::string_view text) {
  mustache::data data;
  data.set("heading", std::string(heading));
  if (!text.empty()) data.set("text", std::string(text));
  return in_layout(settings, title, render(message_template, data));
}

std::string help_page(const Settings& settings, std::string_view heading, std::string_view text,
                      const std::string& help_html, const std::string& url) {
  mustache::data data;
  data.set("heading", std::string(heading));
  data.set("text", std::string(text));
  if (!help_html.empty()) data.set("help", help_html);
  if (!url.empty()) data.set("url", url);
  return in_layout(settings, heading, render(help_template, data));
}

std::string onward_page(const Settings& settings, const std::string& url) {
  mustache::data data;
  data.set("url", url);
  return in_layout(settings, "Login", render(onward_template, data), url);
}

std::string_view style_sheet() {
  return style_sheet_text;
}

std::string error_page(const Settings& settings, int status, std::string_view heading,
                       std::string_view text) {
  return message_page(settings, std::to_string(status) + " " + std::string(heading), heading, text);
}

}  // namespace mytoken::web
