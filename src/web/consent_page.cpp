// Templates filled with a request, its words, its fields and what is wrong with them; see
// consent_page.h.
#include "web/consent_page.h"

#include <algorithm>

#include "token/capability.h"
#include "web/consent_script.h"
#include "web/consent_templates.h"
#include "web/pages.h"
#include "web/words.h"

namespace mytoken::web {
namespace {

namespace mustache = kainjow::mustache;
using Errors = std::map<std::string, std::string>;

mustache::data list() {
  return mustache::data{mustache::data::type::list};
}

bool contains(const std::vector<std::string>& list, std::string_view entry) {
  return std::find(list.begin(), list.end(), entry) != list.end();
}

mustache::data capability_row(const std::string& name, bool ticked) {
  mustache::data row;
  row.set("capability", name);
  row.set("ticked", ticked);
  if (const auto text = token::description(name); !text.empty())
    row.set("description", std::string(text));
  if (std::string danger = danger_text(name); !danger.empty()) row.set("danger", std::move(danger));
  return row;
}

// What was asked for stands first, in its order, which is the order that the token keeps.
void set_capabilities(mustache::data& data, const ConsentSubject& subject,
                      const token::Capabilities& ticked) {
  const token::Capabilities asked_for = subject.asked.capabilities.value_or(token::Capabilities());
  mustache::data asked = list(), others = list();
  bool more = false, open = false;
  for (const std::string& name : asked_for)
    asked << capability_row(name, contains(ticked, name));
  for (const std::string_view entry : token::all_capabilities()) {
    const std::string name(entry);
    if (contains(asked_for, name)) continue;
    if (subject.grantable && !token::has(*subject.grantable, name)) continue;
    const bool is_ticked = contains(ticked, name);
    others << capability_row(name, is_ticked);
    more = true;
    open = open || is_ticked;
  }
  data.set("asked", asked);
  data.set("others", others);
  data.set("more", more);
  data.set("open_capabilities", open);
}

mustache::data scope_row(const std::string& name, std::size_t number, std::string scope,
                         bool ticked) {
  mustache::data row;
  row.set("id", name + "." + std::to_string(number));
  row.set("name", name);
  row.set("scope", std::move(scope));
  row.set("ticked", ticked);
  return row;
}

// The fields of a clause. `number`: that of the fields, or "new" for the blank of the script.
mustache::data clause_fields(const ConsentSubject& subject, const ClauseFields& clause,
                             const std::string& number, std::size_t position,
                             const Errors& errors) {
  mustache::data data;
  data.set("number", number);
  data.set("position", std::to_string(position));
  mustache::data texts = list();
  for (const TextField& field : text_fields()) {
    if (contains(subject.unsupported, field.claim)) continue;
    const std::string name = "clause." + number + "." + std::string(field.key);
    mustache::data row;
    row.set("id", name);
    row.set("key", std::string(field.key));
    row.set("label", std::string(field.label));
    row.set("hint", std::string(field.hint));
    row.set("value", clause.texts.find(field.key)->second);
    row.set("numeric", field.key.starts_with("usages"));
    if (const auto error = errors.find(name); error != errors.end())
      row.set("error", error->second);
    texts << row;
  }
  data.set("texts", texts);
  std::vector<std::string> scopes;
  if (clause.number < subject.asked.restrictions.size()) {
    for (const auto& scope : subject.asked.restrictions[clause.number].scope) {
      if (!scope.empty() && !contains(scopes, scope)) scopes.push_back(scope);
    }
  }
  for (const auto* more : {&clause.scopes, &subject.provider_scopes}) {
    for (const auto& scope : *more) {
      if (!contains(scopes, scope)) scopes.push_back(scope);
    }
  }
  mustache::data rows = list();
  const std::string name = "clause." + number + ".scope";
  for (std::size_t i = 0; i < scopes.size(); ++i)
    rows << scope_row(name, i, scopes[i], contains(clause.scopes, scopes[i]));
  data.set("scopes", rows);
  data.set("choice",
           (!scopes.empty() || number == "new") && !contains(subject.unsupported, "scope"));
  return data;
}

bool has_error_in(const Errors& errors, std::string_view prefix) {
  return std::any_of(errors.begin(), errors.end(),
                     [prefix](const auto& entry) { return entry.first.starts_with(prefix); });
}

void set_conditions(mustache::data& data, const token::Restrictions& restrictions, bool unclear,
                    Time now) {
  // A clause without any condition (its keys are not supported here) permits everything.
  const bool restricted = !restrictions.empty() &&
                          std::none_of(restrictions.begin(), restrictions.end(),
                                       [](const token::Clause& clause) { return clause.empty(); });
  data.set("unclear", unclear);
  data.set("restricted", restricted && !unclear);
  data.set("unrestricted", !restricted && !unclear);
  data.set("several", restrictions.size() > 1);
  mustache::data sets = list();
  for (const auto& clause : restrictions) {
    mustache::data sentences = list();
    for (const auto& sentence : conditions(clause, now))
      sentences << mustache::data("condition", sentence);
    sets << mustache::data("conditions", sentences);
  }
  data.set("sets", sets);
}

void set_rotation(mustache::data& data, const std::optional<token::Rotation>& rotation) {
  const auto sentences = rotation ? sentences_of(*rotation) : std::vector<std::string>();
  mustache::data rows = list();
  for (const auto& sentence : sentences)
    rows << mustache::data("sentence", sentence);
  data.set("rotates", !sentences.empty());
  data.set("rotation", rows);
}

void set_tags(mustache::data& data, const std::vector<token::TagWish>& asked,
              const ConsentFields& fields, bool wrong) {
  mustache::data rows = list();
  for (std::size_t i = 0; i < std::min(asked.size(), fields.tags.size()); ++i) {
    mustache::data row;
    row.set("number", std::to_string(i));
    row.set("tag", asked[i].name);
    row.set("kept", fields.tags[i].kept);
    row.set("for_children", fields.tags[i].include_children);
    rows << row;
  }
  data.set("tagged", !asked.empty());
  data.set("tags", rows);
  data.set("more_tags", fields.more_tags);
  data.set("more_tags_for_children", fields.more_tags_for_children);
  data.set("open_tags", wrong || !fields.more_tags.empty());
}

std::string label_of(const std::string& field) {
  if (field == "name") return "Name of the token";
  if (field == "capability") return "What it may do";
  if (field == "more_tags") return "More tags";
  if (field == "lifetime") return "How it changes";
  const std::string_view key = std::string_view(field).substr(field.rfind('.') + 1);
  for (const TextField& known : text_fields()) {
    if (known.key == key) return std::string(known.label);
  }
  return "The conditions";
}

void set_errors(mustache::data& data, const Errors& errors) {
  mustache::data rows = list();
  for (const auto& [field, text] : errors) {
    mustache::data row;
    row.set("id", field);
    row.set("label", label_of(field));
    row.set("text", text);
    rows << row;
  }
  data.set("wrong", !errors.empty());
  data.set("fields", rows);
  for (const char* field : {"name", "capability", "lifetime", "more_tags"}) {
    if (const auto error = errors.find(field); error != errors.end())
      data.set(std::string(field) + "_error", error->second);
  }
}

// What both kinds of the page have in common.
mustache::data common(const ConsentSubject& subject, const ConsentFields& fields,
                      const Decision& decision, Time now) {
  const Errors& errors = decision.errors;
  mustache::data data;
  data.set("clause_fields", mustache::partial{[] { return std::string(clause_template); }});
  data.set("capability_row", mustache::partial{[] { return std::string(capability_template); }});
  data.set("issuer", subject.issuer);
  if (!subject.provider_name.empty()) data.set("provider", subject.provider_name);
  if (const std::string& name = subject.asked.application_name; !name.empty())
    data.set("application", name);
  data.set("name", fields.name);
  set_tags(data, subject.asked.tags, fields, has_error_in(errors, "more_tags"));
  set_capabilities(data, subject, fields.capabilities);
  set_conditions(data, decision.edits.restrictions.value_or(token::Restrictions()),
                 has_error_in(errors, "clause"), now);
  data.set("open_conditions", has_error_in(errors, "clause"));
  set_rotation(data, decision.edits.rotation);
  data.set("open_rotation", has_error_in(errors, "lifetime"));
  data.set("on_AT", fields.on_at);
  data.set("on_other", fields.on_other);
  data.set("auto_revoke", fields.auto_revoke);
  data.set("lifetime", fields.lifetime);
  set_errors(data, errors);
  return data;
}

// JSON as it may stand in a script element and in front of another template engine.
std::string inert(const json::value& value) {
  std::string text;
  bool in_string = false;
  const std::string json = json::serialize(value);
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') in_string = !in_string;
    if (in_string && c == '\\') {
      text += c;
      text += json[++i];
    } else if (in_string && (c == '<' || c == '>' || c == '&' || c == '{' || c == '}')) {
      constexpr std::string_view digits = "0123456789abcdef";
      const auto code = static_cast<unsigned char>(c);
      text += "\\u00";
      text += digits[code >> 4];
      text += digits[code & 15];
    } else {
      text += c;
      if (c == '{' || c == '}') text += ' ';
    }
  }
  return text;
}

}  // namespace

