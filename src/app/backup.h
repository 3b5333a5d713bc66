// `mytoken-server backup FILE`: a copy of the embedded database while its server runs and writes.
// Successors of refresh tokens that wait in the journal go into the copy, so that the file is
// whole in itself. docs/operations/backup.md is for the operator.
#pragma once
#include <filesystem>
#include <string>

#include "app/config.h"

namespace mytoken::app {

// The line to print. FILE appears under its name when it is complete, checked and durable (mode
// 0600). Errors (cause: one line that says what to do), nothing changed: PostgreSQL, no database,
// FILE exists and not `overwrite`, FILE is one of the server's own files, disk full, a damaged
// database.
Result<std::string> backup(const Config& config, const std::filesystem::path& file, bool overwrite,
                           const Clock& clock, Log& log);

}  // namespace mytoken::app
