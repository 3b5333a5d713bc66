// What a sub-token inherits from the fence of its parent. The server drops a wished clause that
// goes beyond the parent's, as one that says nothing of an end does; so what a wish leaves open is
// taken over from the parent here (spec tokens.md §5.9).
#pragma once
#include <optional>
#include <string>

#include "base/json.h"
#include "base/secret.h"

namespace mytoken::cli {

// The only clause of a mytoken JWT; nullopt for short tokens, and if it has none or several.
std::optional<json::object> only_clause(const Secret& mytoken);

// `wish` with the members of `parent` that it does not have; usages excepted, since those of the
// parent count anyway. A wish with templates is left alone.
json::object completed(json::object wish, const json::object& parent);

// `wishes` (JSON array of clauses) with each of them completed.
std::string completed(const std::string& wishes, const json::object& parent);

}  // namespace mytoken::cli
