// Tags: names with a color that a user gives to tokens (spec settings.md §5). Functions run on the
// connection they are given; those that change rows are atomic within the caller's transaction.
// Colors are six lower-case hexadecimal digits; names are compared byte by byte.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sql/connection.h"
#include "store/records.h"

namespace mytoken::store {

constexpr std::int64_t most_tags = 1000;  // of one user

struct Tag {
  std::string name;
  std::string color;
};
// All tags of a user, by name.
Result<std::vector<Tag>> tags(sql::Connection& db, UserId user);

using TagId = std::int64_t;
// The tag of this name; made with `color` if there is none, else left as it is. It stays until the
// transaction ends. Error invalid_request: the user has most_tags already.
Result<TagId> find_or_add_tag(sql::Transaction& db, UserId user, const std::string& name,
                              const std::string& color);
// What is not given stays. False: there is no tag of this name. Error sql_conflict: the user has
// another tag of the new name.
struct TagChange {
  std::optional<std::string> name;
  std::optional<std::string> color;
};
Result<bool> change_tag(sql::Transaction& db, UserId user, const std::string& name,
                        const TagChange& change);
// Also from everything that carries it.
Result<void> delete_tag(sql::Transaction& db, UserId user, const std::string& name);

// The token carries the tag from now on; if it did before, only the flag is set.
Result<void> tag_token(sql::Transaction& db, const std::string& mytoken_id, TagId tag,
                       bool include_children);
// The same for the token and all its descendants, those that are being made included, with the
// flag: their future children inherit it.
Result<void> tag_tree(sql::Transaction& db, const std::string& mytoken_id, TagId tag);
// Takes the user's tag of this name away, if it is there, from the token or from its whole tree.
Result<void> untag_token(sql::Transaction& db, UserId user, const std::string& mytoken_id,
                         const std::string& name);
Result<void> untag_tree(sql::Transaction& db, UserId user, const std::string& mytoken_id,
                        const std::string& name);
// A new token gets those tags of its parent that are for children, too.
Result<void> inherit_tags(sql::Transaction& db, const std::string& parent,
                          const std::string& child);

struct TokenTag {
  std::string name;
  std::string color;
  bool include_children = false;
};
// By token; each one's tags by name. Tokens without tags are missing.
using TokenTags = std::map<std::string, std::vector<TokenTag>>;
// Of all tokens of a user: one statement.
Result<TokenTags> tags_of(sql::Connection& db, UserId user);
// Of some tokens (a page, a tree): one statement for every fifty of them.
Result<TokenTags> tags_of(sql::Connection& db, const std::vector<std::string>& mytoken_ids);

}  // namespace mytoken::store
