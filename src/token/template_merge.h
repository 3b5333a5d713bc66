// Merging of template values (spec profiles.md §5.1) and the one spelling of their members.
// Internal to this floor; see template.h.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "token/template.h"

namespace mytoken::token {

inline constexpr std::size_t most_merged_elements = 1000;  // of one list
inline constexpr std::size_t most_names = 64;              // of one include

// A copy without null members, every member that is known for the kind under its exact name (api.md
// §2.2), `ip` as `hosts`. Profiles keep known members only. Error invalid_request: a member of a
// clause or rotation is unknown or given twice.
Result<json::object> with_exact_names(TemplateKind kind, const json::object& object);

Error empty_name();
// An object meets something else under this key.
Error one_sided(std::string_view key);

// Names separated by blanks, each once. Errors invalid_request: no name, or too many.
Result<std::vector<std::string>> template_names(std::string_view text);
// The names of an `include` member, each once; nullptr and null: none, also "" and [] of a profile.
// Errors invalid_request: neither a string nor an array of strings, otherwise no name (what was
// meant to limit a token would be lost), too many.
Result<std::vector<std::string>> included_names(TemplateKind kind, const json::value* include);

// Adds what `existing` lacks: lists are united, objects merged, other existing values kept. Error
// invalid_request: an object meets something else under the same key, or a list grows too long.
Result<void> merge_object(json::object& existing, const json::object& included);
// Adds one element to a list that does not hold it yet.
Result<void> unite(json::array& list, const json::value& element);

}  // namespace mytoken::token
