// Values arrive in PostgreSQL's binary format: integers in network byte order, text and bytea as
// they are, numeric (the type of a sum of BIGINT) as digits to the base of 10,000.
#include "sql/postgres_result.h"

#include <algorithm>
#include <stdexcept>

namespace mytoken::sql {
namespace {

constexpr Oid type_bool = 16;
constexpr Oid type_int8 = 20;
constexpr Oid type_int2 = 21;
constexpr Oid type_int4 = 23;
constexpr Oid type_numeric = 1700;
constexpr std::size_t longest_message = 500;

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char c : bytes)
    number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

std::uint64_t two_bytes(std::string_view bytes, std::size_t at) {
  if (at + 2 > bytes.size()) throw std::out_of_range("a numeric of the database is cut short");
  return big_endian(bytes.substr(at, 2));
}

// Header: number of digits, weight of the first, sign, digits after the point; then the digits.
std::int64_t whole_numeric(std::string_view bytes) {
  const std::uint64_t digits = two_bytes(bytes, 0);
  const auto weight = static_cast<std::int16_t>(two_bytes(bytes, 2));
  const std::uint64_t sign = two_bytes(bytes, 4);
  if (weight > 3 || (sign != 0 && sign != 0x4000)) {
    throw std::out_of_range("a numeric of the database is no 64-bit integer");
  }
  std::int64_t number = 0;
  for (int i = 0; i <= weight; ++i) {
    const auto digit = static_cast<std::uint64_t>(i) < digits
                           ? two_bytes(bytes, 8 + 2 * static_cast<std::size_t>(i))
                           : 0;
    number = number * 10'000 + static_cast<std::int64_t>(digit);
  }
  return sign == 0 ? number : -number;
}

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text ? text : "";
}

}  // namespace

bool PostgresRow::is_null(int column) const {
  if (column < 0 || column >= PQnfields(result_)) {
    throw std::out_of_range("a row has no column of this number");
  }
  return PQgetisnull(result_, row_, column) != 0;
}

std::string_view PostgresRow::bytes(int column) const {
  if (is_null(column)) return {};
  return {PQgetvalue(result_, row_, column),
          static_cast<std::size_t>(PQgetlength(result_, row_, column))};
}

std::int64_t PostgresRow::integer(int column) const {
  const std::string_view value = bytes(column);
  if (value.empty()) return 0;
  switch (PQftype(result_, column)) {
    case type_int8:
      return static_cast<std::int64_t>(big_endian(value));
    case type_int4:
      return static_cast<std::int32_t>(big_endian(value));
    case type_int2:
      return static_cast<std::int16_t>(big_endian(value));
    case type_bool:
      return value.front() != 0 ? 1 : 0;
    case type_numeric:
      return whole_numeric(value);
    default:
      throw std::invalid_argument("a column is read as an integer and is none");
  }
}

std::string_view PostgresRow::text(int column) const {
  return bytes(column);
}

std::string_view PostgresRow::blob(int column) const {
  return bytes(column);
}

std::string one_line(std::string_view message) {
  std::string line;
  for (const char c : message.substr(0, longest_message)) {
    if (c == '\n' || c == '\t' || c == '\r') {
      if (!line.empty() && line.back() != ' ') line += ' ';
    } else {
      line += c;
    }
  }
  while (!line.empty() && line.back() == ' ')
    line.pop_back();
  return line;
}

Failure failure_of(const PGresult* result) {
  const std::string state = field(result, PG_DIAG_SQLSTATE);
  const std::string kind = state.substr(0, 2);
  std::string cause = "postgresql " + (state.empty() ? std::string("connection") : state) + ": ";
  if (kind == "22" || kind == "23") {  // these messages may quote values
    const std::string table = field(result, PG_DIAG_TABLE_NAME);
    const std::string constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
    cause += kind == "22" ? "a value does not fit" : "a constraint is violated";
    if (!table.empty()) cause += ", table " + table;
    if (!constraint.empty()) cause += ", constraint " + constraint;
  } else {
    const std::string message = field(result, PG_DIAG_MESSAGE_PRIMARY);
    cause += one_line(message.empty() ? PQresultErrorMessage(result) : message);
  }
  Failure failure;
  auto as = [&](Error error, const char* code = nullptr) {
    failure.error = std::move(error);
    if (code) failure.error.code = code;
  };
  if (state == "23505") {
    as(internal_error(cause), "sql_conflict");
  } else if (state == "40001" || state == "40P01" || state == "42P07" || state == "42710") {
    // The last two, a table or its type is there already: another server migrates at the same time.
    as(unavailable(cause), "sql_retry");
  } else if (state == "23503") {
    // A row this transaction could not see yet refers to one it deletes, or the other way round:
    // the function decides anew on what is there now. Nothing portable locks a row against new
    // references.
    as(unavailable(cause), "sql_retry");
  } else if (state == "0A000" || state == "26000") {
    // A changed table, or a pooler that lent another session: prepared again it works.
    as(unavailable(cause), "sql_retry");
    failure.forgets_statement = true;
  } else if (state == "22012") {
    failure.error = Connection::unmet();  // the only division is that of must_run
  } else if (state == "22021" || state == "22P05") {
    as(invalid_request("a text holds characters that cannot be stored"));
    failure.error.cause = cause;
  } else if (state.empty() || kind == "08" || kind == "57" || state == "40003" ||
             state == "25P03") {
    as(unavailable(cause));
    // 57014: a statement was ended by its time-out, the session is fine.
    failure.ends_connection = state != "57014";
  } else if (state == "42501") {
    as(internal_error(cause +
                      ": the user of the database URL needs all rights on its schema and tables"));
  } else if (state == "25006") {
    as(internal_error(cause));
    failure.read_only = true;
  } else if (kind == "53" || kind == "55" || kind == "58" || kind == "XX") {
    as(unavailable(cause));
  } else {
    as(internal_error(cause));
  }
  return failure;
}

}  // namespace mytoken::sql
