// The including value wins, lists are united; see template_merge.h.
#include "token/template_merge.h"

#include <algorithm>
#include <span>

#include "base/encoding.h"
#include "token/json_members.h"

namespace mytoken::token {
namespace {

constexpr std::string_view profile_members[] = {"include",
                                                "oidc_issuer",
                                                "name",
                                                "response_type",
                                                "max_token_len",
                                                "application_name",
                                                "restrictions",
                                                "capabilities",
                                                "rotation",
                                                "tags",
                                                "subscribe_notifications"};
constexpr std::string_view clause_members[] = {
    "include",        "nbf",       "exp",         "scope", "audience", "hosts", "geoip_allow",
    "geoip_disallow", "usages_AT", "usages_other"};
constexpr std::string_view rotation_members[] = {"include", "on_AT", "on_other", "lifetime",
                                                 "auto_revoke"};

std::span<const std::string_view> members_of(TemplateKind kind) {
  switch (kind) {
    case TemplateKind::profiles:
      return profile_members;
    case TemplateKind::restrictions:
      return clause_members;
    case TemplateKind::rotation:
      return rotation_members;
    case TemplateKind::capabilities:
      break;
  }
  return {};
}

// The member's name in our spelling; "" if it is unknown.
std::string_view exact_name(TemplateKind kind, std::string_view given) {
  if (kind == TemplateKind::restrictions && equals_ignoring_case(given, "ip")) return "hosts";
  for (const std::string_view name : members_of(kind)) {
    if (equals_ignoring_case(name, given)) return name;
  }
  return {};
}

// What stands under the same key in an included object.
Result<void> merge_member(std::string_view key, json::value& existing,
                          const json::value& included) {
  if (json::array* list = existing.if_array()) {
    const json::array* more = included.if_array();
    if (!more) return unite(*list, included);
    for (const json::value& element : *more) {
      if (auto r = unite(*list, element); !r) return r;
    }
    return {};
  }
  if (json::object* object = existing.if_object()) {
    const json::object* more = included.if_object();
    if (more) return merge_object(*object, *more);
    return fail(one_sided(key));
  }
  return {};
}

Error wrong_include() {
  return invalid_request("include must be a template name or a list of them");
}

// A name that comes again adds nothing: what it names is merged already.
Result<void> add_name(std::vector<std::string>& names, std::string_view name) {
  if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) return {};
  if (names.size() >= most_names) {
    return fail(invalid_request("more than " + std::to_string(most_names) +
                                " templates are included at once"));
  }
  names.emplace_back(name);
  return {};
}

}  // namespace

Error one_sided(std::string_view key) {
  return invalid_request("an included template cannot be merged: '" + shown(key) +
                         "' is an object on one side only");
}

Error empty_name() {
  return invalid_request("empty include name");
}

Result<json::object> with_exact_names(TemplateKind kind, const json::object& object) {
  json::object result;
  for (const auto& member : object) {
    if (member.value().is_null()) continue;
    const std::string_view given = member.key();
    const std::string_view name = exact_name(kind, given);
    if (name.empty()) {
      if (kind == TemplateKind::profiles) continue;
      return fail(invalid_request(std::string(mytoken::token::name(kind)) + ": unknown member '" +
                                  shown(given) + "'"));
    }
    if (kind != TemplateKind::profiles && result.contains(name)) {
      return fail(invalid_request("member '" + shown(given) + "' is given twice"));
    }
    // Of several spellings the exact one counts, else the last.
    const json::value* exact = object.if_contains(name);
    if (kind == TemplateKind::profiles && given != name && exact && !exact->is_null()) continue;
    result[name] = member.value();
  }
  return result;
}

Result<std::vector<std::string>> template_names(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (auto r = add_name(names, text.substr(0, end)); !r) return tl::unexpected(r.error());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (names.empty()) return fail(empty_name());
  return names;
}

Result<std::vector<std::string>> included_names(TemplateKind kind, const json::value* include) {
  std::vector<std::string> names;
  if (!include || include->is_null()) return names;
  const json::string* text = include->if_string();
  const json::array* list = include->if_array();
  if (kind == TemplateKind::profiles && ((text && text->empty()) || (list && list->empty())))
    return names;
  if (text) return template_names(*text);
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    if ((*list)[i].is_null()) continue;
    const json::string* name = (*list)[i].if_string();
    if (!name) return fail(wrong_include());
    if (auto r = add_name(names, *name); !r) return tl::unexpected(r.error());
  }
  if (!list) return fail(wrong_include());
  if (names.empty()) return fail(empty_name());
  return names;
}

Result<void> merge_object(json::object& existing, const json::object& included) {
  for (const auto& member : included) {
    if (member.value().is_null()) continue;
    json::value& here = existing[member.key()];
    if (here.is_null()) {
      here = member.value();
      continue;
    }
    if (auto r = merge_member(member.key(), here, member.value()); !r) return r;
  }
  return {};
}

Result<void> unite(json::array& list, const json::value& element) {
  if (element.is_null()) return {};
  // A list that is longer already is not even searched.
  if (list.size() <= most_merged_elements &&
      std::find(list.begin(), list.end(), element) != list.end())
    return {};
  if (list.size() >= most_merged_elements)
    return fail(invalid_request("a list that templates make is too long"));
  list.push_back(element);
  return {};
}

}  // namespace mytoken::token
