// Users and mytokens: creation, state, rotation, deletion with re-parenting. Functions run on the connection they are
// given; those that change rows are atomic within the caller's transaction.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "sql/connection.h"
#include "store/records.h"

namespace mytoken::store {

// The user's id; made at the first call. An e-mail address is stored if none is stored yet.
Result<UserId> find_or_add_user(sql::Transaction& db, const std::string& oidc_sub, const std::string& oidc_iss,
                                const std::optional<std::string>& email, bool email_verified, Time now);

Result<void> add_token(sql::Transaction& db, const NewToken& token);
// nullopt: revoked or never existed.
Result<std::optional<TokenState>> token_state(sql::Connection& db, const std::string& id);

// Sets the successor's seq_no, wrapped key and time if `seq_no` is still the stored one. False: it is not.
Result<bool> rotate_token(sql::Transaction& db, const std::string& id, std::int64_t seq_no,
                          const std::string& sealed_key, Time now);

// The token and all its descendants, the token first. At most 100,000.
Result<std::vector<std::string>> subtree(sql::Connection& db, const std::string& id);
// True if `ancestor` is `id` or one of its ancestors.
Result<bool> is_self_or_ancestor(sql::Connection& db, const std::string& ancestor, const std::string& id);

// What deleting tokens left without any token: refresh tokens to revoke at their provider.
struct Orphan {
  RefreshTokenId id = 0;
  std::string issuer;
  std::string sealed_token;
};
// Deletes the token with everything linked to it. Not recursive: its children move to its parent, and so do the
// clauses they are charged with. Refresh tokens that lost their last token are deleted and returned.
Result<std::vector<Orphan>> delete_token(sql::Transaction& db, const std::string& id, bool recursive);

}  // namespace mytoken::store
