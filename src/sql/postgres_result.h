// Results and errors of libpq as the rest of the program sees them. Private to the PostgreSQL
// driver.
#pragma once
#include <libpq-fe.h>

#include <memory>

#include "sql/connection.h"

namespace mytoken::sql {

struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPointer = std::unique_ptr<PGresult, ClearResult>;

// One row of a result in binary format. Numbers of any width, booleans and whole numerics are
// integers; text and bytea are views into the result.
class PostgresRow final : public Row {
 public:
  PostgresRow(const PGresult* result, int row) : result_(result), row_(row) {}
  bool is_null(int column) const override;
  std::int64_t integer(int column) const override;
  std::string_view text(int column) const override;
  std::string_view blob(int column) const override;

 private:
  std::string_view bytes(int column) const;
  const PGresult* result_;
  int row_;
};

// What an error means for the connection that heard it.
struct Failure {
  Error error;
  bool ends_connection = false;    // the server goes away, or is one that takes no writes
  bool forgets_statement = false;  // prepare again
  bool read_only = false;          // a bug in a read, another server's turn in a write
};

// `result`: of status PGRES_FATAL_ERROR. The cause names state, message or (where a message could
// hold values) the constraint, never the detail.
Failure failure_of(const PGresult* result);

// A message of libpq on one line, bounded.
std::string one_line(std::string_view message);

}  // namespace mytoken::sql
