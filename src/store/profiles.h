// Templates and profiles of the server (spec profiles.md §2): JSON texts under kind, group and
// name, kept as they were written.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sql/connection.h"

namespace mytoken::store {

struct ProfileRow {
  std::string id;    // 16 bytes
  std::string kind;  // profiles, capabilities, restrictions, rotation
  std::string group;
  std::string name;
  std::string payload;  // JSON text
  Time created{};
};

// nullopt: no such entry.
Result<std::optional<std::string>> profile_payload(sql::Connection& db, std::string_view kind,
                                                   std::string_view group, std::string_view name);
// All entries of a group, by name in the order of its bytes.
Result<std::vector<ProfileRow>> profiles_of(sql::Connection& db, std::string_view kind,
                                            std::string_view group);
// The group and name of one; nullopt: unknown, or of another kind or group.
Result<std::optional<ProfileRow>> profile(sql::Connection& db, const std::string& id,
                                          std::string_view kind, std::string_view group);
// Groups that own something, sorted.
Result<std::vector<std::string>> profile_groups(sql::Connection& db);
Result<std::int64_t> count_profiles(sql::Connection& db, std::string_view kind,
                                    std::string_view group);

// False: the name is taken.
Result<bool> add_profile(sql::Transaction& db, const ProfileRow& row);
// Name and payload of an entry; error sql_conflict: the name is taken. False: no such entry.
Result<bool> change_profile(sql::Transaction& db, const ProfileRow& row);
// False: no such entry.
Result<bool> remove_profile(sql::Transaction& db, const std::string& id, std::string_view kind,
                            std::string_view group);

}  // namespace mytoken::store
