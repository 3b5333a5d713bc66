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

// What stands under the same key in an included object. `include` lists are united even where they
// are written as one string, so that no template is lost.
Result<void> merge_member(std::string_view key, json::value& existing,
                          const json::value& included) {
  if (key == "include") {
    auto names = included_names(&existing);
    auto more = included_names(&included);
    if (!names) return tl::unexpected(names.error());
    if (!more) return tl::unexpected(more.error());
    json::array list;
    for (const auto* part : {&*names, &*more}) {
      for (const std::string& name : *part) {
        if (auto r = unite(list, json::value(name)); !r) return r;
      }
    }
    existing = std::move(list);
    return {};
  }
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
    return fail(invalid_request("an included template cannot be merged: '" + shown(key) +
                                "' is an object on one side only"));
  }
  return {};
}

}  // namespace

Result<json::object> with_exact_names(TemplateKind kind, const json::object& object) {
  json::object result;
  for (const auto& member : object) {
    if (member.value().is_null()) continue;
    const std::string_view given = member.key();
    const std::string_view name = exact_name(kind, given);
    if (name.empty()) {
      if (kind != TemplateKind::profiles) result[given] = member.value();
      continue;
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

std::vector<std::string> template_names(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) names.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return names;
}

Result<std::vector<std::string>> included_names(const json::value* include) {
  if (!include || include->is_null()) return std::vector<std::string>();
  if (const json::string* text = include->if_string()) return template_names(*text);
  const json::array* list = include->if_array();
  std::vector<std::string> names;
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    if ((*list)[i].is_null()) continue;
    const json::string* name = (*list)[i].if_string();
    if (!name) list = nullptr;
    if (name && !name->empty()) names.emplace_back(*name);
  }
  if (!list) return fail(invalid_request("include must be a template name or a list of them"));
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
  if (element.is_null() || std::find(list.begin(), list.end(), element) != list.end()) return {};
  if (list.size() >= most_merged_elements) {
    return fail(invalid_request("a list that templates make is too long"));
  }
  list.push_back(element);
  return {};
}

}  // namespace mytoken::token
