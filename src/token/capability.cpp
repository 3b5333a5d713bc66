// The rule by which one capability grants another, and what follows from it.
#include "token/capability.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "token/json_members.h"

namespace mytoken::token {
namespace {

constexpr std::string_view read_only_prefix = "read@";

constexpr std::array<std::string_view, 25> names{
    "AT",
    "tokeninfo",
    "tokeninfo:introspect",
    "tokeninfo:history",
    "tokeninfo:subtokens",
    "tokeninfo:notify",
    "tokeninfo:tags",
    "manage_mytokens",
    "manage_mytokens:list",
    "manage_mytokens:revoke",
    "manage_mytokens:history",
    "manage_mytokens:tags",
    "create_mytoken",
    "settings",
    "read@settings",
    "settings:grants",
    "read@settings:grants",
    "settings:grants:ssh",
    "read@settings:grants:ssh",
    "settings:email",
    "read@settings:email",
    "settings:tags",
    "read@settings:tags",
    "manage_mytokens:notify",
    "read@manage_mytokens:notify",
};

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> old_names{{
    {"tokeninfo_introspect", "tokeninfo:introspect"},
    {"tokeninfo_history", "tokeninfo:history"},
    {"tokeninfo_tree", "tokeninfo:subtokens"},
    {"list_mytokens", "manage_mytokens:list"},
    {"revoke_any_token", "manage_mytokens:revoke"},
}};

// Removes the prefix; true if it was there.
bool strip_read_only(std::string_view& name) {
  if (!name.starts_with(read_only_prefix)) return false;
  name.remove_prefix(read_only_prefix.size());
  return true;
}

}  // namespace

std::span<const std::string_view> all_capabilities() {
  return names;
}

const Capabilities& default_capabilities() {
  static const Capabilities defaults{"AT", "tokeninfo"};
  return defaults;
}

bool is_known_capability(std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string modern_capability_name(std::string_view name) {
  for (const auto& [old, modern] : old_names) {
    if (name == old) return std::string(modern);
  }
  return std::string(name);
}

bool grants(std::string_view held, std::string_view asked) {
  const bool held_is_read_only = strip_read_only(held);
  const bool asked_is_read_only = strip_read_only(asked);
  if (held.empty() || (held_is_read_only && !asked_is_read_only)) return false;
  // The path of `held` is a prefix of the path of `asked`.
  return asked.starts_with(held) && (asked.size() == held.size() || asked[held.size()] == ':');
}

bool has(const Capabilities& held, std::string_view asked) {
  return std::any_of(held.begin(), held.end(),
                     [asked](const std::string& capability) { return grants(capability, asked); });
}

Capabilities without_duplicates(Capabilities capabilities) {
  std::set<std::string, std::less<>> seen;
  std::erase_if(capabilities,
                [&seen](const std::string& capability) { return !seen.insert(capability).second; });
  return capabilities;
}

Result<void> require_known(const Capabilities& capabilities) {
  for (const std::string& capability : capabilities) {
    if (!is_known_capability(capability)) {
      return fail(invalid_request("unknown capability '" + shown(capability) + "'"));
    }
  }
  return {};
}

Result<Capabilities> tighten(const Capabilities& parent,
                             const std::optional<Capabilities>& requested) {
  Capabilities granted = without_duplicates(requested ? *requested : parent);
  std::erase_if(granted,
                [&parent](const std::string& capability) { return !has(parent, capability); });
  if (granted.empty()) {
    return fail(
        invalid_request("mytoken to be issued cannot have any of the requested capabilities"));
  }
  return granted;
}

}  // namespace mytoken::token
