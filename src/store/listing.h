// Lists and trees of mytokens as their users see them (spec api.md §6).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "sql/connection.h"
#include "store/records.h"

namespace mytoken::store {

struct TokenEntry {
  std::string id;
  std::optional<std::string> parent_id;
  std::string name;
  Time created{};
  std::int64_t number = 0;  // orders those of one second
  std::optional<Time> expires_at;
  std::string created_ip;
};

// Where a list goes on: behind this entry. The order of all lists and trees is that of creation: by
// second, by number, and by id where an older program made several in one second.
struct Place {
  Time created{};
  std::int64_t number = 0;
  std::string id;
};

// The token itself; nullopt: revoked.
Result<std::optional<TokenEntry>> token_entry(sql::Connection& db, const std::string& id);
// Its children, at most `most`, oldest first.
Result<std::vector<TokenEntry>> children_of(sql::Connection& db, const std::string& id,
                                            const std::optional<Place>& after, std::int64_t most);
// The user's tokens without parent, at most `most`, oldest first.
Result<std::vector<TokenEntry>> roots_of(sql::Connection& db, UserId user,
                                         const std::optional<Place>& after, std::int64_t most);
// Descendants of the tokens, each once, oldest first. If there are more than `most`, some `most` of
// them: no more are looked at.
Result<std::vector<TokenEntry>> descendants_of(sql::Connection& db,
                                               const std::vector<std::string>& ids,
                                               std::int64_t most);
// The same of all roots of a user.
Result<std::vector<TokenEntry>> descendants_of_user(sql::Connection& db, UserId user,
                                                    std::int64_t most);

// The text of a common table expression `tree (id)` of all descendants of the tokens; their ids are
// appended to `params`, as views.
std::string tree_below(const std::vector<std::string>& ids, std::vector<sql::Param>& params);

// How many ancestors the token has; counting ends at `most`.
Result<std::int64_t> depth_of(sql::Connection& db, const std::string& id, std::int64_t most);

}  // namespace mytoken::store
