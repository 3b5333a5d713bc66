// A schema of its own in a private PostgreSQL for each test, with small pools and short time-outs.
#pragma once
#include <gtest/gtest.h>

#include "sql/postgres.h"
#include "support/postgres_cluster.h"
#include "unit/sql/fixture.h"

namespace mytoken::sql {

class PostgresqlTest : public ::testing::Test {
 protected:
  PostgresqlTest() : cluster(test::PostgresCluster::shared()) {
    url = cluster.fresh_schema();
    options.url = Secret(url);
    options.connections = 4;
    options.statement_timeout = std::chrono::milliseconds(3000);
    options.connect_timeout = std::chrono::milliseconds(2000);
  }

  void open() {
    database.reset();
    auto opened = open_postgres(options, log);
    ASSERT_TRUE(opened) << opened.error().cause;
    database = std::move(*opened);
  }
  void open_with(std::string_view schema) {
    open();
    auto done = database->migrate({{1, "test", schema}});
    ASSERT_TRUE(done) << done.error().cause;
  }

  template <class... P>
  Result<std::int64_t> write(std::string_view sql, const P&... params) {
    std::int64_t changed = 0;
    auto done = database->write_now([&](Transaction& transaction) -> Result<void> {
      auto ran = transaction.execute(sql, params...);
      if (!ran) return fail(ran.error());
      changed = *ran;
      return {};
    });
    if (!done) return fail(done.error());
    return changed;
  }

  template <class... P>
  Result<std::int64_t> read(std::string_view sql, const P&... params) {
    std::int64_t found = -1;
    auto done = database->read_now([&](Connection& connection) -> Result<void> {
      auto row = connection.one(
          sql, [](const Row& r) { return r.integer(0); }, params...);
      if (!row) return fail(row.error());
      found = row->value_or(-1);
      return {};
    });
    if (!done) return fail(done.error());
    return found;
  }
  template <class... P>
  std::int64_t number(std::string_view sql, const P&... params) {
    auto found = read(sql, params...);
    EXPECT_TRUE(found) << found.error().cause;
    return found.value_or(-2);
  }

  test::PostgresCluster& cluster;
  std::string url;
  PostgresOptions options;
  CollectingLog log;
  std::unique_ptr<PostgresDatabase> database;
};

}  // namespace mytoken::sql
