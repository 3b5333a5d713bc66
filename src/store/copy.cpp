// SQLite hands out rows in the order in which they were made (rowid): parents come before children,
// as references within a table need it.
#include "store/copy.h"

#include <algorithm>
#include <limits>
#include <set>
#include <variant>

#include "base/random.h"
#include "crypto/hash.h"

namespace mytoken::store {
namespace {

using sql::Blob;
using sql::Column;
using sql::Param;
using sql::Table;

constexpr std::int64_t page = 500;  // rows per statement and transaction

using Value = std::variant<std::monostate, std::int64_t, std::string>;
using Values = std::vector<Value>;

Value value_of(const sql::Row& row, int at, Column::Kind kind) {
  if (row.is_null(at)) return std::monostate();
  if (kind == Column::Kind::integer) return row.integer(at);
  return kind == Column::Kind::text ? row.string(at) : row.bytes(at);
}

// The values of `columns`, which begin at column `first` of the row.
Values values_of(const sql::Row& row, const std::vector<Column>& columns, int first) {
  Values values;
  for (const Column& column : columns)
    values.push_back(value_of(row, first++, column.kind));
  return values;
}

// Valid as long as `values`.
std::vector<Param> params_of(const Values& values, const std::vector<Column>& columns) {
  std::vector<Param> params;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (const auto* number = std::get_if<std::int64_t>(&values[i])) {
      params.emplace_back(*number);
    } else if (const auto* bytes = std::get_if<std::string>(&values[i])) {
      if (columns[i].kind == Column::Kind::text) {
        params.emplace_back(std::string_view(*bytes));
      } else {
        params.emplace_back(Blob{*bytes});
      }
    } else {
      params.emplace_back(std::monostate());
    }
  }
  return params;
}

std::string big_endian(std::uint64_t number) {
  std::string bytes(8, '\0');
  for (std::size_t i = 8; i-- > 0; number >>= 8)
    bytes[i] = static_cast<char>(number & 0xffu);
  return bytes;
}

std::string canonical(const Values& values, const std::vector<Column>& columns) {
  std::string form;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (const auto* number = std::get_if<std::int64_t>(&values[i])) {
      form += 'I' + big_endian(static_cast<std::uint64_t>(*number));
    } else if (const auto* bytes = std::get_if<std::string>(&values[i])) {
      form += (columns[i].kind == Column::Kind::text ? 'T' : 'B') + big_endian(bytes->size());
      form += *bytes;
    } else {
      form += 'N';
    }
  }
  return form;
}

// sum += one, as 256-bit numbers.
void add(std::string& sum, const std::string& one) {
  unsigned carry = 0;
  for (std::size_t i = sum.size(); i-- > 0;) {
    carry += static_cast<unsigned char>(sum[i]) + static_cast<unsigned char>(one[i]);
    sum[i] = static_cast<char>(carry & 0xffu);
    carry >>= 8;
  }
}

// "a, b, c"
std::string names(const std::vector<Column>& columns) {
  std::string list;
  for (const Column& column : columns)
    list += (list.empty() ? "" : ", ") + column.name;
  return list;
}

// "$1, $2, $3"
std::string numbers(std::size_t count) {
  std::string list;
  for (std::size_t i = 1; i <= count; ++i)
    list += (i == 1 ? "$" : ", $") + std::to_string(i);
  return list;
}

Error in_table(const Table& table, Error error) {
  error.cause =
      "table " + table.name + ": " + (error.cause.empty() ? error.description : error.cause);
  return error;
}

// The rows that `sql` selects, canonical and sorted.
Result<std::vector<std::string>> rows_of(sql::Database& database, const Table& table,
                                         const std::string& sql, const std::string& id) {
  std::vector<std::string> rows;
  auto read = database.read_now([&](sql::Connection& db) -> Result<void> {
    rows.clear();
    auto found = db.run(sql, std::vector<Param>{Blob{id}}, [&](const sql::Row& row) {
      rows.push_back(canonical(values_of(row, table.columns, 0), table.columns));
      return true;
    });
    if (!found) return tl::unexpected(found.error());
    return {};
  });
  if (!read) return tl::unexpected(in_table(table, read.error()));
  std::sort(rows.begin(), rows.end());
  return rows;
}

// What of a table belongs to mytoken $1; "" if nothing does.
std::string rows_of_token(const Table& table) {
  const std::string select = "SELECT " + names(table.columns) + " FROM " + table.name + " WHERE ";
  if (table.name == "mytokens") return select + "id = $1";
  if (table.has("mytoken_id")) return select + "mytoken_id = $1";
  if (table.name == "refresh_tokens")
    return select + "id = (SELECT refresh_token_id FROM mytokens WHERE id = $1)";
  if (table.name == "users") return select + "id = (SELECT user_id FROM mytokens WHERE id = $1)";
  return {};
}

