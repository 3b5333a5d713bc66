// Pages from templates: clauses, capabilities and rotation in words; see pages.h.
#include "web/pages.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <kainjow/mustache.hpp>

#include "service/flow_request.h"
#include "token/capability.h"
#include "web/templates.h"

namespace mytoken::web {
namespace {

namespace mustache = kainjow::mustache;

std::string render(std::string_view text, const mustache::data& data) {
  mustache::mustache page{std::string(text)};
  return page.render(data);
}

std::string in_layout(const Settings& settings, std::string_view title, std::string body,
                      const std::string& refresh = {}) {
  mustache::data data;
  data.set("title", std::string(title));
  data.set("service",
           settings.service_name.empty() ? std::string("mytoken") : settings.service_name);
  if (!settings.contact.empty()) data.set("contact", settings.contact);
  data.set("body", std::move(body));
  if (!refresh.empty()) data.set("refresh", refresh);
  return render(layout_template, data);
}

std::string date(Time time) {
  constexpr std::int64_t end_of_year_9999 = 253402300799;
  if (to_unix(time) > end_of_year_9999) return "the end of the calendar";
  return fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(time.time_since_epoch().count()));
}

std::string list(const std::vector<std::string>& entries) {
  std::string text;
  for (const auto& entry : entries)
    text += (text.empty() ? "" : ", ") + entry;
  return text;
}

std::string times(std::int64_t count, std::string_view what) {
  if (count == 0) return fmt::format("never for {}", what);
  return fmt::format("at most {} {} for {}", count, count == 1 ? "time" : "times", what);
}

// A clause in words, one sentence per key.
std::vector<std::string> conditions(const token::Clause& clause) {
  std::vector<std::string> sentences;
  if (clause.nbf) sentences.push_back("from " + date(*clause.nbf) + " on");
  if (clause.exp) sentences.push_back("until " + date(*clause.exp));
  if (!clause.scope.empty()) sentences.push_back("for the scopes " + list(clause.scope));
  if (!clause.audience.empty()) sentences.push_back("for the services " + list(clause.audience));
  if (!clause.hosts.empty()) sentences.push_back("from the hosts " + list(clause.hosts));
  if (!clause.geoip_allow.empty())
    sentences.push_back("from the countries " + list(clause.geoip_allow));
  if (!clause.geoip_disallow.empty())
    sentences.push_back("not from the countries " + list(clause.geoip_disallow));
  if (clause.usages_at) sentences.push_back(times(*clause.usages_at, "access tokens"));
  if (clause.usages_other) sentences.push_back(times(*clause.usages_other, "everything else"));
  return sentences;
}

std::vector<std::string> sentences_of(const token::Rotation& rotation) {
  std::vector<std::string> sentences;
  if (rotation.on_at) sentences.emplace_back("It is replaced whenever it gets an access token.");
  if (rotation.on_other)
    sentences.emplace_back("It is replaced whenever it is used for something else.");
  if (rotation.lifetime.count() > 0) {
    sentences.push_back(
        fmt::format("It ends {} seconds after its last replacement.", rotation.lifetime.count()));
  }
  if (rotation.auto_revoke)
    sentences.emplace_back("If a replaced token is used again, all of them are revoked.");
  return sentences;
}

std::string danger_text(std::string_view capability) {
  switch (token::danger(capability)) {
    case token::Danger::normal:
      return "";
    case token::Danger::powerful:
      return "powerful";
    case token::Danger::very_powerful:
      return "very powerful";
  }
  return "";
}

}  // namespace

std::string message_page(const Settings& settings, std::string_view title, std::string_view heading,
                         std::string_view text) {
  mustache::data data;
  data.set("heading", std::string(heading));
  if (!text.empty()) data.set("text", std::string(text));
  return in_layout(settings, title, render(message_template, data));
}

std::string consent_page(const Settings& settings, const ConsentForm& form) {
  mustache::data data;
  data.set("action", form.action);
  data.set("csrf", form.csrf);
  data.set("shown", form.shown);
  data.set("issuer", form.view.issuer);
  if (!form.view.provider_name.empty()) data.set("provider", form.view.provider_name);
  if (!form.view.created_ip.empty()) data.set("address", form.view.created_ip);
  data.set("created", date(form.view.created));
  data.set("expires", date(form.view.expires_at));
  auto request = service::parse_flow_request(json::serialize(form.view.request));
  if (!request)
    return message_page(settings, "Error", "This login cannot be shown", "Please start again.");
  const service::TokenWish& wish = request->wish;
  if (!wish.application_name.empty()) data.set("application", wish.application_name);
  if (!wish.name.empty()) data.set("name", wish.name);
  mustache::data capabilities{mustache::data::type::list};
  for (const auto& name : *wish.capabilities) {
    mustache::data entry;
    entry.set("capability", name);
    if (const auto text = token::description(name); !text.empty())
      entry.set("description", std::string(text));
    if (const std::string danger = danger_text(name); !danger.empty()) entry.set("danger", danger);
    capabilities << entry;
  }
  data.set("capabilities", capabilities);
  // A clause without any condition (its keys are not supported here) permits everything.
  const auto& clauses_wished = wish.restrictions;
  data.set("restricted", !clauses_wished.empty() &&
                             std::none_of(clauses_wished.begin(), clauses_wished.end(),
                                          [](const token::Clause& c) { return c.empty(); }));
  data.set("several", wish.restrictions.size() > 1);
  mustache::data clauses{mustache::data::type::list};
  for (const auto& clause : wish.restrictions) {
    mustache::data sentences{mustache::data::type::list};
    for (const auto& sentence : conditions(clause))
      sentences << mustache::data("condition", sentence);
    clauses << mustache::data("conditions", sentences);
  }
  data.set("clauses", clauses);
  const auto rotation = wish.rotation ? sentences_of(*wish.rotation) : std::vector<std::string>();
  data.set("rotates", !rotation.empty());
  mustache::data sentences{mustache::data::type::list};
  for (const auto& sentence : rotation)
    sentences << mustache::data("sentence", sentence);
  data.set("rotation", sentences);
  return in_layout(settings, "Allow a token", render(consent_template, data));
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
