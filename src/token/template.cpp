// Resolution by recursive descent: an entry is resolved once, completely, before it is merged into
// what includes it; see template.h.
#include "token/template.h"

#include <algorithm>
#include <string>
#include <unordered_set>

#include "token/capability.h"
#include "token/json_members.h"
#include "token/restriction.h"
#include "token/template_merge.h"

namespace mytoken::token {
namespace {

constexpr std::size_t least_charge = 256;  // so that many names of little entries cost, too
constexpr std::size_t longest_shown = 200;

// About its length as JSON text; containers more, since they cost more.
std::size_t weight(const json::value& value) {
  constexpr std::size_t each = 16;
  std::size_t sum = each;
  if (const json::string* text = value.if_string()) sum += text->size();
  if (const json::array* list = value.if_array()) {
    for (const json::value& element : *list)
      sum += each + weight(element);
  }
  if (const json::object* object = value.if_object()) {
    for (const auto& member : *object)
      sum += each + member.key().size() + weight(member.value());
  }
  return sum;
}

// A name in a message: printable ASCII, whole unless somebody plays with its length.
std::string quoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text.substr(0, longest_shown))
    result += c < 0x20 || c > 0x7e ? '?' : c;
  return result + (text.size() > longest_shown ? "...'" : "'");
}

Error wrong_type(TemplateKind kind) {
  switch (kind) {
    case TemplateKind::profiles:
      return invalid_request("a profile must be an object or names of profiles");
    case TemplateKind::capabilities:
      return invalid_request("capabilities must be a list of names");
    case TemplateKind::restrictions:
      return invalid_request("restrictions must be clauses or names of templates");
    case TemplateKind::rotation:
      return invalid_request("rotation must be an object or names of templates");
  }
  return invalid_request("a template has a wrong type");
}

}  // namespace

std::string_view name(TemplateKind kind) {
  switch (kind) {
    case TemplateKind::profiles:
      return "profiles";
    case TemplateKind::capabilities:
      return "capabilities";
    case TemplateKind::restrictions:
      return "restrictions";
    case TemplateKind::rotation:
      return "rotation";
  }
  return {};
}

Result<TemplateName> parse_template_name(std::string_view text) {
  if (text.starts_with('@')) text.remove_prefix(1);
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('/'), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (parts.empty()) return fail(empty_name());
  if (parts.size() > 2) return fail(invalid_request("malformed include name"));
  if (parts.size() == 1) return TemplateName{std::string(default_template_group), parts[0]};
  return TemplateName{parts[0], parts[1]};
}

TemplateResolver::TemplateResolver(Lookup lookup, Unknown unknown, std::size_t limit)
    : lookup_(std::move(lookup)), unknown_(unknown), limit_(limit) {}

Result<json::object> TemplateResolver::request(const json::value& value) {
  auto merged = resolve(TemplateKind::profiles, value);
  if (!merged) return tl::unexpected(merged.error());
  json::object object;
  if (json::object* found = merged->if_object()) object = std::move(*found);
  const auto member = [&object](std::string_view key) {
    const json::value* found = object.if_contains(key);
    return found ? *found : json::value();
  };
  auto clauses = restrictions(member("restrictions"));
  if (!clauses) return tl::unexpected(clauses.error());
  auto rotates = rotation(member("rotation"));
  if (!rotates) return tl::unexpected(rotates.error());
  auto names = capabilities(member("capabilities"));
  if (!names) return tl::unexpected(names.error());
  for (const std::string_view claim : {"restrictions", "rotation", "capabilities"})
    object.stable_erase(claim);
  if (*clauses) object["restrictions"] = std::move(**clauses);
  if (*names) object["capabilities"] = json::value_from(**names);
  if (*rotates) object["rotation"] = std::move(**rotates);
  return object;
}

Result<std::optional<json::array>> TemplateResolver::restrictions(const json::value& value) {
  auto resolved = resolve(TemplateKind::restrictions, value);
  if (!resolved) return tl::unexpected(resolved.error());
  if (resolved->is_null()) return std::optional<json::array>();
  if (json::array* list = resolved->if_array()) return std::optional(std::move(*list));
  return std::optional(json::array{std::move(*resolved)});
}

Result<std::optional<json::object>> TemplateResolver::rotation(const json::value& value) {
  auto resolved = resolve(TemplateKind::rotation, value);
  if (!resolved) return tl::unexpected(resolved.error());
  json::object* object = resolved->if_object();
  return object ? std::optional(std::move(*object)) : std::optional<json::object>();
}

