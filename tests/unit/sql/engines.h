// The fixture of the conformance suite: one test runs on each engine, with nothing but
// sql/database.h between.
#pragma once
#include "unit/sql/postgres_fixture.h"

namespace mytoken::sql {

enum class Engine { sqlite, postgresql };

class EveryEngine : public DatabaseTest<::testing::TestWithParam<Engine>> {
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

  void open() override {
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

  std::size_t longest_queue = 50'000;
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
