// The writer: groups, isolation of neighbours, bounds, deferred writes, and where coroutines
// resume.
#include "unit/sql/fixture.h"

namespace mytoken::sql {
namespace {

using Writes = SqliteTest;

TEST_F(Writes, an_error_undoes_its_own_function_and_not_its_neighbours) {
  open_with("CREATE TABLE v (a INTEGER PRIMARY KEY) STRICT; INSERT INTO v VALUES (100);");
  asio::io_context context(1);
  std::vector<std::optional<Result<std::int64_t>>> results(6);
  {
    Gate gate(*database);
    for (int i = 0; i < 6; ++i) {
      auto work = [i](Transaction& transaction) -> Result<std::int64_t> {
        auto done = transaction.execute("INSERT INTO v VALUES ($1)", i);
        if (i == 1) return transaction.execute("INSERT INTO v VALUES (100)");
        if (i == 3) return fail(not_found("nothing here"));
        if (i == 4) throw std::runtime_error("broken");
        return done;
      };
      asio::co_spawn(context, write_into(*database, work, results[static_cast<std::size_t>(i)]),
                     asio::detached);
    }
    start(context);
  }
  context.run();
  EXPECT_TRUE(*results[0] && *results[2] && *results[5]);
  EXPECT_EQ(results[1]->error().code, "sql_conflict");
  EXPECT_EQ(results[3]->error().description, "nothing here");
  EXPECT_EQ(results[4]->error().status, 500);
  EXPECT_EQ(number("SELECT count(*) FROM v WHERE a IN (0, 2, 5)"), 3);
  EXPECT_EQ(number("SELECT count(*) FROM v"), 4);
}

TEST_F(Writes, a_reference_that_would_fail_the_common_commit_fails_its_own_function) {
  open_with(
      "CREATE TABLE p (id INTEGER PRIMARY KEY) STRICT;"
      "CREATE TABLE c (p INTEGER REFERENCES p DEFERRABLE INITIALLY DEFERRED) STRICT;");
  asio::io_context context(1);
  std::optional<Result<std::int64_t>> before, dangling, resolved;
  {
    Gate gate(*database);
    auto early = [](Transaction& transaction) -> Result<std::int64_t> {
      EXPECT_TRUE(transaction.execute("INSERT INTO c VALUES (1)"));
      return transaction.execute("INSERT INTO p VALUES (1)");
    };
    asio::co_spawn(context, write_into(*database, statement("INSERT INTO p VALUES (7)"), before),
                   asio::detached);
    asio::co_spawn(context, write_into(*database, statement("INSERT INTO c VALUES (9)"), dangling),
                   asio::detached);
    asio::co_spawn(context, write_into(*database, early, resolved), asio::detached);
    start(context);
  }
  context.run();
  EXPECT_TRUE(*before);
  EXPECT_TRUE(*resolved);
  ASSERT_FALSE(*dangling);
  EXPECT_NE(dangling->error().cause.find("FOREIGN KEY"), std::string::npos);
  EXPECT_EQ(number("SELECT count(*) FROM p"), 2);
  EXPECT_EQ(number("SELECT count(*) FROM c"), 1);
}

TEST_F(Writes, a_function_that_makes_the_engine_give_up_the_transaction_fails_alone) {
  open_with("CREATE TABLE v (a INTEGER PRIMARY KEY) STRICT; INSERT INTO v VALUES (100);");
  asio::io_context context(1);
  std::vector<std::optional<Result<std::int64_t>>> results(4);
  const char* texts[] = {"INSERT INTO v VALUES (1)", "INSERT OR ROLLBACK INTO v VALUES (100)",
                         "INSERT INTO v VALUES (2)", "INSERT OR ROLLBACK INTO v VALUES (100)"};
  {
    Gate gate(*database);
    for (std::size_t i = 0; i < 4; ++i) {
      asio::co_spawn(context, write_into(*database, statement(texts[i]), results[i]),
                     asio::detached);
    }
    start(context);
  }
  context.run();
  EXPECT_TRUE(*results[0]);
  EXPECT_EQ(results[1]->error().code, "sql_conflict");
  EXPECT_TRUE(*results[2]);
  EXPECT_EQ(results[3]->error().code, "sql_conflict");
  EXPECT_EQ(number("SELECT sum(a) FROM v"), 103);
}

TEST_F(Writes, more_waiting_functions_than_a_group_holds_all_run_in_their_order) {
  options.largest_group = 8;
  open_with("CREATE TABLE v (id INTEGER PRIMARY KEY, a INTEGER) STRICT;");
  asio::io_context context(1);
  std::vector<std::optional<Result<std::int64_t>>> results(100);
  {
    Gate gate(*database);
    for (std::size_t i = 0; i < results.size(); ++i) {
      auto sql = "INSERT INTO v (a) VALUES (" + std::to_string(i) + ")";
      asio::co_spawn(context, write_into(*database, statement(sql), results[i]), asio::detached);
    }
    start(context);
  }
  context.run();
  for (auto& result : results)
    EXPECT_EQ(**result, 1);
  EXPECT_EQ(number("SELECT count(*) FROM v"), 100);
  EXPECT_EQ(number("SELECT count(*) FROM v WHERE a <> id - 1"), 0);
}

TEST_F(Writes, beyond_the_longest_queue_a_write_is_refused_with_503) {
  options.longest_queue = 3;
  open_with("CREATE TABLE v (a INTEGER) STRICT;");
  asio::io_context context(1);
  std::vector<std::optional<Result<std::int64_t>>> results(5);
  {
    Gate gate(*database);
    for (auto& result : results) {
      asio::co_spawn(context, write_into(*database, statement("INSERT INTO v VALUES (1)"), result),
                     asio::detached);
    }
    start(context);
    for (std::size_t i = 0; i < 5; ++i)
      EXPECT_EQ(results[i].has_value(), i >= 3);
  }
  context.run();
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_TRUE(*results[i]);
  for (std::size_t i = 3; i < 5; ++i) {
    EXPECT_EQ(results[i]->error().status, 503);
    EXPECT_GT(results[i]->error().retry_after.count(), 0);
  }
  EXPECT_EQ(number("SELECT count(*) FROM v"), 3);
}

TEST_F(Writes, deferred_writes_are_visible_after_flush) {
  options.largest_group = 16;
  open_with("CREATE TABLE v (a INTEGER) STRICT;");
  asio::io_context context(1);
  for (int i = 0; i < 500; ++i)
    EXPECT_TRUE(database->write_later(insert_one));
  std::optional<Result<std::int64_t>> count;
  asio::co_spawn(context, flush_and_count(*database, count), asio::detached);
  context.run();
  EXPECT_EQ(**count, 500);
}

TEST_F(Writes, deferred_writes_beyond_the_bound_are_refused_and_a_failing_one_is_logged) {
  open_with("CREATE TABLE v (a INTEGER) STRICT;");
  std::atomic<int> ran = 0;
  {
    Gate gate(*database);
    for (int i = 0; i < 100'000; ++i) {
      ASSERT_TRUE(database->write_later([&ran](Transaction&) -> Result<void> {
        if (++ran == 50'000) return fail(internal_error("deliberate"));
        return {};
      }));
    }
    EXPECT_FALSE(database->write_later(insert_one));
  }
  database.reset();
  EXPECT_EQ(ran, 100'000);
  EXPECT_NE(log.text().find("deliberate"), std::string::npos);
}

TEST_F(Writes, the_end_of_the_database_finishes_what_is_queued) {
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
  EXPECT_FALSE(std::filesystem::exists(options.file.string() + "-wal"));
  context.run();
  for (auto& result : results)
    EXPECT_TRUE(*result);
  open();
  EXPECT_EQ(number("SELECT count(*) FROM v"), 100);
}

}  // namespace
}  // namespace mytoken::sql
