// Grants that users switch on and off for themselves (spec settings.md §3). The only one is `ssh`,
// off by default.
#pragma once
#include "service/operation.h"

namespace mytoken::service {

// Answer: {"grant_types": [{"grant_type": "ssh", "enabled"}]}, empty while the server has no ssh.
// Needs read@settings:grants.
Task<Result<OperationAnswer>> list_grants(Context& context, OperationRequest request);

// Error invalid_request unless users have a grant of this name; for ssh also where it is to be
// switched on while the server has no ssh.
Result<void> check_grant(const Settings& settings, std::string_view grant_type, bool enabled);
// A checked grant; again is the same as once. Needs settings:grants.
Task<Result<OperationAnswer>> set_grant(Context& context, OperationRequest request,
                                        std::string grant_type, bool enabled);

}  // namespace mytoken::service