// The tokens whose ids follow a random one; the first ones, if none do.
Result<std::vector<std::string>> random_tokens(sql::Database& database, int count) {
  std::vector<std::string> ids;
  const std::string pivot = random_bytes(64);
  auto read = database.read_now([&](sql::Connection& db) -> Result<void> {
    const auto id_of = [](const sql::Row& row) { return row.bytes(0); };
    auto found = db.all("SELECT id FROM mytokens WHERE id >= $1 ORDER BY id LIMIT $2", id_of,
                        Blob{pivot}, count);
    if (found && found->empty())
      found = db.all("SELECT id FROM mytokens ORDER BY id LIMIT $1", id_of, count);
    if (!found) return tl::unexpected(found.error());
    ids = std::move(*found);
    return {};
  });
  if (!read) return tl::unexpected(read.error());
  return ids;
}

}  // namespace

Result<std::int64_t> copy_table(const Table& table, sql::Database& from, sql::Database& to) {
  const std::string select = "SELECT rowid, " + names(table.columns) + " FROM " + table.name +
                             " WHERE rowid > $1 ORDER BY rowid LIMIT $2";
  const std::string insert = "INSERT INTO " + table.name + " (" + names(table.columns) +
                             ") VALUES (" + numbers(table.columns.size()) + ")";
  std::int64_t copied = 0;
  std::int64_t last = std::numeric_limits<std::int64_t>::min();
  for (;;) {
    std::vector<Values> rows;
    const std::int64_t after = last;
    auto read = from.read_now([&](sql::Connection& db) -> Result<void> {
      rows.clear();
      auto found = db.run(select, std::vector<Param>{after, page}, [&](const sql::Row& row) {
        last = row.integer(0);
        rows.push_back(values_of(row, table.columns, 1));
        return true;
      });
      if (!found) return tl::unexpected(found.error());
      return {};
    });
    if (!read) return tl::unexpected(in_table(table, read.error()));
    if (rows.empty()) return copied;
    auto written = to.write_now([&](sql::Transaction& db) -> Result<void> {
      for (const Values& row : rows) {
        if (auto r = db.post_run(insert, params_of(row, table.columns)); !r) return r;
      }
      return {};
    });
    if (!written) return tl::unexpected(in_table(table, written.error()));
    copied += static_cast<std::int64_t>(rows.size());
  }
}

Result<Tally> tally(const Table& table, sql::Database& database) {
  const std::vector<Column> key = table.key();
  const std::string select =
      "SELECT " + names(key) + ", " + names(table.columns) + " FROM " + table.name;
  const std::string order = " ORDER BY " + names(key) + " LIMIT " + std::to_string(page);
  const std::string next =
      select + " WHERE (" + names(key) + ") > (" + numbers(key.size()) + ")" + order;
  Tally total;
  Values last;
  for (std::int64_t rows = page; rows == page;) {
    const Values after = last;
    Tally so_far;
    auto read = database.read_now([&](sql::Connection& db) -> Result<void> {
      so_far = total;
      rows = 0;
      const auto take = [&](const sql::Row& row) {
        last = values_of(row, key, 0);
        const Values values = values_of(row, table.columns, static_cast<int>(key.size()));
        add(so_far.digest, crypto::sha256(canonical(values, table.columns)));
        ++so_far.rows;
        ++rows;
        return true;
      };
      auto found = after.empty() ? db.run(select + order, std::vector<Param>(), take)
                                 : db.run(next, params_of(after, key), take);
      if (!found) return tl::unexpected(found.error());
      return {};
    });
    if (!read) return tl::unexpected(in_table(table, read.error()));
    total = std::move(so_far);
  }
  return total;
}

Result<Sample> compare_sample(const std::vector<Table>& tables, sql::Database& one,
                              sql::Database& other, int most) {
  constexpr int at_once = 10;
  std::set<std::string> ids;
  for (int i = 0; i < most; i += at_once) {
    auto some = random_tokens(one, std::min(at_once, most - i));
    if (!some) return tl::unexpected(some.error());
    ids.insert(some->begin(), some->end());
  }
  Sample sample;
  for (const std::string& id : ids) {
    for (const Table& table : tables) {
      const std::string sql = rows_of_token(table);
      if (sql.empty()) continue;
      auto here = rows_of(one, table, sql, id);
      if (!here) return tl::unexpected(here.error());
      auto there = rows_of(other, table, sql, id);
      if (!there) return tl::unexpected(there.error());
      if (*here != *there)
        return fail(internal_error("rows of a sampled token differ in table " + table.name));
      sample.rows += static_cast<std::int64_t>(here->size());
    }
    ++sample.tokens;
  }
  return sample;
}

Result<std::int64_t> empty_tables(const std::vector<Table>& tables, sql::Database& database) {
  std::int64_t removed = 0;
  for (auto table = tables.rbegin(); table != tables.rend(); ++table) {
    auto done = database.write_now([&](sql::Transaction& db) -> Result<void> {
      auto rows = db.execute("DELETE FROM " + table->name);
      if (!rows) return tl::unexpected(rows.error());
      removed += *rows;
      return {};
    });
    if (!done) return tl::unexpected(in_table(*table, done.error()));
  }
  return removed;
}

Result<std::string> first_filled(const std::vector<Table>& tables, sql::Connection& db) {
  for (const Table& table : tables) {
    auto row =
        db.one("SELECT 1 FROM " + table.name + " LIMIT 1", [](const sql::Row&) { return true; });
    if (!row) return tl::unexpected(row.error());
    if (*row) return table.name;
  }
  return std::string();
}

}  // namespace mytoken::store
