// What PostgreSQL does differently from the embedded engine: connecting, round trips, conflicts
// between transactions, and a server that goes away.
#include "unit/sql/postgres_fixture.h"

#include <atomic>
#include <chrono>

#include "sql/postgres_connection.h"

namespace mytoken::sql {
namespace {

using namespace std::chrono_literals;

class Postgresql : public PostgresqlTest {
 protected:
  std::uint64_t trips(const std::function<void()>& work) {
    const auto before = database->counters().round_trips;
    work();
    return database->counters().round_trips - before;
  }
  // Until the database answers again; the patience is a bound, not a wait.
  bool heals(std::chrono::seconds patience = 30s) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < until) {
      if (read("SELECT 1")) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
};

constexpr std::string_view counter =
    "CREATE TABLE counter (id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT; INSERT INTO "
    "counter VALUES (1, 0);";

Result<std::unique_ptr<PostgresDatabase>> opened(const std::string& url, Log& log) {
  PostgresOptions options;
  options.url = Secret(url);
  return open_postgres(options, log);
}

TEST_F(Postgresql, wrong_urls_passwords_and_hosts_are_one_line_without_the_password) {
  for (const std::string bad :
       {"postgresql://user:se%zzcret@host/db", "postgresql://u:secret@h:port/db",
        "postgresql://u:pa@ss:secret@h/db", "postgresql://u:pa@secret@h/db",
        "mysql://u:secret@h/db", "postgresql://u:secret@h/db?nonsense=1"}) {
    auto done = opened(bad, log);
    ASSERT_FALSE(done) << bad;
    EXPECT_NE(done.error().cause.find("the database URL is not understood"), std::string::npos)
        << done.error().cause;
    EXPECT_EQ(done.error().cause.find("cret"), std::string::npos);
  }
  auto password = opened(cluster.url("locked", "&password=not-this-secret"), log);
  ASSERT_FALSE(password);
  EXPECT_NE(password.error().cause.find("password authentication failed for user \"locked\""),
            std::string::npos)
      << password.error().cause;
  EXPECT_EQ(password.error().cause.find("secret"), std::string::npos);
  EXPECT_EQ(password.error().cause.find('\n'), std::string::npos);
  EXPECT_TRUE(opened(cluster.url("locked", "&password=a-password-of-its-own"), log));
  auto nobody = opened("postgresql:///x?host=/nonexistent", log);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().status, 503);
}

TEST_F(Postgresql, a_server_that_accepts_no_writes_is_refused) {
  auto done = opened(url + "%20-cdefault_transaction_read_only%3Don", log);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().cause.find("read-only"), std::string::npos) << done.error().cause;
}

TEST_F(Postgresql, a_read_of_one_statement_takes_one_round_trip_and_one_of_three_takes_three) {
  open_with(counter);
  auto three = [&] {
    auto done = database->read_now([](Connection& connection) -> Result<void> {
      for (int i = 0; i < 3; ++i) {
        if (auto row =
                connection.one("SELECT at FROM counter", [](const Row& r) { return r.integer(0); });
            !row)
          return fail(row.error());
      }
      return {};
    });
    EXPECT_TRUE(done);
  };
  number("SELECT at FROM counter");
  EXPECT_EQ(trips([&] { number("SELECT at FROM counter"); }), 1u);
  three();  // the pool learns that this function needs a snapshot
  number("SELECT at FROM counter");
  EXPECT_EQ(trips(three), 3u);
}

TEST_F(Postgresql, begin_and_posted_changes_travel_with_others) {
  open_with(counter);
  auto work = [&] {
    auto done = database->write_now([](Transaction& db) -> Result<void> {
      auto row = db.one(
          "SELECT at FROM counter WHERE id = $1", [](const Row& r) { return r.integer(0); }, 1);
      if (!row) return fail(row.error());
      for (int i = 0; i < 5; ++i) {
        if (auto r = db.post("UPDATE counter SET at = at + $2 WHERE id = $1", 1, i); !r) return r;
      }
      return {};
    });
    EXPECT_TRUE(done) << done.error().cause;
  };
  EXPECT_EQ(trips(work), 2u);
  EXPECT_EQ(number("SELECT at FROM counter"), 10);
  EXPECT_EQ(trips([&] { write("UPDATE counter SET at = at + 1"); }), 2u);
}

