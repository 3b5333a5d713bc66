// Copying an installation from the embedded database into an empty one of another engine, and
// proving that both hold the same. Rows have one canonical form whatever engine they are read from:
//
//   row   := value* in the order of the table's columns
//   value := "N" | "I" 8 bytes big-endian | ("T" | "B") length (8 bytes big-endian) bytes
//
// A table's digest is the sum of the SHA-256 of its rows modulo 2^256, so that it does not depend
// on the order in which an engine returns them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sql/database.h"
#include "sql/sqlite_tables.h"

namespace mytoken::store {

// Copies all rows of a SQLite table, in transactions of bounded size. Result: how many. Errors: the
// target's, with the table's name in the cause.
Result<std::int64_t> copy_table(const sql::Table& table, sql::Database& from, sql::Database& to);

struct Tally {
  std::int64_t rows = 0;
  std::string digest = std::string(32, '\0');
  bool operator==(const Tally&) const = default;
};
// Reads the whole table, on any engine, in pages.
Result<Tally> tally(const sql::Table& table, sql::Database& database);

struct Sample {
  std::int64_t tokens = 0;
  std::int64_t rows = 0;
};
// Compares what belongs to at most `most` mytokens taken at random, row by row. Error: where they
// differ.
Result<Sample> compare_sample(const std::vector<sql::Table>& tables, sql::Database& one,
                              sql::Database& other, int most);

// Empties the tables. Result: rows removed.
Result<std::int64_t> empty_tables(const std::vector<sql::Table>& tables, sql::Database& database);
// The name of a table that has rows; "" if all are empty.
Result<std::string> first_filled(const std::vector<sql::Table>& tables, sql::Connection& db);

}  // namespace mytoken::store
