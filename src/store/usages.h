// Counters of clauses (spec tokens.md §5.8, 5.13). Every distinct clause of a token has a row from
// its creation on; charging a clause charges the chain of ancestor clauses it was fitted into, and
// fails if any limited one is used up.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "sql/connection.h"
#include "store/records.h"

namespace mytoken::store {

enum class UsageKind { at, other };

// Rows of a new token; counters start at 0.
Result<void> add_clauses(sql::Transaction& db, const std::string& mytoken_id,
                         const std::vector<ClauseRow>& clauses);
Result<std::vector<ClauseRow>> clauses_of(sql::Connection& db, const std::string& mytoken_id);
// The same for the token behind a short token (its digest).
Result<std::vector<ClauseRow>> clauses_behind(sql::Connection& db, const std::string& short_token);

// A clause of some token.
struct ClauseKey {
  std::string mytoken_id;
  std::string hash;
  bool operator<(const ClauseKey& other) const {
    return std::tie(mytoken_id, hash) < std::tie(other.mytoken_id, other.hash);
  }
};
// What the ancestors of a token's clauses are charged to in turn: all links of all chains, nullopt
// at a chain's end.
using ClauseLinks = std::map<ClauseKey, std::optional<ClauseKey>>;
Result<ClauseLinks> clauses_above(sql::Connection& db, const std::string& mytoken_id);

// The token's clauses (hashes) that cannot be charged because a clause they descend from is used
// up.
Result<std::vector<std::string>> spent_above(sql::Connection& db, const std::string& mytoken_id,
                                             UsageKind kind);

// Compare-and-set: adds 1 to the clause and, if `with_ancestors`, to its chain. False: a limit in
// the chain is reached, or the chain is longer than 1000 clauses; nothing is charged then.
// `charged` becomes what was charged.
Result<bool> reserve_usage(sql::Transaction& db, const std::string& mytoken_id,
                           const std::string& hash, UsageKind kind, bool with_ancestors,
                           std::vector<ClauseKey>* charged = nullptr);
// Adds 1 to one clause as a condition of the transaction (sql::Connection::must).
Result<void> charge_clause(sql::Transaction& db, const ClauseKey& clause, UsageKind kind);
// Gives a reservation back; rows that are gone by now are passed over. What they were charged to is
// given back all the same: a token may be revoked while it is used.
Result<void> return_usage(sql::Transaction& db, const std::vector<ClauseKey>& charged,
                          UsageKind kind);

}  // namespace mytoken::store