TEST_F(Postgresql, what_is_foreseen_travels_in_one_go_and_is_answered_once) {
  open_with(counter);
  const auto at = [](const Row& r) { return r.integer(0); };
  auto read_all = [&](Connection& db, std::vector<std::int64_t>& found) -> Result<void> {
    for (const std::int64_t add : {1, 2, 3}) {
      auto row = db.one("SELECT at + $1 FROM counter", at, add);
      if (!row) return fail(row.error());
      found.push_back(row->value_or(-1));
    }
    return {};
  };
  std::vector<std::int64_t> found;
  auto reading = [&] {
    auto done = database->read_now([&](Connection& db) -> Result<void> {
      Ahead ahead(db);
      found.clear();
      (void)read_all(ahead, found);
      found.clear();
      return read_all(db, found);
    });
    EXPECT_TRUE(done);
  };
  reading();
  EXPECT_EQ(found, (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(trips(reading), 1u);
  auto writing = [&] {
    auto done = database->write_now([&](Transaction& db) -> Result<void> {
      Ahead ahead(db);
      Transaction changes(ahead);
      found.clear();
      (void)read_all(ahead, found);
      (void)changes.execute("UPDATE counter SET at = at + $1", 10);
      (void)ahead.one("SELECT at + $1 FROM counter", at, 1);
      (void)ahead.one("SELECT at + $1 FROM counter", at, 99);  // never asked for
      found.clear();
      if (auto r = read_all(db, found); !r) return r;
      auto changed = db.execute("UPDATE counter SET at = at + $1", 10);
      EXPECT_EQ(*changed, 1);
      auto row = db.one("SELECT at + $1 FROM counter", at, 1);
      found.push_back(**row);
      return {};
    });
    EXPECT_TRUE(done) << done.error().cause;
  };
  EXPECT_EQ(trips(writing), 2u);
  EXPECT_EQ(found, (std::vector<std::int64_t>{1, 2, 3, 11}));
  EXPECT_EQ(number("SELECT at + $1 FROM counter", 99), 109);
}

TEST_F(Postgresql, a_posted_change_that_fails_undoes_the_whole_function) {
  open_with(counter);
  for (const bool statement_follows : {false, true}) {
    auto done = database->write_now([&](Transaction& db) -> Result<void> {
      if (auto r = db.post("UPDATE counter SET at = 7"); !r) return r;
      if (auto r = db.post("INSERT INTO counter VALUES (1, 1)"); !r) return r;
      if (auto r = db.post("INSERT INTO counter VALUES (2, 1)"); !r) return r;
      if (!statement_follows) return {};
      auto changed = db.execute("UPDATE counter SET at = 8");
      EXPECT_FALSE(changed);
      return {};  // a function that swallows the error must not be taken for a success
    });
    ASSERT_FALSE(done);
    if (!statement_follows) {
      EXPECT_EQ(done.error().code, "sql_conflict");
    }
  }
  EXPECT_EQ(number("SELECT sum(at) FROM counter"), 0);
}

TEST_F(Postgresql, a_read_of_several_statements_sees_one_snapshot) {
  open_with(counter);
  std::int64_t before = -1;
  std::int64_t after = -1;
  bool written = false;
  auto done = database->read_now([&](Connection& connection) -> Result<void> {
    const auto at = [](const Row& r) { return r.integer(0); };
    auto first = connection.one("SELECT at FROM counter", at);
    if (!first) return fail(first.error());
    before = **first;
    if (!std::exchange(written, true)) cluster.admin("UPDATE counter SET at = at + 100", url);
    auto second = connection.one("SELECT at FROM counter", at);
    if (!second) return fail(second.error());
    after = **second;
    return {};
  });
  ASSERT_TRUE(done);
  EXPECT_EQ(before, after);
  EXPECT_EQ(before, 100);  // the function ran again on a snapshot
}

TEST_F(Postgresql, a_read_without_a_statement_leaves_the_next_write_a_transaction_of_its_own) {
  open_with(counter);
  auto opened = PostgresConnection::open(options);
  ASSERT_TRUE(opened) << opened.error().cause;
  PostgresConnection& connection = **opened;
  const auto at = [](const Row& r) { return r.integer(0); };
  connection.begin(PostgresConnection::Mode::snapshot);
  ASSERT_TRUE(connection.one("SELECT at FROM counter", at));
  connection.end_read();
  for (const auto mode : {PostgresConnection::Mode::single, PostgresConnection::Mode::snapshot}) {
    connection.begin(mode);
    connection.end_read();
  }
  connection.begin(PostgresConnection::Mode::change);
  const auto changed = connection.execute("UPDATE counter SET at = 7");
  ASSERT_TRUE(changed) << changed.error().cause;
  ASSERT_TRUE(connection.commit());
  EXPECT_EQ(number("SELECT at FROM counter"), 7);
}

TEST_F(Postgresql, deadlocked_functions_run_again) {
  open_with(
      "CREATE TABLE v (id INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT; INSERT INTO v VALUES "
      "(1, 0), (2, 0);");
  std::atomic<int> met{0};
  auto cross = [&](int first, int second) {
    auto done = database->write_now([&, first, second](Transaction& db) -> Result<void> {
      if (auto r = db.execute("UPDATE v SET n = n + 1 WHERE id = $1", first); !r)
        return fail(r.error());
      ++met;
      while (met < 2)
        std::this_thread::yield();
      auto r = db.execute("UPDATE v SET n = n + 1 WHERE id = $1", second);
      return r ? Result<void>() : fail(r.error());
    });
    EXPECT_TRUE(done) << done.error().cause;
  };
  std::thread other([&] { cross(2, 1); });
  cross(1, 2);
  other.join();
  EXPECT_EQ(number("SELECT sum(n) FROM v"), 4);
  EXPECT_GE(database->counters().repeated, 1u);
}

TEST_F(Postgresql, text_that_cannot_be_stored_is_an_invalid_request) {
  open_with("CREATE TABLE v (t TEXT) STRICT;");
  for (const std::string_view text : {std::string_view("a\0b", 3), std::string_view("\xff\xfe")}) {
    auto done = write("INSERT INTO v VALUES ($1)", text);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().status, 400);
  }
  EXPECT_EQ(number("SELECT count(*) FROM v"), 0);
}

TEST_F(Postgresql, a_connection_that_was_ended_by_the_server_is_replaced_unnoticed) {
  open_with(counter);
  ASSERT_EQ(number("SELECT at FROM counter"), 0);
  cluster.admin(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
      "'mytoken-server'");
  EXPECT_EQ(number("SELECT at FROM counter"), 0);
  cluster.admin(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
      "'mytoken-server'");
  EXPECT_EQ(*write("UPDATE counter SET at = 5"), 1);
  EXPECT_EQ(number("SELECT at FROM counter"), 5);
}

TEST_F(Postgresql, a_connection_lost_during_the_commit_is_an_error_and_nothing_is_done_twice) {
  open_with(counter);
  // At COMMIT a deferred trigger ends its own session.
  cluster.admin(
      "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
      "pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NULL; END $$;"
      "CREATE CONSTRAINT TRIGGER dies AFTER UPDATE ON counter DEFERRABLE INITIALLY DEFERRED FOR "
      "EACH ROW EXECUTE "
      "FUNCTION die()",
      url);
  int runs = 0;
  auto done = database->write_now([&](Transaction& db) -> Result<void> {
    ++runs;
    auto changed = db.execute("UPDATE counter SET at = at + 1");
    return changed ? Result<void>() : fail(changed.error());
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().status, 503);
  EXPECT_NE(done.error().cause.find("outcome of a commit is unknown"), std::string::npos)
      << done.error().cause;
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(number("SELECT at FROM counter"), 0);
}

TEST_F(Postgresql, a_commit_that_no_standby_confirmed_in_time_is_not_acknowledged) {
  options.statement_timeout = 700ms;
  open_with(counter);
  cluster.admin("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  cluster.admin("SELECT pg_reload_conf()");
  while (cluster.admin("SHOW synchronous_standby_names") != "nobody\n")
    std::this_thread::sleep_for(5ms);
  auto done = write("UPDATE counter SET at = at + 1");
  cluster.admin("ALTER SYSTEM RESET synchronous_standby_names");
  cluster.admin("SELECT pg_reload_conf()");
  while (cluster.admin("SHOW synchronous_standby_names") != "\n")
    std::this_thread::sleep_for(5ms);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().status, 503);
  EXPECT_NE(done.error().cause.find("outcome of a commit is unknown"), std::string::npos)
      << done.error().cause;
}

TEST_F(Postgresql, a_killed_server_means_503_at_once_and_heals_when_it_is_back) {
  open_with(counter);
  ASSERT_EQ(*write("UPDATE counter SET at = 41"), 1);
  cluster.kill();
  auto lost = write("UPDATE counter SET at = at + 1");
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().status, 503);
  EXPECT_GT(lost.error().retry_after.count(), 0);
  const auto before = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(read("SELECT 1").error().status, 503);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 1s);
  EXPECT_TRUE(database->write_later(
      [](Transaction& db) -> Result<void> { return db.post("UPDATE counter SET at = at + 100"); }));
  cluster.start();
  ASSERT_TRUE(heals());
  EXPECT_EQ(*write("UPDATE counter SET at = at + 1"), 1);
  asio::io_context context(1);
  asio::co_spawn(context, database->flush(), asio::detached);
  context.run();
  EXPECT_EQ(number("SELECT at FROM counter"), 142);
  EXPECT_NE(log.text().find("cannot be reached"), std::string::npos);
  EXPECT_NE(log.text().find("reached again"), std::string::npos);
}

