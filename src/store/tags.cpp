// Tags in SQL. Making a token below another one and tagging a whole tree meet at the rows of the
// tokens, so that a child is either tagged or inherits; see lock_tree.
#include "store/tags.h"

#include <algorithm>

#include "store/ids.h"

namespace mytoken::store {
namespace {

using sql::Blob;
using sql::Param;

constexpr std::size_t ids_at_once = 50;
constexpr std::int64_t largest_tree = 10'000;  // that is changed in one go

// The order of the names' bytes: engines may sort texts by the rules of a language.
template <class Named>
void sort_by_name(std::vector<Named>& list) {
  std::sort(list.begin(), list.end(),
            [](const Named& a, const Named& b) { return a.name < b.name; });
}

// Nobody makes a token below one of these until the transaction ends: whoever did before is waited
// for, and its token belongs to the tree, too.
Result<void> lock_tree(sql::Transaction& db, const std::string& mytoken_id) {
  auto size = db.one(
      "WITH RECURSIVE tree (id) AS (SELECT id FROM mytokens WHERE id = $1 UNION SELECT m.id FROM "
      "mytokens m JOIN tree ON m.parent_id = tree.id), part (id) AS (SELECT id FROM tree LIMIT $2) "
      "SELECT COUNT(*) FROM part",
      [](const sql::Row& row) { return row.integer(0); }, Blob{mytoken_id}, largest_tree + 1);
  if (!size) return tl::unexpected(size.error());
  if (size->value_or(0) > largest_tree) {
    return fail(invalid_request("more than " + std::to_string(largest_tree) +
                                " mytokens are below this one: tag them branch by branch"));
  }
  for (std::int64_t locked = -1;;) {
    auto rows = db.execute(
        "UPDATE mytokens SET name = name WHERE id IN (WITH RECURSIVE tree (id) AS (SELECT id FROM "
        "mytokens WHERE id = $1 UNION SELECT m.id FROM mytokens m JOIN tree ON m.parent_id = "
        "tree.id) SELECT id FROM tree)",
        Blob{mytoken_id});
    if (!rows) return tl::unexpected(rows.error());
    if (*rows == locked) return {};
    locked = *rows;
  }
}

TokenTag token_tag_of(const sql::Row& row) {
  return {row.string(1), row.string(2), row.flag(3)};
}

// "SELECT … IN ($1, … $50)"
const std::string& select_of_some() {
  static const std::string text = [] {
    std::string sql =
        "SELECT t.mytoken_id, g.name, g.color, t.include_children FROM token_tags t JOIN tags g ON "
        "g.id = t.tag_id WHERE t.mytoken_id IN (";
    for (std::size_t i = 1; i <= ids_at_once; ++i)
      sql += (i == 1 ? "$" : ", $") + std::to_string(i);
    return sql + ")";
  }();
  return text;
}

}  // namespace

Result<std::vector<Tag>> tags(sql::Connection& db, UserId user) {
  auto found = db.all(
      "SELECT name, color FROM tags WHERE user_id = $1",
      [](const sql::Row& row) {
        return Tag{row.string(0), row.string(1)};
      },
      user);
  if (found) sort_by_name(*found);
  return found;
}

Result<TagId> find_or_add_tag(sql::Transaction& db, UserId user, const std::string& name,
                              const std::string& color) {
  // The update that changes nothing keeps the row from being deleted meanwhile.
  auto id = db.one(
      "INSERT INTO tags (id, user_id, name, color) SELECT $1, $2, $3, $4 WHERE "
      "(SELECT count(*) FROM tags WHERE user_id = $2) < $5 "
      "OR EXISTS (SELECT 1 FROM tags WHERE user_id = $2 AND name = $3) "
      "ON CONFLICT (user_id, name) DO UPDATE SET color = tags.color RETURNING id",
      [](const sql::Row& row) { return row.integer(0); }, random_id(), user, name, color,
      most_tags);
  if (!id) return tl::unexpected(id.error());
  if (!*id) {
    return fail(invalid_request("a user can have " + std::to_string(most_tags) + " tags at most"));
  }
  return **id;
}

Result<bool> change_tag(sql::Transaction& db, UserId user, const std::string& name,
                        const TagChange& change) {
  auto changed = db.execute(
      "UPDATE tags SET name = COALESCE($3, name), color = COALESCE($4, color) WHERE user_id = $1 "
      "AND name = $2",
      user, name, change.name, change.color);
  if (!changed) return tl::unexpected(changed.error());
  return *changed > 0;
}

Result<void> delete_tag(sql::Transaction& db, UserId user, const std::string& name) {
  return db.post("DELETE FROM tags WHERE user_id = $1 AND name = $2", user, name);
}

Result<void> tag_token(sql::Transaction& db, const std::string& mytoken_id, TagId tag,
                       bool include_children) {
  return db.post(
      "INSERT INTO token_tags (mytoken_id, tag_id, include_children) VALUES ($1, $2, $3) "
      "ON CONFLICT (mytoken_id, tag_id) DO UPDATE SET include_children = "
      "excluded.include_children",
      Blob{mytoken_id}, tag, include_children);
}

Result<void> tag_tree(sql::Transaction& db, const std::string& mytoken_id, TagId tag) {
  if (auto locked = lock_tree(db, mytoken_id); !locked) return locked;
  return db.post(
      "INSERT INTO token_tags (mytoken_id, tag_id, include_children) "
      "WITH RECURSIVE tree (id) AS (SELECT id FROM mytokens WHERE id = $1 UNION SELECT m.id FROM "
      "mytokens m JOIN tree ON m.parent_id = tree.id) SELECT id, $2, 1 FROM tree WHERE true "
      "ON CONFLICT (mytoken_id, tag_id) DO UPDATE SET include_children = "
      "excluded.include_children",
      Blob{mytoken_id}, tag);
}

Result<void> untag_token(sql::Transaction& db, UserId user, const std::string& mytoken_id,
                         const std::string& name) {
  return db.post(
      "DELETE FROM token_tags WHERE mytoken_id = $1 AND tag_id = (SELECT id FROM tags WHERE "
      "user_id = $2 AND name = $3)",
      Blob{mytoken_id}, user, name);
}

Result<void> untag_tree(sql::Transaction& db, UserId user, const std::string& mytoken_id,
                        const std::string& name) {
  if (auto locked = lock_tree(db, mytoken_id); !locked) return locked;
  return db.post(
      "DELETE FROM token_tags WHERE tag_id = (SELECT id FROM tags WHERE user_id = $2 AND name = "
      "$3) AND mytoken_id IN (WITH RECURSIVE tree (id) AS (SELECT id FROM mytokens WHERE id = $1 "
      "UNION SELECT m.id FROM mytokens m JOIN tree ON m.parent_id = tree.id) SELECT id FROM tree)",
      Blob{mytoken_id}, user, name);
}

Result<void> inherit_tags(sql::Transaction& db, const std::string& parent,
                          const std::string& child) {
  if (auto locked = db.post("UPDATE mytokens SET name = name WHERE id = $1", Blob{parent}); !locked)
    return locked;
  return db.post(
      "INSERT INTO token_tags (mytoken_id, tag_id, include_children) SELECT m.id, t.tag_id, 1 FROM "
      "token_tags t JOIN mytokens m ON m.id = $2 WHERE t.mytoken_id = $1 AND t.include_children = "
      "1",
      Blob{parent}, Blob{child});
}

Result<TokenTags> tags_of(sql::Connection& db, UserId user) {
  TokenTags found;
  const Param params[] = {user};
  auto read = db.run(
      "SELECT t.mytoken_id, g.name, g.color, t.include_children FROM tags g JOIN token_tags t ON "
      "t.tag_id = g.id WHERE g.user_id = $1",
      params, [&found](const sql::Row& row) {
        found[row.bytes(0)].push_back(token_tag_of(row));
        return true;
      });
  if (!read) return tl::unexpected(read.error());
  for (auto& [id, list] : found)
    sort_by_name(list);
  return found;
}

Result<TokenTags> tags_of(sql::Connection& db, const std::vector<std::string>& mytoken_ids) {
  TokenTags found;
  for (std::size_t begin = 0; begin < mytoken_ids.size(); begin += ids_at_once) {
    std::vector<Param> params;
    for (std::size_t i = 0; i < ids_at_once; ++i)  // the last one fills up
      params.emplace_back(Blob{mytoken_ids[std::min(begin + i, mytoken_ids.size() - 1)]});
    auto read = db.run(select_of_some(), params, [&found](const sql::Row& row) {
      found[row.bytes(0)].push_back(token_tag_of(row));
      return true;
    });
    if (!read) return tl::unexpected(read.error());
  }
  for (auto& [id, list] : found)
    sort_by_name(list);
  return found;
}

}  // namespace mytoken::store
