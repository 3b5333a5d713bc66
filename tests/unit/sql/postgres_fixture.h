// A schema of its own in a private PostgreSQL for each test, with small pools and short time-outs.
#pragma once
#include <gtest/gtest.h>

#include "sql/postgres.h"
#include "support/postgres_cluster.h"
#include "unit/sql/fixture.h"

namespace mytoken::sql {

class PostgresqlTest : public DatabaseTest<::testing::Test, PostgresDatabase> {
 protected:
  PostgresqlTest() : cluster(test::PostgresCluster::shared()) {
    url = cluster.fresh_schema();
    options.url = Secret(url);
    options.connections = 4;
    options.statement_timeout = std::chrono::milliseconds(3000);
    options.connect_timeout = std::chrono::milliseconds(2000);
  }

  void open() override {
    database.reset();
    auto opened = open_postgres(options, log);
    ASSERT_TRUE(opened) << opened.error().cause;
    database = std::move(*opened);
  }
  test::PostgresCluster& cluster;
  std::string url;
  PostgresOptions options;
};

}  // namespace mytoken::sql
