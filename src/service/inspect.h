// Looking at a mytoken: introspection (spec api.md §6).
#pragma once
#include "base/json.h"
#include "service/authenticate.h"

namespace mytoken::service {

// Capability tokeninfo:introspect; no clause, nothing counted, no rotation; event
// tokeninfo_introspect.
Task<Result<json::object>> introspect(Context& context, Presentation presentation);

}  // namespace mytoken::service
