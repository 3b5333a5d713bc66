// What every engine promises: values come back as they went in, errors have their codes.
#include <limits>
#include <stdexcept>

#include "unit/sql/engines.h"

namespace mytoken::sql {
namespace {

using ValuesOn = EveryEngine;
ON_EVERY_ENGINE(ValuesOn);

TEST_P(ValuesOn, empty_values_are_not_null_and_null_is) {
  open_with("CREATE TABLE v (t TEXT, b BLOB, n TEXT, i INTEGER) STRICT;");
  ASSERT_TRUE(write("INSERT INTO v VALUES ($1, $2, $3, $4)", std::string_view(),
                    Blob{std::string_view()}, std::optional<std::string>(), std::optional<int>()));
  auto done = database->read_now([](Connection& connection) -> Result<void> {
    auto row = connection.one("SELECT t, b, n, i FROM v", [](const Row& r) {
      EXPECT_EQ(r.integer(3), 0);
      EXPECT_EQ(r.text(2), "");
      return std::vector<bool>{r.is_null(0), r.is_null(1), r.is_null(2), r.is_null(3)};
    });
    EXPECT_EQ(**row, (std::vector<bool>{false, false, true, true}));
    return {};
  });
  EXPECT_TRUE(done);
}

TEST_P(ValuesOn, integers_keep_their_64_bits) {
  open_with("CREATE TABLE v (a INTEGER, b INTEGER) STRICT;");
  constexpr auto low = std::numeric_limits<std::int64_t>::min();
  constexpr auto high = std::numeric_limits<std::int64_t>::max();
  ASSERT_TRUE(write("INSERT INTO v VALUES ($1, $2)", low, high));
  EXPECT_EQ(number("SELECT a FROM v"), low);
  EXPECT_EQ(number("SELECT b FROM v"), high);
}

TEST_P(ValuesOn, a_wrong_number_of_parameters_is_an_error) {
  open();
  for (auto* sql : {"SELECT $1, $3", "SELECT 1"}) {
    auto done = database->read_now([&](Connection& connection) -> Result<void> {
      auto row = connection.one(
          sql, [](const Row&) { return 1; }, 1, 2);
      return row ? Result<void>() : fail(row.error());
    });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().status, 500);
    EXPECT_NE(done.error().cause.find("parameters was given 2"), std::string::npos);
  }
}

TEST_P(ValuesOn, other_kinds_of_parameters_and_several_statements_are_refused) {
  open_with("CREATE TABLE v (a INTEGER) STRICT;");
  for (auto* sql :
       {"SELECT ?", "SELECT :a", "SELECT $x", "INSERT INTO v VALUES (1); DELETE FROM v", ""}) {
    auto done = database->read_now([&](Connection& connection) -> Result<void> {
      auto row = connection.one(sql, [](const Row&) { return 1; });
      return row ? Result<void>() : fail(row.error());
    });
    ASSERT_FALSE(done) << sql;
    EXPECT_EQ(done.error().code, "internal_server_error") << sql;
  }
}

TEST_P(ValuesOn, a_write_that_returns_rows_is_complete_though_only_the_first_row_is_wanted) {
  open_with("CREATE TABLE v (a INTEGER) STRICT; INSERT INTO v VALUES (1), (2), (3);");
  auto done = database->write_now([](Transaction& transaction) -> Result<void> {
    int calls = 0;
    auto changed = transaction.run("UPDATE v SET a = a + 10 RETURNING a", {}, [&](const Row&) {
      ++calls;
      return false;
    });
    EXPECT_EQ(*changed, 3);
    EXPECT_EQ(calls, 1);
    return {};
  });
  EXPECT_TRUE(done);
  EXPECT_EQ(number("SELECT sum(a) FROM v"), 36);
}

TEST_P(ValuesOn, a_value_of_the_wrong_type_and_a_missing_parent_row_are_refused) {
  open_with(
      "CREATE TABLE p (id INTEGER PRIMARY KEY) STRICT;"
      "CREATE TABLE c (p INTEGER REFERENCES p, n INTEGER) STRICT;");
  EXPECT_FALSE(write("INSERT INTO c (n) VALUES ($1)", "text"));
  EXPECT_FALSE(write("INSERT INTO c (p) VALUES (5)"));
  EXPECT_EQ(number("SELECT count(*) FROM c"), 0);
}

TEST_P(ValuesOn, a_row_function_may_run_the_same_statement) {
  open_with(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER) STRICT;"
      "INSERT INTO t VALUES (1, 0), (2, 1), (3, 1), (4, 2);");
  int visited = 0;
  auto done = database->read_now([&](Connection& connection) -> Result<void> {
    const std::string sql = "SELECT id FROM t WHERE parent = $1 ORDER BY id";
    Result<void> result;
    visited = 0;
    std::function<void(std::int64_t)> walk = [&](std::int64_t parent) {
      const Param params[] = {parent};
      auto ran = connection.run(sql, params, [&](const Row& row) {
        ++visited;
        walk(row.integer(0));
        return true;
      });
      if (!ran) result = fail(ran.error());
    };
    walk(0);
    return result;
  });
  EXPECT_TRUE(done);
  EXPECT_EQ(visited, 4);
}

