// The schema: numbered SQL files in store/migrations, embedded when the program is built, applied
// by sql::Database::migrate. Forward only (DESIGN §6).
#pragma once
#include <vector>

#include "sql/database.h"

namespace mytoken::store {

std::vector<sql::Migration> migrations();

}  // namespace mytoken::store
