// What every engine promises: who runs when, deferred writes, migrations.
#include <limits>
#include <stdexcept>

#include "unit/sql/engines.h"

namespace mytoken::sql {
namespace {

using WorkOn = EveryEngine;
ON_EVERY_ENGINE(WorkOn);

const Migration first{1, "start", "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);"};
const Migration second{2, "more", "INSERT INTO a VALUES (2); CREATE TABLE b (y TEXT) STRICT;"};

Task<void> take_one(Database& database, std::int64_t limit, std::atomic<int>& admitted,
                    std::atomic<int>& elsewhere) {
  const auto home = std::this_thread::get_id();
  auto work = [limit](Transaction& transaction) {
    return transaction.execute("UPDATE counter SET at = at + 1 WHERE at < $1", limit);
  };
  auto changed = co_await database.write(work);
  EXPECT_TRUE(changed);
  if (changed && *changed == 1) ++admitted;
  if (std::this_thread::get_id() != home) ++elsewhere;
}

TEST_P(WorkOn, a_limit_admits_exactly_its_number_of_1000_concurrent_compare_and_sets) {
  open_with("CREATE TABLE counter (at INTEGER NOT NULL) STRICT; INSERT INTO counter VALUES (0);");
  constexpr std::int64_t limit = 137;
  std::atomic<int> admitted = 0;
  std::atomic<int> elsewhere = 0;
  auto serve = [&] {
    asio::io_context context(1);
    for (int i = 0; i < 500; ++i) {
      asio::co_spawn(context, take_one(*database, limit, admitted, elsewhere), asio::detached);
    }
    context.run();
  };
  std::thread other(serve);
  serve();
  other.join();
  EXPECT_EQ(admitted, limit);
  EXPECT_EQ(elsewhere, 0);
  EXPECT_EQ(number("SELECT at FROM counter"), limit);
}

TEST_P(WorkOn, flush_with_nothing_queued_resumes) {
  open_with("CREATE TABLE v (a INTEGER) STRICT;");
  asio::io_context context(1);
  std::optional<Result<std::int64_t>> count;
  asio::co_spawn(context, flush_and_count(*database, count), asio::detached);
  context.run();
  EXPECT_EQ(**count, 0);
}

TEST_P(WorkOn, a_deferred_write_happens_without_anybody_waiting) {
  open();
  std::promise<void> ran;
  EXPECT_TRUE(database->write_later([&ran](Transaction&) -> Result<void> {
    ran.set_value();
    return {};
  }));
  EXPECT_EQ(ran.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_P(WorkOn, missing_ones_are_applied_once_and_in_order) {
  open();
  ASSERT_TRUE(database->migrate({first}));
  EXPECT_EQ(number("SELECT sum(x) FROM a"), 1);
  ASSERT_TRUE(database->migrate({first, second}));
  ASSERT_TRUE(database->migrate({first, second}));
  EXPECT_EQ(number("SELECT sum(x) FROM a"), 3);
  EXPECT_EQ(number("SELECT count(*) FROM meta WHERE key = 'schema' AND value = '2'"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM meta WHERE key = 'application' AND value = 'mytoken'"), 1);
}

TEST_P(WorkOn, one_that_fails_is_undone_whole_and_named) {
  open();
  const Migration broken{2, "broken", "INSERT INTO a VALUES (5); INSERT INTO nowhere VALUES (1);"};
  auto done = database->migrate({first, broken});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().cause.find("migration 2 (broken)"), std::string::npos);
  EXPECT_EQ(number("SELECT sum(x) FROM a"), 1);
  ASSERT_TRUE(database->migrate({first, second}));
  EXPECT_EQ(number("SELECT sum(x) FROM a"), 3);
}

TEST_P(WorkOn, a_schema_newer_than_the_program_is_refused) {
  open();
  ASSERT_TRUE(database->migrate({first, second}));
  auto done = database->migrate({first});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().cause,
            "the database has schema 2, this program knows 1: update the program");
}

TEST_P(WorkOn, versions_out_of_order_are_refused) {
  open();
  EXPECT_FALSE(database->migrate({second, first}));
  EXPECT_FALSE(database->migrate({first, first}));
}

TEST_P(WorkOn, kept_statements_follow_a_changed_schema) {
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

TEST_P(WorkOn, deferred_writes_are_visible_after_flush) {
  open_with("CREATE TABLE v (a INTEGER) STRICT;");
  asio::io_context context(1);
  for (int i = 0; i < 500; ++i)
    EXPECT_TRUE(database->write_later(insert_one));
  std::optional<Result<std::int64_t>> count;
  asio::co_spawn(context, flush_and_count(*database, count), asio::detached);
  context.run();
  EXPECT_EQ(**count, 500);
}

TEST_P(WorkOn, a_deferred_write_that_fails_is_logged_and_takes_nobody_along) {
  open_with("CREATE TABLE v (a INTEGER) STRICT;");
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(database->write_later([i](Transaction& db) -> Result<void> {
      if (i == 50) return fail(internal_error("deliberate"));
      return insert_one(db);
    }));
  }
  std::optional<Result<std::int64_t>> count;
  asio::io_context context(1);
  asio::co_spawn(context, flush_and_count(*database, count), asio::detached);
  context.run();
  EXPECT_EQ(**count, 99);
  EXPECT_NE(log.text().find("deliberate"), std::string::npos);
}

TEST_P(WorkOn, a_database_of_something_else_is_refused_and_left_as_it_was) {
  open();
  ASSERT_TRUE(write("CREATE TABLE songs (title TEXT)"));
  auto done = database->migrate({first});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().cause.find("tables of another program"), std::string::npos);
  ASSERT_TRUE(write("CREATE TABLE meta (name TEXT)"));
  auto again = database->migrate({first});
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().cause.find("tables of another program"), std::string::npos)
      << again.error().cause;
}

TEST_P(WorkOn, a_migration_that_commits_is_refused) {
  open();
  ASSERT_TRUE(database->migrate({first}));
  EXPECT_FALSE(database->migrate({first, {2, "commits", "DELETE FROM a; COMMIT; DELETE FROM a;"}}));
  EXPECT_EQ(number("SELECT sum(x) FROM a"), 1);
}

TEST_P(WorkOn, the_end_of_the_database_finishes_what_is_queued) {
  open_with("CREATE TABLE v (a INTEGER) STRICT;");
  asio::io_context context(1);
  std::vector<std::optional<Result<std::int64_t>>> results(50);
  for (auto& result : results) {
    asio::co_spawn(context, write_into(*database, statement("INSERT INTO v VALUES (1)"), result),
                   asio::detached);
    EXPECT_TRUE(database->write_later(insert_one));
  }
  start(context);
  database.reset();
  context.run();
  for (auto& result : results)
    EXPECT_TRUE(*result);
  open();
  EXPECT_EQ(number("SELECT count(*) FROM v"), 100);
}

}  // namespace
}  // namespace mytoken::sql
