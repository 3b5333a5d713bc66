// The shape of the tables in a SQLite file, as far as copying their rows needs it: read from the
// database itself, so that a table that a migration adds is never forgotten.
#pragma once
#include <string>
#include <vector>

#include "sql/connection.h"

namespace mytoken::sql {

struct Column {
  enum class Kind { integer, text, blob };
  std::string name;
  Kind kind = Kind::integer;
  int key = 0;  // place in the primary key from 1; 0: not in it
};

struct Table {
  std::string name;
  std::vector<Column> columns;

  // Of the primary key, in its order.
  std::vector<Column> key() const;
  bool has(std::string_view column) const;
};

// All tables but `meta`; a table that others refer to stands before them. Error: a table without
// primary key, tables that refer to each other in a circle, a type of other engines.
Result<std::vector<Table>> tables_of_sqlite(Connection& db);

}  // namespace mytoken::sql
