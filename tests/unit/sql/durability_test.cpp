// What survives: a killed process, a full disk, readers that never pause; and who may open a file.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>

#include "unit/sql/fixture.h"

namespace mytoken::sql {
namespace {

using Durability = SqliteTest;
using Opening = SqliteTest;

TEST_F(Durability, committed_writes_are_there_when_the_file_is_opened_again) {
  open_with("CREATE TABLE v (a TEXT) STRICT;");
  ASSERT_TRUE(write("INSERT INTO v VALUES ($1)", "kept"));
  open();
  EXPECT_EQ(number("SELECT count(*) FROM v WHERE a = $1", "kept"), 1);
}

TEST_F(Durability, every_acknowledged_row_of_a_killed_process_is_there) {
  open_with("CREATE TABLE v (a INTEGER PRIMARY KEY) STRICT;");
  database.reset();
  int acknowledgements[2];
  ASSERT_EQ(::pipe(acknowledgements), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto opened = open_sqlite(options, log);
    if (!opened) ::_exit(1);
    for (std::int64_t i = 1;; ++i) {
      auto done = (*opened)->write_now([i](Transaction& transaction) -> Result<void> {
        auto ran = transaction.execute("INSERT INTO v VALUES ($1)", i);
        return ran ? Result<void>() : fail(ran.error());
      });
      if (!done || ::write(acknowledgements[1], &i, sizeof i) != sizeof i) ::_exit(2);
    }
  }
  ::close(acknowledgements[1]);
  std::int64_t last = 0;
  while (last < 50 && ::read(acknowledgements[0], &last, sizeof last) == sizeof last) {
  }
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  std::int64_t more;
  while (::read(acknowledgements[0], &more, sizeof more) == sizeof more)
    last = more;
  ::close(acknowledgements[0]);
  ASSERT_GE(last, 50);
  open();
  EXPECT_EQ(number("SELECT count(*) FROM v WHERE a <= $1", last), last);
}

TEST_F(Durability, a_reader_keeps_its_snapshot_while_a_writer_commits) {
  open_with("CREATE TABLE v (a INTEGER) STRICT; INSERT INTO v VALUES (1);");
  auto done = database->read_now([&](Connection& connection) -> Result<void> {
    auto count = [&] {
      auto row =
          connection.one("SELECT count(*) FROM v", [](const Row& r) { return r.integer(0); });
      return **row;
    };
    EXPECT_EQ(count(), 1);
    EXPECT_TRUE(write("INSERT INTO v VALUES (2)"));
    EXPECT_EQ(number("SELECT count(*) FROM v"), 2);
    EXPECT_EQ(count(), 1);
    return {};
  });
  EXPECT_TRUE(done);
  EXPECT_EQ(number("SELECT count(*) FROM v"), 2);
}

// As long as `page` but without an equal piece: the engine does not write pages that stay as they
// were.
std::string changed(const std::string& page, int i) {
  return std::string(page.size(), static_cast<char>('A' + i % 50));
}

TEST_F(Durability, the_write_ahead_log_stays_small_under_constant_reads) {
  open_with("CREATE TABLE v (id INTEGER PRIMARY KEY, a BLOB) STRICT;");
  const std::string page(32'000, 'x');
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(write("INSERT INTO v (a) VALUES ($1)", Blob{page}));
  std::atomic<bool> stop = false;
  auto reader = [&] {
    while (!stop)
      EXPECT_EQ(number("SELECT id FROM v ORDER BY id"), 1);
  };
  std::thread one(reader);
  std::thread two(reader);
  std::uintmax_t largest = 0;
  for (int i = 0; i < 2000; ++i) {  // 64 MB in all
    const std::string other = changed(page, i);
    EXPECT_EQ(*write("UPDATE v SET a = $1 WHERE id = $2", Blob{other}, i % 10 + 1), 1);
    largest = std::max(largest, std::filesystem::file_size(options.file.string() + "-wal"));
  }
  stop = true;
  one.join();
  two.join();
  EXPECT_GT(largest, 8'000'000u);
  EXPECT_LT(largest, 48'000'000u);
}

TEST_F(Durability, an_idle_reader_connection_holds_no_snapshot) {
  open_with("CREATE TABLE v (id INTEGER PRIMARY KEY, a BLOB) STRICT;");
  const std::string page(32'000, 'x');
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(write("INSERT INTO v (a) VALUES ($1)", Blob{page}));
  EXPECT_EQ(number("SELECT id FROM v ORDER BY id"), 1);  // two rows stay unread
  for (int i = 0; i < 2000; ++i) {                       // 64 MB in all
    const std::string other = changed(page, i);
    ASSERT_TRUE(write("UPDATE v SET a = $1 WHERE id = 1", Blob{other}));
  }
  EXPECT_GT(std::filesystem::file_size(options.file.string() + "-wal"), 8'000'000u);
  EXPECT_LT(std::filesystem::file_size(options.file.string() + "-wal"), 32'000'000u);
}

TEST_F(Durability, a_file_size_limit_gives_503_and_writes_work_again_after_it) {
  open_with("CREATE TABLE v (a BLOB) STRICT;");
  ASSERT_TRUE(write("INSERT INTO v VALUES ($1)", Blob{"first"}));
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit tiny = before;
  tiny.rlim_cur = 100'000;
  const std::string big(200'000, 'x');
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tiny), 0);
  auto refused = write("INSERT INTO v VALUES ($1)", Blob{big});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 503);
  EXPECT_EQ(number("SELECT count(*) FROM v"), 1);
  EXPECT_EQ(*write("INSERT INTO v VALUES ($1)", Blob{big}), 1);
  EXPECT_EQ(number("SELECT count(*) FROM v"), 2);
  EXPECT_NE(log.text().find("database writes work again"), std::string::npos);
}

TEST_F(Durability, a_function_that_fills_the_disk_does_not_undo_its_neighbours) {
  open_with("CREATE TABLE v (a BLOB) STRICT;");
  ASSERT_TRUE(write("PRAGMA max_page_count = 40"));
  const std::string big(500'000, 'x');
  asio::io_context context(1);
  std::vector<std::optional<Result<std::int64_t>>> results(5);
  {
    Gate gate(*database);
    for (std::size_t i = 0; i < results.size(); ++i) {
      const bool fills = i == 1 || i == 4;
      auto work = [&big, fills](Transaction& transaction) {
        return transaction.execute("INSERT INTO v VALUES ($1)",
                                   Blob{fills ? std::string_view(big) : "small"});
      };
      asio::co_spawn(context, write_into(*database, work, results[i]), asio::detached);
    }
    start(context);
  }
  context.run();
  for (std::size_t i : {0u, 2u, 3u})
    EXPECT_TRUE(*results[i]) << i;
  for (std::size_t i : {1u, 4u}) {
    ASSERT_FALSE(*results[i]);
    EXPECT_EQ(results[i]->error().status, 503);
  }
  EXPECT_EQ(number("SELECT count(*) FROM v"), 3);
}

TEST_F(Opening, a_second_server_is_refused_until_the_first_ends) {
  open();
  auto second = open_sqlite(options, log);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().cause.find("another server has it open"), std::string::npos);
  std::filesystem::create_symlink(options.file, directory / "alias.db");
  SqliteOptions alias = options;
  alias.file = directory / "alias.db";
  EXPECT_FALSE(open_sqlite(alias, log));
  database.reset();
  EXPECT_TRUE(open_sqlite(options, log));
}

TEST_F(Opening, a_new_file_and_its_companions_are_for_their_owner_only) {
  const auto mask = ::umask(0);
  open();
  ASSERT_TRUE(write("CREATE TABLE v (a INTEGER) STRICT"));
  ::umask(mask);
  for (auto* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat status {};
    ASSERT_EQ(::stat((options.file.string() + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << suffix;
  }
  EXPECT_EQ(log.text().find("chmod"), std::string::npos);
}

TEST_F(Opening, a_file_that_others_may_read_is_warned_of) {
  open();
  database.reset();
  std::filesystem::permissions(options.file, std::filesystem::perms(0644));
  open();
  EXPECT_NE(log.text().find("chmod 600"), std::string::npos);
}

TEST_F(Opening, a_file_that_is_no_database_and_a_missing_directory_are_named) {
  std::ofstream(options.file) << std::string(5000, 'x');
  auto garbage = open_sqlite(options, log);
  ASSERT_FALSE(garbage);
  EXPECT_NE(garbage.error().cause.find("not a database"), std::string::npos);
  EXPECT_NE(garbage.error().cause.find(options.file.string()), std::string::npos);
  options.file = directory / "missing" / "test.db";
  auto missing = open_sqlite(options, log);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().cause.find("its directory must exist"), std::string::npos);
}

TEST_F(Opening, the_settings_that_durability_and_safety_rest_on_are_in_force) {
  open();
  std::string journal;
  std::int64_t synchronous = 0, foreign_keys = 0, trusted = 1, checked = 0;
  auto done = database->write_now([&](Transaction& transaction) -> Result<void> {
    auto text = [](const Row& row) { return row.string(0); };
    auto value = [](const Row& row) { return row.integer(0); };
    journal = **transaction.one("PRAGMA journal_mode", text);
    synchronous = **transaction.one("PRAGMA synchronous", value);
    foreign_keys = **transaction.one("PRAGMA foreign_keys", value);
    trusted = **transaction.one("PRAGMA trusted_schema", value);
    checked = **transaction.one("PRAGMA cell_size_check", value);
    return {};
  });
  EXPECT_TRUE(done);
  EXPECT_EQ(journal, "wal");
  EXPECT_EQ(synchronous, 2);
  EXPECT_EQ(foreign_keys, 1);
  EXPECT_EQ(trusted, 0);
  EXPECT_EQ(checked, 1);
}

}  // namespace
}  // namespace mytoken::sql
