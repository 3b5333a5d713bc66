// Capabilities (spec tokens.md §6): what a mytoken may be used for. A capability is a path
// ("settings:grants:ssh"), optionally read-only ("read@settings"). Vectors:
// tests/data/vectors/capabilities.json.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace mytoken::token {

using Capabilities = std::vector<std::string>;

// All 25 names in the order of tokens.md §6.1.
std::span<const std::string_view> all_capabilities();
// AT, tokeninfo.
const Capabilities& default_capabilities();

// True if `name` is one of the 25.
bool is_known_capability(std::string_view name);
// "list_mytokens" -> "manage_mytokens:list", …; other names unchanged (api.md §4.4; only at the
// start of a flow).
std::string modern_capability_name(std::string_view name);

// One held capability grants an asked one (§6.2).
bool grants(std::string_view held, std::string_view asked);
bool has(const Capabilities& held, std::string_view asked);

// First occurrences only.
Capabilities without_duplicates(Capabilities capabilities);
// invalid_request "unknown capability '…'" for the first unknown name; an empty list is fine here.
Result<void> require_known(const Capabilities& capabilities);

// Of a sub-token (§6.3): absent request = all of the parent; else those the parent grants, in
// requested order. Error invalid_request if nothing is left (an explicit empty list too).
Result<Capabilities> tighten(const Capabilities& parent,
                             const std::optional<Capabilities>& requested);

// The body of GET capabilities (api.md §3.4): tree with descriptions, levels, colours.
json::array describe_capabilities();

enum class Danger { normal, powerful, very_powerful };
Danger danger(std::string_view capability);
// One sentence for people, "" if unknown.
std::string_view description(std::string_view capability);

}  // namespace mytoken::token
