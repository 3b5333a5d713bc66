// Copies of SQLite files beside a writer, and putting one file in the place of another.
#include "sql/sqlite_backup.h"

#include <sys/stat.h>

#include <atomic>
#include <fstream>

#include "sql/sqlite_connection.h"
#include "sql/sqlite_lock.h"
#include "sql/sqlite_tables.h"
#include "unit/sql/fixture.h"

namespace mytoken::sql {
namespace {

class SqliteBackup : public SqliteTest {
 protected:
  // Opens a copy and reads a number from it.
  std::int64_t number_in(const std::filesystem::path& file, std::string_view sql) {
    SqliteOptions other;
    other.file = file;
    auto opened = open_sqlite(other, log);
    EXPECT_TRUE(opened) << opened.error().cause;
    std::int64_t found = -1;
    if (!opened) return found;
    auto read = (*opened)->read_now([&](Connection& db) -> Result<void> {
      auto row = db.one(sql, [](const Row& r) { return r.integer(0); });
      if (!row) return fail(row.error());
      found = row->value_or(-1);
      return {};
    });
    EXPECT_TRUE(read) << read.error().cause;
    return found;
  }
  static std::string bytes(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
};

constexpr std::string_view pairs = "CREATE TABLE pairs (id INTEGER PRIMARY KEY, n INTEGER) STRICT";

TEST_F(SqliteBackup, a_copy_beside_a_writer_holds_whole_transactions_only) {
  open_with(pairs);
  std::atomic<bool> stop{false};
  std::atomic<int> written{0};
  std::thread writer([&] {
    while (!stop) {  // two rows a transaction
      auto done = database->write_now([](Transaction& db) -> Result<void> {
        for (int i = 0; i < 2; ++i) {
          if (auto r = db.post("INSERT INTO pairs (n) VALUES (1)"); !r) return r;
        }
        return {};
      });
      if (done) ++written;
    }
  });
  while (written < 20)
    std::this_thread::yield();
  const auto copy = directory / "copy.db";
  std::int64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    const int before = written;
    auto copied = copy_sqlite_file(options.file, copy);
    ASSERT_TRUE(copied) << copied.error().cause;
    ASSERT_TRUE(close_sqlite_file(copy));
    ASSERT_TRUE(check_sqlite_file(copy));
    last = number_in(copy, "SELECT count(*) FROM pairs");
    EXPECT_EQ(last % 2, 0);
    EXPECT_GE(last, 2 * before) << "what was durable before is in it";
  }
  stop = true;
  writer.join();
  EXPECT_LE(last, number("SELECT count(*) FROM pairs"));
  struct stat status {};
  ASSERT_EQ(::stat(copy.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(SqliteBackup, a_closed_copy_is_one_file) {
  open_with(pairs);
  const auto copy = directory / "copy.db";
  ASSERT_TRUE(copy_sqlite_file(options.file, copy));
  EXPECT_EQ(number_in(copy, "SELECT count(*) FROM pairs"), 0);  // as a server opens it, with a log
  ASSERT_TRUE(close_sqlite_file(copy));
  database.reset();
  const auto names = files();
  EXPECT_EQ(std::count_if(names.begin(), names.end(),
                          [](const std::string& name) { return name.starts_with("copy.db"); }),
            1);
}

TEST_F(SqliteBackup, damage_and_dangling_references_are_found) {
  open_with(
      "CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT; "
      "CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a (id), t TEXT) STRICT");
  for (int i = 0; i < 300; ++i)
    ASSERT_TRUE(write("INSERT INTO b (id, t) VALUES ($1, $2)", i, std::string(200, 'x')));
  const auto copy = directory / "copy.db";
  ASSERT_TRUE(copy_sqlite_file(options.file, copy));
  ASSERT_TRUE(close_sqlite_file(copy));
  ASSERT_TRUE(check_sqlite_file(copy));
  std::string broken = bytes(copy);
  broken.replace(broken.size() / 2, 5000, 5000, '\xff');
  std::ofstream(directory / "broken.db", std::ios::binary) << broken;
  auto found = check_sqlite_file(directory / "broken.db");
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().cause.find("is damaged"), std::string::npos);
  EXPECT_EQ(found.error().cause.find('\n'), std::string::npos);
  {
    auto raw = SqliteConnection::open(copy, SqliteConnection::Mode::migrate, 100);
    ASSERT_TRUE(raw);
    ASSERT_TRUE((*raw)->execute("UPDATE b SET a = 77 WHERE id = 1"));
  }
  found = check_sqlite_file(copy);
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().cause.find("rows of table b refer to missing rows"), std::string::npos);
  std::ofstream(directory / "text") << "SQLite format 3, but not really";
  EXPECT_FALSE(check_sqlite_file(directory / "text"));
  EXPECT_FALSE(is_sqlite_file(directory / "none"));
}

TEST_F(SqliteBackup, the_replaced_database_keeps_everything_it_had) {
  open_with(pairs);
  ASSERT_TRUE(write("INSERT INTO pairs (n) VALUES (1)"));
  const auto copy = directory / "copy.db";
  ASSERT_TRUE(copy_sqlite_file(options.file, copy));
  ASSERT_TRUE(close_sqlite_file(copy));
  ASSERT_TRUE(write("INSERT INTO pairs (n) VALUES (2)"));
  // As after a kill: the last transaction is in the log only.
  const auto kept = directory / "kept.db";
  const std::string wal = bytes(options.file.string() + "-wal");
  const std::string main = bytes(options.file);
  database.reset();
  std::ofstream(options.file, std::ios::binary) << main;
  std::ofstream(options.file.string() + "-wal", std::ios::binary) << wal;
  ASSERT_TRUE(replace_sqlite_file(copy, options.file, kept));
  EXPECT_EQ(number_in(options.file, "SELECT count(*) FROM pairs"), 1);
  EXPECT_EQ(number_in(kept, "SELECT count(*) FROM pairs"), 2);
}

TEST_F(SqliteBackup, a_name_in_use_is_taken_on_demand_only) {
  std::ofstream(directory / "made") << "new";
  std::ofstream(directory / "taken") << "old";
  EXPECT_FALSE(name_file(directory / "made", directory / "taken", false));
  EXPECT_EQ(bytes(directory / "taken"), "old");
  ASSERT_TRUE(name_file(directory / "made", directory / "taken", true));
  EXPECT_EQ(bytes(directory / "taken"), "new");
  EXPECT_FALSE(std::filesystem::exists(directory / "made"));
}

TEST_F(SqliteBackup, the_lock_says_what_its_user_says) {
  auto held = lock_file(directory / "x");
  ASSERT_TRUE(held);
  auto second = lock_file(directory / "x", "wait a moment");
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().cause.find("wait a moment"), std::string::npos);
}

TEST_F(SqliteBackup, the_schema_describes_itself) {
  open_with(
      "CREATE TABLE z (a TEXT NOT NULL, b BLOB NOT NULL, c INTEGER, PRIMARY KEY (b, a)) "
      "STRICT; CREATE TABLE a (z INTEGER PRIMARY KEY, t TEXT, b BLOB, own INTEGER REFERENCES "
      "a (z), FOREIGN KEY (t, b) REFERENCES z (a, b)) STRICT");
  std::vector<Table> tables;
  ASSERT_TRUE(database->read_now([&](Connection& db) -> Result<void> {
    auto found = tables_of_sqlite(db);
    if (!found) return fail(found.error());
    tables = *found;
    return {};
  }));
  ASSERT_EQ(tables.size(), 2u);
  EXPECT_EQ(tables[0].name, "z");
  EXPECT_EQ(tables[1].name, "a");
  ASSERT_EQ(tables[0].key().size(), 2u);
  EXPECT_EQ(tables[0].key()[0].name, "b");
  EXPECT_EQ(tables[0].key()[0].kind, Column::Kind::blob);
  EXPECT_EQ(tables[0].key()[1].name, "a");
  EXPECT_TRUE(tables[1].has("own"));
  EXPECT_FALSE(tables[1].has("x"));
}

}  // namespace
}  // namespace mytoken::sql