TEST_F(Postgresql, a_paused_server_means_503_in_bounded_time_and_heals) {
  options.statement_timeout = 500ms;
  open_with(counter);
  ASSERT_EQ(number("SELECT at FROM counter"), 0);
  cluster.pause();
  const auto before = std::chrono::steady_clock::now();
  auto silent = write("UPDATE counter SET at = at + 1");
  const auto took = std::chrono::steady_clock::now() - before;
  const auto second = read("SELECT 1");
  cluster.resume();
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().status, 503);
  EXPECT_LT(took, 5s);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().status, 503);
  ASSERT_TRUE(heals());
  EXPECT_EQ(number("SELECT at FROM counter"), 0);
}

TEST_F(Postgresql, a_statement_that_takes_too_long_is_ended_and_the_pool_stays_up) {
  options.statement_timeout = 300ms;
  open_with(counter);
  auto slow = read("SELECT 1 FROM pg_sleep(20)");
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().status, 503);
  EXPECT_EQ(number("SELECT at FROM counter"), 0);
  EXPECT_EQ(log.text().find("cannot be reached"), std::string::npos);
}

TEST_F(Postgresql, two_servers_that_migrate_at_once_apply_each_migration_once) {
  const std::vector<Migration> migrations = {
      {1, "table", "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);"},
      {2, "row", "INSERT INTO a VALUES (10);"}};
  std::vector<std::unique_ptr<PostgresDatabase>> servers;
  for (int i = 0; i < 4; ++i)
    servers.push_back(std::move(*open_postgres(options, log)));
  std::vector<std::thread> threads;
  for (auto& server : servers)
    threads.emplace_back([&] {
      auto done = server->migrate(migrations);
      EXPECT_TRUE(done) << done.error().cause;
    });
  for (auto& thread : threads)
    thread.join();
  open();
  EXPECT_EQ(number("SELECT sum(x) FROM a"), 11);
}

}  // namespace
}  // namespace mytoken::sql
