// Migrations: applied once, in order, whole or not at all; files that are not ours or too new are
// left alone.
#include "unit/sql/fixture.h"

namespace mytoken::sql {
namespace {

using Migrations = SqliteTest;

const Migration first{1, "start", "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);"};
const Migration second{2, "more", "INSERT INTO a VALUES (2); CREATE TABLE b (y TEXT) STRICT;"};

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

}  // namespace
}  // namespace mytoken::sql
