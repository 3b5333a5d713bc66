// Looking at a mytoken: introspection (spec api.md §6), and the question why a use of it would be
// refused.
#pragma once
#include <optional>

#include "base/json.h"
#include "service/authenticate.h"

namespace mytoken::service {

// A use that somebody has in mind.
struct DescribedUse {
  token::UseRequest request;
  std::string address;       // "" = the one that asks
  std::optional<Time> time;  // nullopt: now
};

// Capability tokeninfo:introspect; no clause, nothing counted, no rotation; event
// tokeninfo_introspect. With a described use the answer has a member `use`:
//
//   {"allowed": false, "capability": true, "clauses": [{"allowed": false, "refused_by":
//    [{"claim": "exp", "explanation": "…"}]}]}
//
// and `clause`, the index of the one that would be charged, if it is allowed. Nothing is promised:
// what it says is true at this moment, without the provider having been asked.
Task<Result<json::object>> introspect(Context& context, Presentation presentation,
                                      std::optional<DescribedUse> use = std::nullopt);

}  // namespace mytoken::service
