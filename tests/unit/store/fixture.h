// A database with the schema, and short ways to put rows into it.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/random.h"
#include "sql/sqlite.h"
#include "store/flows.h"
#include "store/history.h"
#include "store/outbox.h"
#include "store/proxies.h"
#include "store/refresh_tokens.h"
#include "store/schema.h"
#include "store/tokens.h"
#include "store/usages.h"
#include "support/manual_clock.h"

namespace mytoken::test {

class SilentLog final : public Log {
 public:
  SilentLog() : Log(2, LogLevel::debug, Format::json) {}

 private:
  void emit(std::string_view) override {}
};

class StoreTest : public ::testing::Test {
 protected:
  StoreTest()
      : folder(std::filesystem::temp_directory_path() / ("mytoken-store-" + random_text(12))) {
    std::filesystem::create_directories(folder);
    sql::SqliteOptions options;
    options.file = folder / "test.sqlite";
    auto opened = sql::open_sqlite(options, log);
    EXPECT_TRUE(opened);
    database = std::move(*opened);
    auto migrated = database->migrate(store::migrations());
    EXPECT_TRUE(migrated) << migrated.error().cause;
    user = *write([&](sql::Transaction& db) {
      return store::find_or_add_user(db, "sub", "iss", std::nullopt, false, clock.now());
    });
  }
  ~StoreTest() override {
    database.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  // Runs `work(Transaction&)` in a transaction of its own; its result.
  template <class Work>
  auto write(Work work) -> std::invoke_result_t<Work&, sql::Transaction&> {
    std::optional<std::invoke_result_t<Work&, sql::Transaction&>> result;
    auto done = database->write_now([&](sql::Transaction& db) -> Result<void> {
      result.emplace(work(db));
      if (!*result) return tl::unexpected(result->error());
      return {};
    });
    if (!done) return tl::unexpected(done.error());
    return std::move(*result);
  }

  std::int64_t count(const std::string& sql) {
    std::int64_t number = -1;
    auto read = database->read_now([&](sql::Connection& db) -> Result<void> {
      auto row = db.one(sql, [](const sql::Row& r) { return r.integer(0); });
      if (row && *row) number = **row;
      return {};
    });
    EXPECT_TRUE(read);
    return number;
  }

  void add_token(const std::string& id, std::optional<std::string> parent = {},
                 std::optional<store::RefreshTokenId> refresh_token = {}) {
    store::NewToken token;
    token.id = id;
    token.parent_id = std::move(parent);
    token.user_id = user;
    token.refresh_token_id = refresh_token;
    token.created = clock.now();
    token.capabilities = "[]";
    token.restrictions = "[]";
    auto added = write([&](sql::Transaction& db) { return store::add_token(db, token); });
    EXPECT_TRUE(added) << added.error().cause;
  }
  // A clause "c" of a token, charged to the clause "c" of `parent`.
  void add_clause(const std::string& id, std::optional<std::int64_t> limit_at,
                  const std::string& parent = {}) {
    store::ClauseRow row;
    row.hash = "c";
    row.limit_at = limit_at;
    if (!parent.empty()) {
      row.parent_mytoken_id = parent;
      row.parent_hash = "c";
    }
    EXPECT_TRUE(write([&](sql::Transaction& db) { return store::add_clauses(db, id, {row}); }));
  }
  void add_refresh_token(store::RefreshTokenId id) {
    EXPECT_TRUE(write([&](sql::Transaction& db) {
      return store::add_refresh_token(db, id, user, "iss", "sealed", true, clock.now());
    }));
  }
  bool charge(const std::string& id, bool with_ancestors = true) {
    auto done = write([&](sql::Transaction& db) {
      return store::reserve_usage(db, id, "c", store::UsageKind::at, with_ancestors);
    });
    EXPECT_TRUE(done);
    return done && *done;
  }
  std::vector<store::Orphan> remove(const std::string& id, bool recursive) {
    auto orphans =
        write([&](sql::Transaction& db) { return store::delete_token(db, id, recursive); });
    EXPECT_TRUE(orphans) << orphans.error().cause;
    return orphans ? *orphans : std::vector<store::Orphan>();
  }

  SilentLog log;
  ManualClock clock;
  std::filesystem::path folder;
  std::unique_ptr<sql::Database> database;
  store::UserId user = 0;
};

}  // namespace mytoken::test
