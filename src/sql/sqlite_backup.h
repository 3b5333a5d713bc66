// Whole SQLite files: a copy of one that another program may be writing, the check of one that
// comes from anywhere, and taking one file's place by another. What stands in the tables is the
// caller's business (sql/sqlite.h opens a copy like any other file). All functions block. Errors:
// internal_server_error whose cause is one line.
#pragma once
#include <filesystem>

#include "base/error.h"

namespace mytoken::sql {

// True for a file that begins as a SQLite database does.
bool is_sqlite_file(const std::filesystem::path& file);

// Copies one consistent state of `from` to the new file `to` (mode 0600; what is there is removed).
// The writer of `from` goes on meanwhile; its write-ahead log grows for as long as this takes.
// `from` is not changed. The copy is neither checked nor durable yet.
Result<void> copy_sqlite_file(const std::filesystem::path& from, const std::filesystem::path& to);

// Reads every page and index and follows every reference. Error: what is damaged.
Result<void> check_sqlite_file(const std::filesystem::path& file);

// Makes a file that nobody has open whole in itself (no write-ahead log beside it) and durable.
Result<void> close_sqlite_file(const std::filesystem::path& file);

// Removes a file with what the engine and the lock put beside it.
void remove_sqlite_file(const std::filesystem::path& file);

// Puts `made`, which close_sqlite_file was called for, in the place of `file`; what was there keeps
// its content as `kept_as` (a name in the same folder that is not in use). The caller holds the
// lock of `file`. At every moment `file` is the old or the new database, whole. The owner of the
// former file (of the folder if there was none) becomes the owner of the new one.
Result<void> replace_sqlite_file(const std::filesystem::path& made,
                                 const std::filesystem::path& file,
                                 const std::filesystem::path& kept_as);

// Gives a durable file its name: atomic, with the folder synced. `overwrite`: another file may have
// the name; else that is an error.
Result<void> name_file(const std::filesystem::path& made, const std::filesystem::path& file,
                       bool overwrite);

}  // namespace mytoken::sql
