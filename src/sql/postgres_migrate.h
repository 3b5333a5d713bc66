// Brings the schema of a PostgreSQL database to the program's version. Private to the PostgreSQL
// driver.
#pragma once
#include <vector>

#include "base/log.h"
#include "sql/postgres_connection.h"

namespace mytoken::sql {

// As migrate_sqlite; the tables are those of the connection's current schema. Several servers may
// do this at once: each migration's transaction locks the row of `meta` that holds the version.
Result<void> migrate_postgres(PostgresConnection& connection,
                              const std::vector<Migration>& migrations, Log& log);

}  // namespace mytoken::sql
