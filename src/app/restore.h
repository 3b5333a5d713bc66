// `mytoken-server restore`: an older state of the database comes back, from a backup of the
// embedded database or by PostgreSQL's own tools. What that means for tokens stands in
// store/restore.h, for the operator in docs/operations/backup.md.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "app/config.h"

namespace mytoken::app {

struct RestoreFlags {
  bool keep_usage_counters = false;  // limits stay as they were: no limited token was used since
  bool replace_newer = false;        // --force
  bool bring_back_revoked = false;   // also what the replaced database no longer has
};

// Puts a backup in the place of the embedded database, marked as restored; the replaced one is kept
// under another name. Result: the lines to print. Errors (cause: one line that says what to do),
// nothing changed: PostgreSQL, a server runs, FILE is damaged, of something else, of another
// installation or of a newer schema, the database that is there is newer and not `replace_newer`.
Result<std::vector<std::string>> restore(const Config& config, const std::filesystem::path& file,
                                         const RestoreFlags& flags, const Clock& clock, Log& log);

// The same marking where the older state (of `state_time`) is in place already: a point-in-time
// recovery of PostgreSQL, a snapshot of the machine. Errors: a server runs; the database was
// written after `state_time`, or that lies in the future.
Result<std::vector<std::string>> restored_otherwise(const Config& config,
                                                    const std::string& state_time,
                                                    const RestoreFlags& flags, const Clock& clock,
                                                    Log& log);

}  // namespace mytoken::app