Result<std::optional<std::vector<std::string>>> TemplateResolver::capabilities(
    const json::value& value) {
  auto resolved = resolve(TemplateKind::capabilities, value);
  if (!resolved) return tl::unexpected(resolved.error());
  const json::array* list = resolved->if_array();
  if (!list) return std::optional<std::vector<std::string>>();
  std::vector<std::string> names;
  for (const json::value& element : *list)
    names.emplace_back(element.as_string());
  return std::optional(without_duplicates(std::move(names)));
}

// Without `include`: null, an object, or for restrictions an array; for capabilities null or an
// array of strings.
Result<json::value> TemplateResolver::resolve(TemplateKind kind, const json::value& value) {
  if (value.is_null()) return json::value();
  if (kind == TemplateKind::capabilities) return resolve_capabilities(value);
  if (const json::string* text = value.if_string()) return resolve_names(kind, *text);
  if (const json::object* object = value.if_object()) return resolve_object(kind, *object);
  const json::array* list = value.if_array();
  if (!list || kind != TemplateKind::restrictions) return fail(wrong_type(kind));
  return resolve_list(*list);
}

Result<json::value> TemplateResolver::resolve_names(TemplateKind kind, std::string_view text) {
  if (text.empty()) return json::value();
  const auto names = template_names(text);
  if (!names) return tl::unexpected(names.error());
  if (names->size() == 1) return resolve_entry(kind, names->front());
  json::value current = json::object();
  for (const std::string& one : *names) {
    if (auto r = include(kind, current, one); !r) return tl::unexpected(r.error());
  }
  return current;
}

// Alternatives.
Result<json::value> TemplateResolver::resolve_list(const json::array& list) {
  // Anybody may ask, without a token: what will be refused is not worked on first.
  if (list.size() > most_clauses) {
    return fail(
        invalid_request("restrictions: more than " + std::to_string(most_clauses) + " clauses"));
  }
  json::array alternatives;
  std::unordered_set<std::string> seen;  // as text: comparing each with all others takes too long
  bool has_value = list.empty();
  for (const json::value& element : list) {
    if (!element.is_string() && !element.is_object())
      return fail(wrong_type(TemplateKind::restrictions));
    if (element.is_string() && element.as_string().empty()) continue;
    has_value = true;
    auto resolved = resolve(TemplateKind::restrictions, element);
    if (!resolved) return resolved;
    const json::array* several = resolved->if_array();
    const json::array one{*resolved};
    for (const json::value& alternative : several ? *several : one) {
      if (alternative.is_null() || !seen.insert(json::serialize(alternative)).second) continue;
      if (alternatives.size() >= most_merged_elements)
        return fail(invalid_request("a list that templates make is too long"));
      alternatives.push_back(alternative);
    }
  }
  if (!has_value) return fail(empty_name());
  return alternatives;
}

Result<json::value> TemplateResolver::resolve_object(TemplateKind kind,
                                                     const json::object& object) {
  auto exact = with_exact_names(kind, object);
  if (!exact) return tl::unexpected(exact.error());
  auto names = included_names(kind, exact->if_contains("include"));
  if (!names) return tl::unexpected(names.error());
  exact->stable_erase("include");
  json::value current = std::move(*exact);
  for (const std::string& one : *names) {
    if (auto r = include(kind, current, one); !r) return tl::unexpected(r.error());
  }
  return current;
}

Result<json::value> TemplateResolver::resolve_capabilities(const json::value& value) {
  std::vector<std::string> names;
  if (const json::string* text = value.if_string()) {
    if (text->empty()) return json::value();
    names = words(*text);
    if (names.empty()) return fail(wrong_type(TemplateKind::capabilities));
  } else if (const json::array* list = value.if_array()) {
    for (const json::value& element : *list) {
      const json::string* one = element.if_string();
      if (!one || one->empty()) return fail(wrong_type(TemplateKind::capabilities));
      names.emplace_back(*one);
    }
  } else {
    return fail(wrong_type(TemplateKind::capabilities));
  }
  json::array result;
  for (const std::string& one : names) {
    json::value part = json::array{json::value(one)};
    if (one.starts_with('@')) {
      auto entry = resolve_entry(TemplateKind::capabilities, one);
      if (!entry) return entry;
      part = std::move(*entry);
    }
    if (part.is_null()) continue;
    for (const json::value& capability : part.as_array()) {
      if (auto r = unite(result, capability); !r) return tl::unexpected(r.error());
    }
  }
  return result;
}

