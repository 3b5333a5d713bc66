// The fixture of the conformance suite: one test runs on each engine, with nothing but
// sql/database.h between.
#pragma once
#include "unit/sql/postgres_fixture.h"

namespace mytoken::sql {

enum class Engine { sqlite, postgresql };

class EveryEngine : public ::testing::TestWithParam<Engine> {
 protected:
  EveryEngine() {
    if (GetParam() == Engine::postgresql) {
      url_ = test::PostgresCluster::shared().fresh_schema();
    } else {
      directory_ = std::filesystem::temp_directory_path() / ("mytoken-sql-" + random_uuid());
      std::filesystem::create_directory(directory_);
    }
  }
  ~EveryEngine() override {
    database.reset();
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  // Opens it, again if it was open.
  void open() {
    database.reset();
    if (GetParam() == Engine::postgresql) {
      PostgresOptions options;
      options.url = Secret(url_);
      options.connections = 4;
      options.longest_queue = longest_queue;
      auto opened = open_postgres(options, log);
      ASSERT_TRUE(opened) << opened.error().cause;
      database = std::move(*opened);
    } else {
      SqliteOptions options;
      options.file = directory_ / "test.db";
      options.longest_queue = longest_queue;
      auto opened = open_sqlite(options, log);
      ASSERT_TRUE(opened) << opened.error().cause;
      database = std::move(*opened);
    }
  }
  void open_with(std::string_view schema) {
    open();
    auto done = database->migrate({{1, "test", schema}});
    ASSERT_TRUE(done) << done.error().cause;
  }

  // Runs one statement in a transaction of its own; rows changed or the error.
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

  // The first column of the first row as an integer; -1 if there is no row.
  template <class... P>
  std::int64_t number(std::string_view sql, const P&... params) {
    std::int64_t found = -1;
    auto done = database->read_now([&](Connection& connection) -> Result<void> {
      auto row = connection.one(
          sql, [](const Row& r) { return r.integer(0); }, params...);
      if (!row) return fail(row.error());
      found = row->value_or(-1);
      return {};
    });
    EXPECT_TRUE(done) << done.error().cause;
    return found;
  }

  std::size_t longest_queue = 50'000;
  CollectingLog log;
  std::unique_ptr<Database> database;
  std::string url_;  // of the schema on PostgreSQL

 private:
  std::filesystem::path directory_;
};

inline std::string name_of(const ::testing::TestParamInfo<Engine>& engine) {
  return engine.param == Engine::sqlite ? "Sqlite" : "Postgresql";
}

// Test names are Engines/<suite>.<test>/Sqlite and …/Postgresql.
#define ON_EVERY_ENGINE(suite)                                                               \
  INSTANTIATE_TEST_SUITE_P(                                                                  \
      Engines, suite,                                                                        \
      ::testing::Values(::mytoken::sql::Engine::sqlite, ::mytoken::sql::Engine::postgresql), \
      ::mytoken::sql::name_of)

}  // namespace mytoken::sql
