// Grants that users switch on for themselves (spec settings.md §3); the only one is `ssh`.
#pragma once
#include <string_view>

#include "sql/connection.h"
#include "store/records.h"

namespace mytoken::store {

// False for a grant that the user never touched.
Result<bool> is_grant_enabled(sql::Connection& db, UserId user, std::string_view grant_type);
Result<void> set_grant(sql::Transaction& db, UserId user, std::string_view grant_type,
                       bool enabled);

}  // namespace mytoken::store
