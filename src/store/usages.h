// Counters of clauses (spec tokens.md §5.8, 5.13). Every distinct clause of a token has a row from
// its creation on; charging a clause charges the chain of ancestor clauses it was fitted into, and
// fails if any limited one is used up.
#pragma once
#include <string>
#include <vector>

#include "sql/connection.h"
#include "store/records.h"

namespace mytoken::store {

enum class UsageKind { at, other };

// Rows of a new token; counters start at 0.
Result<void> add_clauses(sql::Transaction& db, const std::string& mytoken_id,
                         const std::vector<ClauseRow>& clauses);
Result<std::vector<ClauseRow>> clauses_of(sql::Connection& db, const std::string& mytoken_id);

// Compare-and-set: adds 1 to the clause and, if `with_ancestors`, to its chain. False: a limit in
// the chain is reached, or the chain is longer than 1000 clauses; nothing is charged then.
Result<bool> reserve_usage(sql::Transaction& db, const std::string& mytoken_id,
                           const std::string& hash, UsageKind kind, bool with_ancestors);
// Gives a reservation back; rows that are gone by now are passed over.
Result<void> return_usage(sql::Transaction& db, const std::string& mytoken_id,
                          const std::string& hash, UsageKind kind, bool with_ancestors);

}  // namespace mytoken::store
