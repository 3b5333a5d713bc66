// Brings the schema of a SQLite file to the program's version. Private to the SQLite driver.
#pragma once
#include <filesystem>
#include <vector>

#include "base/log.h"
#include "sql/database.h"
#include "sql/sqlite_connection.h"

namespace mytoken::sql {

// `migrations`: ascending by version. Table `meta` tells whose file it is (`application` =
// `mytoken`) and which version it has (`schema`). Errors: internal_server_error with one line that
// says what is wrong and what to do.
Result<void> migrate_sqlite(SqliteConnection& connection, const std::filesystem::path& file,
                            const std::vector<Migration>& migrations, Log& log);

}  // namespace mytoken::sql
