// The counters that servers exchange for the rate limits: an opaque text per server.
#pragma once
#include <string>
#include <vector>

#include "sql/connection.h"

namespace mytoken::store {

Result<void> set_shared_counts(sql::Transaction& db, const std::string& server,
                               const std::string& counts, Time now);
// Of the other servers; at most 1000 of them.
Result<std::vector<std::string>> shared_counts_of_others(sql::Connection& db,
                                                         const std::string& server);
// Of servers that have written nothing since.
Result<void> remove_shared_counts(sql::Transaction& db, Time before);

}  // namespace mytoken::store
