// SQLite's own description of a schema; see sqlite_tables.h.
#include "sql/sqlite_tables.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace mytoken::sql {
namespace {

std::optional<Column::Kind> kind_of(std::string_view type) {
  if (type == "INTEGER") return Column::Kind::integer;
  if (type == "TEXT") return Column::Kind::text;
  if (type == "BLOB") return Column::Kind::blob;
  return std::nullopt;
}

Result<Table> describe(Connection& db, const std::string& name) {
  Table table{name, {}};
  bool is_known = true;
  auto columns = db.run("SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid",
                        std::vector<Param>{std::string_view(name)}, [&](const Row& row) {
                          const auto kind = kind_of(row.text(1));
                          is_known = is_known && kind;
                          table.columns.push_back({row.string(0), kind.value_or(Column::Kind::text),
                                                   static_cast<int>(row.integer(2))});
                          return true;
                        });
  if (!columns) return fail(columns.error());
  if (!is_known || table.key().empty())
    return fail(internal_error("table " + name + " has a shape that cannot be copied"));
  return table;
}

}  // namespace

std::vector<Column> Table::key() const {
  std::vector<Column> found;
  for (const Column& column : columns)
    if (column.key > 0) found.push_back(column);
  std::sort(found.begin(), found.end(),
            [](const Column& a, const Column& b) { return a.key < b.key; });
  return found;
}

bool Table::has(std::string_view column) const {
  return std::any_of(columns.begin(), columns.end(),
                     [column](const Column& one) { return one.name == column; });
}

Result<std::vector<Table>> tables_of_sqlite(Connection& db) {
  auto names = db.all(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta' AND name NOT LIKE "
      "'sqlite\\_%' ESCAPE '\\' ORDER BY name",
      [](const Row& row) { return row.string(0); });
  if (!names) return fail(names.error());
  std::map<std::string, std::set<std::string>> waits_for;
  for (const std::string& name : *names) {
    auto others = db.all(
        "SELECT \"table\" FROM pragma_foreign_key_list($1)",
        [](const Row& row) { return row.string(0); }, name);
    if (!others) return fail(others.error());
    waits_for[name].insert(others->begin(), others->end());
    waits_for[name].erase(name);
  }
  std::vector<Table> tables;
  while (!waits_for.empty()) {
    const auto next = std::find_if(waits_for.begin(), waits_for.end(),
                                   [](const auto& one) { return one.second.empty(); });
    if (next == waits_for.end()) return fail(internal_error("tables refer to each other"));
    const std::string name = next->first;
    waits_for.erase(next);
    for (auto& [other, references] : waits_for)
      references.erase(name);
    auto table = describe(db, name);
    if (!table) return fail(table.error());
    tables.push_back(std::move(*table));
  }
  return tables;
}

}  // namespace mytoken::sql
