// SQL texts for PostgreSQL: how many parameters one has, whether a function may run it, and the
// translation of a migration. Private to the PostgreSQL driver.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace mytoken::sql {

// The highest n of the $n outside of strings and comments.
std::size_t parameters_of(std::string_view sql);

// True for statements on rows and tables; transactions, settings and sessions are not a function's
// business.
bool is_plain_statement(std::string_view sql);

// The statements of a migration: split at ';', without comments; INTEGER becomes BIGINT, BLOB
// becomes BYTEA, STRICT goes. Error: internal_server_error for a statement that is not plain.
Result<std::vector<std::string>> translate_migration(std::string_view sql);

}  // namespace mytoken::sql
