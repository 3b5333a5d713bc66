// Two servers on one PostgreSQL: each with its own connections, memory, journal and name, and
// nothing between them but the database.
#pragma once
#include <gtest/gtest.h>

#include "sql/postgres.h"
#include "unit/service/installation.h"

namespace mytoken::test {
class TwoServersOnPostgresql : public ::testing::Test {
 protected:
  explicit TwoServersOnPostgresql() : site(single_use(), true, {}, Engine::postgresql) {
    sql::PostgresOptions options;
    options.url = Secret(site.schema);
    auto opened = sql::open_postgres(options, site.log);
    EXPECT_TRUE(opened) << opened.error().cause;
    database = std::move(*opened);
    journal = std::move(*service::Journal::open(site.folder / "journal-2", site.log));
    EXPECT_TRUE(journal->bind("this-installation"));
    other = site.make_context(site.context->settings, "server-2", *journal, *database);
  }

  static ProviderKnobs single_use() {
    ProviderKnobs knobs;
    knobs.rotation = ProviderKnobs::Rotation::single_use;
    return knobs;
  }
  service::Context& server(std::size_t i) { return i % 2 == 0 ? *site.context : *other; }

  template <class T>
  static std::size_t successes(const std::vector<Result<T>>& answers) {
    std::size_t count = 0;
    for (const auto& answer : answers)
      count += answer ? 1 : 0;
    return count;
  }

  Installation site;
  std::unique_ptr<sql::PostgresDatabase> database;
  std::unique_ptr<service::Journal> journal;
  std::unique_ptr<service::Context> other;
};

}  // namespace mytoken::test
