// Refresh tokens: sealed text with a version that grows with every stored successor, and the lease
// that lets one server at a time use one (spec oidc.md §21.10).
#pragma once
#include <optional>
#include <string>

#include "sql/connection.h"
#include "store/records.h"

namespace mytoken::store {

Result<void> add_refresh_token(sql::Transaction& db, RefreshTokenId id, UserId user,
                               const std::string& issuer, const std::string& sealed_token,
                               bool offline_granted, Time now);
Result<std::optional<RefreshTokenRow>> refresh_token(sql::Connection& db, RefreshTokenId id);
// For who adds a token or history to one of its family, before any other lock: one at a time, and
// in turn with those who take its tokens apart (delete_token). A row that others refer to all the
// time can never be removed otherwise: a revocation would fail, or wait for ever, beside many uses.
Result<void> lock_refresh_token(sql::Transaction& db, RefreshTokenId id);
// Takes the lease if it is free, expired or already this owner's. False: another owner has it.
Result<bool> take_lease(sql::Transaction& db, RefreshTokenId id, const std::string& owner, Time now,
                        Time until);
// The same as a condition of the transaction (sql::Connection::must).
Result<void> require_lease(sql::Transaction& db, RefreshTokenId id, const std::string& owner,
                           Time now, Time until);
Result<void> release_lease(sql::Transaction& db, RefreshTokenId id, const std::string& owner);
// At the start of the only server of an embedded database: leases of a process that died.
Result<void> release_all_leases(sql::Transaction& db);

// Stores the successor of `version` as version + 1 and sets state ok, unless something newer than
// `version` is stored (then false). The stored version may be older: its successors may have waited
// in the journal.
Result<bool> store_successor(sql::Transaction& db, RefreshTokenId id, std::int64_t version,
                             const std::string& sealed_token, Time now);
// The same as a condition of the transaction; `owner`'s lease ends with it.
Result<void> settle_successor(sql::Transaction& db, RefreshTokenId id, std::int64_t version,
                              const std::string& sealed_token, const std::string& owner, Time now);
// state: ok, suspect, dead.
Result<void> set_refresh_state(sql::Transaction& db, RefreshTokenId id, std::string_view state,
                               Time now);

}  // namespace mytoken::store
