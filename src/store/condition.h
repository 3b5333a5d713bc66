// In which condition a database is, beyond its schema: whether a server may use it, and how much it
// holds. Conditions are notes in the table `meta`, which both engines keep.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "sql/connection.h"

namespace mytoken::store {

// Error (cause: one line that says what to do): the database was moved to another engine, holds a
// part of one that is being moved there, or the marking after a restore was interrupted.
Result<void> require_usable(sql::Connection& db);

// Notes. `moved_to`: where the installation is now, and since when. `incomplete`: a copy is under
// way into this database.
inline constexpr std::string_view moved_to = "moved_to";
inline constexpr std::string_view incomplete = "incomplete";
Result<std::optional<std::string>> note(sql::Connection& db, std::string_view key);
Result<void> set_note(sql::Transaction& db, std::string_view key, std::string_view text);
Result<void> remove_note(sql::Transaction& db, std::string_view key);

struct Holdings {
  std::int64_t schema = 0;
  std::int64_t mytokens = 0;
  std::int64_t refresh_tokens = 0;
  Time newest{};  // the last time that anything was written, as far as it is known
};
Result<Holdings> holdings(sql::Connection& db);

}  // namespace mytoken::store