// An entry's resolved value; every use of it is charged.
Result<json::value> TemplateResolver::resolve_entry(TemplateKind kind, std::string_view text) {
  auto parsed = parse_template_name(text);
  if (!parsed) return tl::unexpected(parsed.error());
  if (text.starts_with('@')) text.remove_prefix(1);
  Key key(kind, parsed->group, parsed->name);
  if (const auto known = resolved_.find(key); known != resolved_.end()) {
    if (auto r = charge(known->second); !r) return tl::unexpected(r.error());
    return known->second;
  }
  if (std::find(stack_.begin(), stack_.end(), key) != stack_.end()) {
    return fail(invalid_request("include name " + quoted(text) + " includes itself"));
  }
  if (stack_.size() >= most_levels) {
    return fail(invalid_request("includes are nested more than " + std::to_string(most_levels) +
                                " levels deep"));
  }
  auto payload = lookup_(kind, *parsed);
  if (!payload) return tl::unexpected(payload.error());
  if (!*payload && unknown_ == Unknown::refused) {
    return fail(invalid_request("unknown include name: " + quoted(text)));
  }
  stack_.push_back(key);
  auto value = resolve(kind, *payload ? **payload : json::value());
  stack_.pop_back();
  if (!value) return value;
  if (auto r = charge(*value); !r) return tl::unexpected(r.error());
  return resolved_.emplace(std::move(key), std::move(*value)).first->second;
}

Result<void> TemplateResolver::include(TemplateKind kind, json::value& current,
                                       std::string_view text) {
  auto included = resolve_entry(kind, text);
  if (!included) return tl::unexpected(included.error());
  if (included->is_null()) return {};
  if (current.is_object() && included->is_object()) {
    if (kind == TemplateKind::profiles)
      return merge_profile(current.as_object(), std::move(included->as_object()));
    return merge_object(current.as_object(), included->as_object());
  }
  if (kind != TemplateKind::restrictions) return fail(wrong_type(kind));
  // More than one alternative: what included it is one of them.
  if (!current.is_array()) {
    json::array alternatives;
    alternatives.push_back(std::move(current));
    current = std::move(alternatives);
  }
  const json::array* several = included->if_array();
  if (!several) return unite(current.as_array(), *included);
  for (const json::value& alternative : *several) {
    if (auto r = unite(current.as_array(), alternative); !r) return r;
  }
  return {};
}

// Values of the three claims are brought into a common form first: names of templates that meet an
// object are replaced by what they name, and a string of capabilities that joins a list by its
// words. Members have their exact names already. What the object itself includes is taken in before
// it meets the other one, over which it wins.
Result<void> TemplateResolver::merge_profile(json::object& existing, json::object included) {
  for (const TemplateKind kind : {TemplateKind::restrictions, TemplateKind::rotation}) {
    json::value* here = existing.if_contains(name(kind));
    json::value* there = included.if_contains(name(kind));
    if (!here || !there || !here->is_object()) continue;
    if (auto r = charge(*here); !r) return r;  // every merge copies it
    auto resolved = resolve(kind, *here);
    if (!resolved) return tl::unexpected(resolved.error());
    *here = std::move(*resolved);
    if (there->is_string()) {
      auto expanded = resolve(kind, *there);
      if (!expanded) return tl::unexpected(expanded.error());
      *there = std::move(*expanded);
    }
    if (json::object* object = there->if_object()) {
      if (!here->is_object()) return fail(one_sided(name(kind)));
      auto exact = with_exact_names(kind, *object);
      if (!exact) return tl::unexpected(exact.error());
      *there = std::move(*exact);
    }
  }
  const json::value* list = existing.if_contains("capabilities");
  json::value* more = included.if_contains("capabilities");
  if (list && list->is_array() && more && more->is_string()) {
    *more = json::value_from(words(more->as_string()));
  }
  return merge_object(existing, included);
}

Result<void> TemplateResolver::charge(const json::value& value) {
  size_ += std::max(least_charge, weight(value));
  if (size_ > limit_) return fail(invalid_request("the included templates are too large together"));
  return {};
}

}  // namespace mytoken::token