std::string consent_page(const Settings& settings, const ConsentForm& form, Time now) {
  mustache::data data = common(form.subject, form.fields, form.decision, now);
  data.set("flow", true);
  data.set("csrf", form.csrf);
  data.set("shown", form.shown);
  if (!form.view.created_ip.empty()) data.set("address", form.view.created_ip);
  data.set("created", date(form.view.created));
  data.set("expires", date(form.view.expires_at));
  if (!form.problem.empty()) data.set("problem", form.problem);
  if (form.shows_conditions) data.set("open_conditions", true);
  mustache::data clauses = list();
  std::size_t position = 0;
  for (const ClauseFields& clause : form.fields.clauses) {
    clauses << clause_fields(form.subject, clause, std::to_string(clause.number), ++position,
                             form.decision.errors);
  }
  data.set("clauses", clauses);
  return in_layout(settings, "Allow a token", render(consent_template, data));
}

std::string application_consent_page(const Settings& settings, const service::Settings& service,
                                     const service::SubtokenPreview& preview, Time now) {
  const ConsentSubject subject{preview.issuer,          preview.provider_name,
                               preview.provider_scopes, preview.wish,
                               preview.grantable,       service.unsupported_restrictions};
  const ConsentFields fields = fields_of(preview.wish);
  Decision decision;
  decision.edits.restrictions = preview.wish.restrictions;
  decision.edits.rotation = preview.wish.rotation;
  mustache::data data = common(subject, fields, decision, now);
  data.set("embedded", true);
  ClauseFields blank;
  blank.number = preview.wish.restrictions.size();
  for (const TextField& field : text_fields())
    blank.texts.emplace(field.key, "");
  data.set("blank", clause_fields(subject, blank, "new", 1, {}));

  json::object asked;
  asked["oidc_issuer"] = preview.issuer;
  asked["restrictions"] = token::to_json(preview.wish.restrictions);
  asked["rotation"] = preview.wish.rotation ? json::value(token::to_json(*preview.wish.rotation))
                                            : json::value(nullptr);
  asked["tags"] = token::to_json(preview.wish.tags);
  mustache::data layout;
  layout.set("title", "Allow a token");
  layout.set("service", service_name(settings));
  if (!settings.contact.empty()) layout.set("contact", settings.contact);
  layout.set("style", std::string(style_sheet()));
  layout.set("script", std::string(consent_script_text));
  layout.set("asked", inert(asked));
  layout.set("body", render(consent_template, data));
  return render(application_layout, layout);
}

}  // namespace mytoken::web