TEST_P(ValuesOn, more_texts_than_are_kept_work_and_so_do_texts_from_a_reused_buffer) {
  open();
  std::string buffer;
  for (int round = 0; round < 2; ++round) {
    for (int i = 100; i < 700; ++i) {
      buffer = "SELECT " + std::to_string(i);
      ASSERT_EQ(number(buffer), i);
    }
  }
}

TEST_P(ValuesOn, a_reader_cannot_write) {
  open_with("CREATE TABLE v (a INTEGER) STRICT;");
  auto done = database->read_now([](Connection& connection) -> Result<void> {
    auto ran = connection.execute("INSERT INTO v VALUES (1)");
    return ran ? Result<void>() : fail(ran.error());
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().status, 500);
  EXPECT_EQ(number("SELECT count(*) FROM v"), 0);
}

TEST_P(ValuesOn, exceptions_become_errors_and_leave_the_connection_usable) {
  open_with("CREATE TABLE v (a INTEGER) STRICT; INSERT INTO v VALUES (1), (2);");
  auto read = database->read_now([](Connection& connection) -> Result<void> {
    auto row = connection.one("SELECT a FROM v", [](const Row& r) { return r.integer(7); });
    return {};
  });
  auto write_error = database->write_now([](Transaction& transaction) -> Result<void> {
    EXPECT_TRUE(transaction.execute("DELETE FROM v"));
    throw std::runtime_error("broken");
  });
  ASSERT_FALSE(read || write_error);
  EXPECT_EQ(read.error().code, "internal_server_error");
  EXPECT_NE(write_error.error().cause.find("broken"), std::string::npos);
  EXPECT_EQ(number("SELECT count(*) FROM v"), 2);
  EXPECT_EQ(*write("INSERT INTO v VALUES (3)"), 1);
}

TEST_P(ValuesOn, bytes_and_text_come_back_as_they_went_in) {
  open_with("CREATE TABLE v (t TEXT, b BLOB) STRICT;");
  const std::string text("a \xc3\xa4 \xf0\x9f\x94\x91 '\"\\ \n");
  std::string bytes;
  for (int i = 0; i < 256; ++i)
    bytes.push_back(static_cast<char>(i));
  ASSERT_TRUE(write("INSERT INTO v (t, b) VALUES ($1, $2)", text, Blob{bytes}));
  auto done = database->read_now([&](Connection& connection) -> Result<void> {
    auto row = connection.one("SELECT t, b, length(b) FROM v", [](const Row& r) {
      return std::tuple(r.string(0), r.bytes(1), r.integer(2));
    });
    EXPECT_EQ(**row, std::tuple(text, bytes, std::int64_t{256}));
    return {};
  });
  EXPECT_TRUE(done);
}

TEST_P(ValuesOn, parameters_are_bound_by_their_number) {
  open();
  EXPECT_EQ(number("SELECT $2 * 100 + $1 * 10 + $2", 3, 7), 737);
  EXPECT_EQ(
      number("SELECT $11 - $10 WHERE '$3' <> $1 AND $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9 > 0", "x",
             2, 3, 4, 5, 6, 7, 8, 9, 10, 21),
      11);
}

TEST_P(ValuesOn, a_null_parameter_takes_the_type_of_its_column) {
  open_with(
      "CREATE TABLE v (i INTEGER, t TEXT, b BLOB) STRICT; INSERT INTO v VALUES (1, 'a', NULL);");
  const std::optional<std::int64_t> none;
  EXPECT_EQ(*write("INSERT INTO v (i, t, b) SELECT $1, $2, $3 FROM v", none, none, none), 1);
  EXPECT_EQ(*write("UPDATE v SET i = $1, t = $2 WHERE i = $3", none, none, 1), 1);
  EXPECT_EQ(number("SELECT count(*) FROM v WHERE i IS NULL AND t IS NULL AND b IS NULL"), 2);
}

TEST_P(ValuesOn, changed_rows_are_counted) {
  open_with("CREATE TABLE v (a INTEGER) STRICT;");
  EXPECT_EQ(*write("INSERT INTO v VALUES (1), (2), (3)"), 3);
  EXPECT_EQ(*write("UPDATE v SET a = a + 10 WHERE a > $1", 1), 2);
  EXPECT_EQ(*write("UPDATE v SET a = 0 WHERE a = 99"), 0);
  EXPECT_EQ(*write("DELETE FROM v WHERE a = 1"), 1);
  EXPECT_EQ(*write("SELECT a FROM v"), 0);
  EXPECT_EQ(*write("CREATE TABLE w (a INTEGER)"), 0);
}

TEST_P(ValuesOn, violated_unique_keys_have_a_code_of_their_own) {
  open_with(
      "CREATE TABLE v (a INTEGER PRIMARY KEY, b TEXT UNIQUE, c TEXT CHECK (c <> 'no')) STRICT;"
      "INSERT INTO v VALUES (1, 'secret value', NULL);");
  auto key = write("INSERT INTO v VALUES (1, 'x', NULL)");
  auto unique = write("INSERT INTO v VALUES (2, $1, NULL)", "secret value");
  auto check = write("INSERT INTO v VALUES (3, 'y', $1)", "no");
  ASSERT_FALSE(key || unique || check);
  EXPECT_EQ(key.error().code, "sql_conflict");
  EXPECT_EQ(unique.error().code, "sql_conflict");
  EXPECT_NE(unique.error().cause.find(GetParam() == Engine::sqlite ? "v.b" : "v_b_key"),
            std::string::npos)
      << unique.error().cause;
  EXPECT_EQ(unique.error().cause.find("secret"), std::string::npos);
  EXPECT_EQ(check.error().code, "internal_server_error");
}

TEST_P(ValuesOn, a_function_cannot_end_its_transaction) {
  open_with("CREATE TABLE v (a INTEGER) STRICT;");
  for (auto* sql : {"COMMIT", "ROLLBACK", " /* x */ commit", "BEGIN", "SAVEPOINT x"}) {
    auto done = database->write_now([&](Transaction& transaction) -> Result<void> {
      EXPECT_TRUE(transaction.execute("INSERT INTO v VALUES (1)"));
      auto ran = transaction.execute(sql);
      return ran ? Result<void>() : fail(ran.error());
    });
    ASSERT_FALSE(done) << sql;
    EXPECT_EQ(done.error().status, 500);
  }
  EXPECT_EQ(number("SELECT count(*) FROM v"), 0);
}

}  // namespace
}  // namespace mytoken::sql
