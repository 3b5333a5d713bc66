// Users and mytokens: creation, state, rotation, deletion with re-parenting. Functions run on the
// connection they are given; those that change rows are atomic within the caller's transaction.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "sql/connection.h"
#include "store/records.h"

namespace mytoken::store {

// The user's id; made at the first call. An e-mail address is stored if none is stored yet.
Result<UserId> find_or_add_user(sql::Transaction& db, const std::string& oidc_sub,
                                const std::string& oidc_iss,
                                const std::optional<std::string>& email, bool email_verified,
                                Time now);

Result<void> add_token(sql::Transaction& db, const NewToken& token);
// nullopt: revoked or never existed.
Result<std::optional<TokenState>> token_state(sql::Connection& db, const std::string& id);

// The same for the token behind a short token (its digest).
Result<std::optional<TokenState>> token_state_behind(sql::Connection& db,
                                                     const std::string& short_token);
// As a condition of the transaction (sql::Connection::must): the token exists; with this number.
Result<void> require_token(sql::Transaction& db, const std::string& id);
Result<void> require_seq_no(sql::Transaction& db, const std::string& id, std::int64_t seq_no);

// Sets the successor's seq_no (TokenState::next_seq_no), wrapped key and time, on the condition
// that `seq_no` is still the stored one and the token not superseded.
Result<void> rotate_token(sql::Transaction& db, const std::string& id, std::int64_t seq_no,
                          const std::string& sealed_key, PreciseTime now);

// True if `ancestor` is `id` or one of its ancestors.
Result<bool> is_self_or_ancestor(sql::Connection& db, const std::string& ancestor,
                                 const std::string& id);

// What deleting tokens left without any token: refresh tokens to revoke at their provider.
struct Orphan {
  RefreshTokenId id = 0;
  std::string issuer;
  std::string sealed_token;
  std::int64_t version = 0;
};
// Deletes the token with everything linked to it, recursively with all its descendants. Not
// recursive: its children move to its parent; what their clauses are charged to stays in force,
// limits and counters included. Refresh tokens that lost their last token are deleted and returned.
Result<std::vector<Orphan>> delete_token(sql::Transaction& db, const std::string& id,
                                         bool recursive);

}  // namespace mytoken::store
