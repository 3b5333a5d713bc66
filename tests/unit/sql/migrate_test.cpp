// Migrations: applied once, in order, whole or not at all; files that are not ours or too new are
// left alone.
#include "unit/sql/fixture.h"

namespace mytoken::sql {
namespace {

using Migrations = SqliteTest;

const Migration first{1, "start", "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);"};
const Migration second{2, "more", "INSERT INTO a VALUES (2); CREATE TABLE b (y TEXT) STRICT;"};

TEST_F(Migrations, missing_ones_are_applied_once_and_in_order) {
  open();
  ASSERT_TRUE(database->migrate({first}));
  EXPECT_EQ(number("SELECT sum(x) FROM a"), 1);
  ASSERT_TRUE(database->migrate({first, second}));
  ASSERT_TRUE(database->migrate({first, second}));
  EXPECT_EQ(number("SELECT sum(x) FROM a"), 3);
  EXPECT_EQ(number("SELECT count(*) FROM meta WHERE key = 'schema' AND value = '2'"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM meta WHERE key = 'application' AND value = 'mytoken'"), 1);
}

TEST_F(Migrations, one_that_fails_is_undone_whole_and_named) {
  open();
  const Migration broken{2, "broken", "INSERT INTO a VALUES (5); INSERT INTO nowhere VALUES (1);"};
  auto done = database->migrate({first, broken});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().cause.find("migration 2 (broken)"), std::string::npos);
  EXPECT_EQ(number("SELECT sum(x) FROM a"), 1);
  ASSERT_TRUE(database->migrate({first, second}));
  EXPECT_EQ(number("SELECT sum(x) FROM a"), 3);
}

TEST_F(Migrations, one_that_leaves_dangling_references_or_commits_is_undone) {
  open();
  const Migration tables{
      1, "tables",
      "CREATE TABLE p (id INTEGER PRIMARY KEY) STRICT; INSERT INTO p VALUES (1);"
      "CREATE TABLE c (p INTEGER REFERENCES p) STRICT; INSERT INTO c VALUES (1);"};
  ASSERT_TRUE(database->migrate({tables}));
  EXPECT_FALSE(database->migrate({tables, {2, "orphans", "DELETE FROM p;"}}));
  EXPECT_FALSE(
      database->migrate({tables, {2, "commits", "DELETE FROM c; COMMIT; DELETE FROM p;"}}));
  EXPECT_EQ(number("SELECT count(*) FROM c JOIN p ON c.p = p.id"), 1);
}

TEST_F(Migrations, rebuilding_a_table_keeps_the_rows_that_refer_to_it) {
  open();
  const Migration tables{1, "tables",
                         "CREATE TABLE p (id INTEGER PRIMARY KEY) STRICT; INSERT INTO p VALUES (1);"
                         "CREATE TABLE c (p INTEGER REFERENCES p ON DELETE CASCADE) STRICT;"
                         "INSERT INTO c VALUES (1);"};
  const Migration rebuild{
      2, "rebuild",
      "CREATE TABLE n (id INTEGER PRIMARY KEY, name TEXT) STRICT;"
      "INSERT INTO n (id) SELECT id FROM p; DROP TABLE p; ALTER TABLE n RENAME TO p;"};
  ASSERT_TRUE(database->migrate({tables, rebuild}));
  EXPECT_EQ(number("SELECT count(*) FROM c JOIN p ON c.p = p.id WHERE name IS NULL"), 1);
}

TEST_F(Migrations, a_schema_newer_than_the_program_is_refused) {
  open();
  ASSERT_TRUE(database->migrate({first, second}));
  auto done = database->migrate({first});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().cause,
            "the database has schema 2, this program knows 1: update the program");
}

TEST_F(Migrations, a_database_of_something_else_is_refused_and_left_as_it_was) {
  open();
  ASSERT_TRUE(write("CREATE TABLE songs (title TEXT)"));
  auto done = database->migrate({first});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().cause.find("tables of another program"), std::string::npos);
  ASSERT_TRUE(write("CREATE TABLE meta (name TEXT)"));
  EXPECT_FALSE(database->migrate({first}));
  EXPECT_EQ(number("SELECT count(*) FROM sqlite_schema"), 2);
}

TEST_F(Migrations, versions_out_of_order_are_refused) {
  open();
  EXPECT_FALSE(database->migrate({second, first}));
  EXPECT_FALSE(database->migrate({first, first}));
}

TEST_F(Migrations, kept_statements_follow_a_changed_schema) {
  open();
  ASSERT_TRUE(database->migrate({first}));
  auto columns = [&] {
    int count = 0;
    auto done = database->read_now([&](Connection& connection) -> Result<void> {
      auto row = connection.one("SELECT * FROM a", [](const Row& r) { return r.integer(0); });
      if (!row) return fail(row.error());
      auto wide = connection.one("SELECT * FROM a", [](const Row& r) { return r.integer(1); });
      count = wide ? 2 : 1;
      return {};
    });
    return done ? count : 1;  // no second column: the row function throws
  };
  EXPECT_EQ(columns(), 1);
  ASSERT_TRUE(database->migrate({first, {2, "wider", "ALTER TABLE a ADD COLUMN z INTEGER;"}}));
  EXPECT_EQ(columns(), 2);
}

}  // namespace
}  // namespace mytoken::sql
