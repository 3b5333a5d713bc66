// Templates written without a running server: the defaults that `init` installs, and the command
// `profiles update`, which brings a folder of templates into a group.
#pragma once
#include <string>
#include <vector>

#include "app/config.h"
#include "base/clock.h"
#include "sql/database.h"

namespace mytoken::app {

// Adds what is missing of service::default_templates(); what exists stays as it is. Result: how
// many were added. The schema is there.
Result<int> install_default_templates(sql::Database& database, const Clock& clock);

// Writes every file <directory>/<kind>/<name> as the template <name> of the group, new or in the
// place of an existing one; directory "": the defaults. All or nothing, nothing is deleted. Result:
// a line per template. Error: cause says which file is wrong and why.
Result<std::vector<std::string>> update_profiles(const Config& config, const std::string& directory,
                                                 const std::string& group, const Clock& clock,
                                                 Log& log);

}  // namespace mytoken::app
