// Templates and profiles in SQL; see profiles.h.
#include "store/profiles.h"

#include <algorithm>

namespace mytoken::store {

using sql::Blob;

namespace {

ProfileRow row_of(const sql::Row& r) {
  return {r.bytes(0), r.string(1), r.string(2), r.string(3), r.string(4), r.time(5)};
}

}  // namespace

Result<std::optional<std::string>> profile_payload(sql::Connection& db, std::string_view kind,
                                                   std::string_view group, std::string_view name) {
  return db.one(
      "SELECT payload FROM profiles WHERE kind = $1 AND group_name = $2 AND name = $3",
      [](const sql::Row& row) { return row.string(0); }, kind, group, name);
}

Result<std::vector<ProfileRow>> profiles_of(sql::Connection& db, std::string_view kind,
                                            std::string_view group) {
  auto rows = db.all(
      "SELECT id, kind, group_name, name, payload, created FROM profiles WHERE kind = $1 AND "
      "group_name = $2",
      row_of, kind, group);
  if (!rows) return rows;
  // Engines sort texts in the order of a language.
  std::sort(rows->begin(), rows->end(),
            [](const ProfileRow& a, const ProfileRow& b) { return a.name < b.name; });
  return rows;
}

Result<std::optional<ProfileRow>> profile(sql::Connection& db, const std::string& id,
                                          std::string_view kind, std::string_view group) {
  return db.one(
      "SELECT id, kind, group_name, name, payload, created FROM profiles WHERE id = $1 AND kind = "
      "$2 AND group_name = $3",
      row_of, Blob{id}, kind, group);
}

Result<std::vector<std::string>> profile_groups(sql::Connection& db) {
  auto groups = db.all("SELECT DISTINCT group_name FROM profiles",
                       [](const sql::Row& row) { return row.string(0); });
  if (groups) std::sort(groups->begin(), groups->end());
  return groups;
}

Result<std::int64_t> count_profiles(sql::Connection& db, std::string_view kind,
                                    std::string_view group) {
  auto count = db.one(
      "SELECT count(*) FROM profiles WHERE kind = $1 AND group_name = $2",
      [](const sql::Row& row) { return row.integer(0); }, kind, group);
  if (!count) return tl::unexpected(count.error());
  return count->value_or(0);
}

Result<bool> add_profile(sql::Transaction& db, const ProfileRow& row) {
  auto added = db.execute(
      "INSERT INTO profiles (id, kind, group_name, name, payload, created) VALUES ($1, $2, $3, $4, "
      "$5, $6) ON CONFLICT (kind, group_name, name) DO NOTHING",
      Blob{row.id}, row.kind, row.group, row.name, row.payload, row.created);
  if (!added) return tl::unexpected(added.error());
  return *added > 0;
}

Result<bool> change_profile(sql::Transaction& db, const ProfileRow& row) {
  auto changed = db.execute(
      "UPDATE profiles SET name = $4, payload = $5 WHERE id = $1 AND kind = $2 AND group_name = $3",
      Blob{row.id}, row.kind, row.group, row.name, row.payload);
  if (!changed) return tl::unexpected(changed.error());
  return *changed > 0;
}

Result<bool> remove_profile(sql::Transaction& db, const std::string& id, std::string_view kind,
                            std::string_view group) {
  auto removed = db.execute("DELETE FROM profiles WHERE id = $1 AND kind = $2 AND group_name = $3",
                            Blob{id}, kind, group);
  if (!removed) return tl::unexpected(removed.error());
  return *removed > 0;
}

}  // namespace mytoken::store
