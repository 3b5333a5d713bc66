// Lists and trees of mytokens in SQL; see listing.h.
#include "store/listing.h"

#include <algorithm>

namespace mytoken::store {
namespace {

using sql::Blob;

constexpr std::string_view select_entry =
    "SELECT m.id, m.parent_id, m.name, m.created, m.number, m.expires_at, m.created_ip "
    "FROM mytokens m ";
constexpr std::string_view behind_place = "(m.created, m.number, m.id) > ($2, $3, $4) ";
constexpr std::string_view in_order = "ORDER BY m.created, m.number, m.id ";

TokenEntry entry_of(const sql::Row& r) {
  TokenEntry entry;
  entry.id = r.bytes(0);
  if (!r.is_null(1)) entry.parent_id = r.bytes(1);
  entry.name = r.string(2);
  entry.created = r.time(3);
  entry.number = r.integer(4);
  entry.expires_at = r.optional_time(5);
  entry.created_ip = r.string(6);
  return entry;
}

// Before every entry.
const Place& beginning() {
  static const Place place{Time::min(), 0, {}};
  return place;
}

}  // namespace

std::string tree_below(const std::vector<std::string>& ids, std::vector<sql::Param>& params) {
  // Few texts for all numbers of ids: the last one is repeated.
  std::size_t places = 1;
  while (places < ids.size())
    places *= 4;
  std::string list;
  for (std::size_t i = 0; i < places; ++i) {
    params.push_back(Blob{ids.empty() ? std::string_view() : ids[std::min(i, ids.size() - 1)]});
    list += (i > 0 ? ", $" : "$") + std::to_string(params.size());
  }
  return "tree (id) AS (SELECT id FROM mytokens WHERE parent_id IN (" + list +
         ") UNION SELECT c.id FROM mytokens c JOIN tree ON c.parent_id = tree.id)";
}

Result<std::optional<TokenEntry>> token_entry(sql::Connection& db, const std::string& id) {
  static const std::string sql = std::string(select_entry) + "WHERE m.id = $1";
  return db.one(sql, entry_of, Blob{id});
}

Result<std::vector<TokenEntry>> children_of(sql::Connection& db, const std::string& id,
                                            const std::optional<Place>& after, std::int64_t most) {
  const Place& from = after ? *after : beginning();
  static const std::string sql = std::string(select_entry) + "WHERE m.parent_id = $1 AND " +
                                 std::string(behind_place) + std::string(in_order) + "LIMIT $5";
  return db.all(sql, entry_of, Blob{id}, from.created, from.number, Blob{from.id}, most);
}

Result<std::vector<TokenEntry>> roots_of(sql::Connection& db, UserId user,
                                         const std::optional<Place>& after, std::int64_t most) {
  const Place& from = after ? *after : beginning();
  static const std::string sql = std::string(select_entry) +
                                 "WHERE m.user_id = $1 AND m.parent_id IS NULL AND " +
                                 std::string(behind_place) + std::string(in_order) + "LIMIT $5";
  return db.all(sql, entry_of, user, from.created, from.number, Blob{from.id}, most);
}

Result<std::vector<TokenEntry>> descendants_of(sql::Connection& db,
                                               const std::vector<std::string>& ids,
                                               std::int64_t most) {
  std::vector<sql::Param> params{most};
  const std::string sql = "WITH RECURSIVE " + tree_below(ids, params) +
                          ", part (id) AS (SELECT id FROM tree LIMIT $1) " +
                          std::string(select_entry) + "JOIN part ON m.id = part.id " +
                          std::string(in_order);
  std::vector<TokenEntry> entries;
  auto done = db.run(sql, params, [&entries](const sql::Row& row) {
    entries.push_back(entry_of(row));
    return true;
  });
  if (!done) return tl::unexpected(done.error());
  return entries;
}

Result<std::vector<TokenEntry>> descendants_of_user(sql::Connection& db, UserId user,
                                                    std::int64_t most) {
  static const std::string sql = std::string(select_entry) +
                                 "WHERE m.user_id = $1 AND m.parent_id IS NOT NULL " +
                                 std::string(in_order) + "LIMIT $2";
  return db.all(sql, entry_of, user, most);
}

Result<std::int64_t> depth_of(sql::Connection& db, const std::string& id, std::int64_t most) {
  auto found = db.one(
      "WITH RECURSIVE line (parent_id, depth) AS (SELECT parent_id, 0 FROM mytokens WHERE id = $1 "
      "UNION ALL SELECT m.parent_id, line.depth + 1 FROM mytokens m JOIN line ON m.id = "
      "line.parent_id WHERE line.depth < $2) SELECT MAX(depth) FROM line",
      [](const sql::Row& r) { return r.integer(0); }, Blob{id}, most);
  if (!found) return tl::unexpected(found.error());
  return found->value_or(0);
}

}  // namespace mytoken::store
