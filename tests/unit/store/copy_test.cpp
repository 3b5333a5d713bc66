// Copying and comparing databases: from SQLite to every engine, by the schema's own description.
#include "store/copy.h"

#include "store/compare.h"
#include "store/grants.h"
#include "store/refresh_tokens.h"
#include "store/schema.h"
#include "store/tags.h"
#include "store/tokens.h"
#include "store/usages.h"
#include "support/manual_clock.h"
#include "unit/sql/engines.h"

namespace mytoken::store {
namespace {

using sql::Blob;
using sql::Table;
using sql::Transaction;

class Copy : public sql::EveryEngine {
 protected:
  Copy() : folder(std::filesystem::temp_directory_path() / ("mytoken-copy-" + random_uuid())) {
    std::filesystem::create_directory(folder);
    open();  // the target
    sql::SqliteOptions options;
    options.file = folder / "source.db";
    auto opened = sql::open_sqlite(options, log);
    EXPECT_TRUE(opened) << opened.error().cause;
    source = std::move(*opened);
    for (sql::Database* one : {source.get(), database.get()})
      EXPECT_TRUE(one->migrate(migrations()));
    auto read = source->read_now([&](sql::Connection& db) -> Result<void> {
      auto found = sql::tables_of_sqlite(db);
      if (!found) return fail(found.error());
      tables = std::move(*found);
      return {};
    });
    EXPECT_TRUE(read) << read.error().cause;
  }
  ~Copy() override {
    source.reset();
    std::filesystem::remove_all(folder);
  }

  void in_source(const std::function<Result<void>(Transaction&)>& work) {
    auto done = source->write_now(work);
    ASSERT_TRUE(done) << done.error().cause;
  }
  // A user with a refresh token and a chain of `count` tokens, each the child of the former; ids
  // fall, so that the order of the ids is not that of the generations.
  void fill(int count) {
    in_source([&](Transaction& db) -> Result<void> {
      auto user = find_or_add_user(db, "süb", "iss", "", true, clock.now());
      if (!user) return fail(user.error());
      if (auto r =
              add_refresh_token(db, 1, *user, "iss", std::string("\0\xff", 2), true, clock.now());
          !r) {
        return r;
      }
      std::optional<std::string> parent;
      for (int i = 0; i < count; ++i) {
        NewToken t;
        t.id = std::to_string(900'000 - i);
        t.parent_id = parent;
        t.user_id = *user;
        if (i % 2 == 0) t.refresh_token_id = 1;
        t.name = i % 3 == 0 ? "" : "näme";
        t.capabilities = t.restrictions = "[]";
        if (auto r = add_token(db, t); !r) return r;
        ClauseRow row;
        row.hash = std::to_string(i);
        row.limit_at = i;
        if (auto r = add_clauses(db, t.id, {row}); !r) return r;
        parent = t.id;
      }
      return {};
    });
  }
  const Table& table(std::string_view name) const {
    return *std::find_if(tables.begin(), tables.end(),
                         [name](const Table& one) { return one.name == name; });
  }
  void copy_all() {
    for (const Table& one : tables) {
      auto copied = copy_table(one, *source, *database);
      ASSERT_TRUE(copied) << copied.error().cause;
    }
  }
  static Tally tally_of(const Table& which, sql::Database& where) {
    auto found = tally(which, where);
    EXPECT_TRUE(found) << found.error().cause;
    return found.value_or(Tally{});
  }

  test::ManualClock clock;
  std::filesystem::path folder;
  std::unique_ptr<sql::Database> source;
  std::vector<Table> tables;
};
ON_EVERY_ENGINE(Copy);

TEST_P(Copy, every_table_of_the_schema_is_known_and_comes_after_those_it_refers_to) {
  std::vector<std::string> names;
  for (const Table& one : tables)
    names.push_back(one.name);
  const auto place = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) - names.begin();
  };
  for (const char* name : {"users", "refresh_tokens", "mytokens", "clauses", "proxies", "flows",
                           "events", "access_tokens", "rotations", "outbox", "leases", "restores",
                           "tags", "token_tags", "user_grants"})
    EXPECT_LT(place(name), static_cast<std::ptrdiff_t>(names.size())) << name;
  EXPECT_LT(place("users"), place("refresh_tokens"));
  EXPECT_LT(place("refresh_tokens"), place("mytokens"));
  EXPECT_LT(place("mytokens"), place("events"));
  EXPECT_EQ(table("clauses").key().size(), 2u);
}

TEST_P(Copy, all_rows_arrive_and_both_sides_have_the_same_digests) {
  fill(1203);  // more than two pages, a last one that is not full
  copy_all();
  EXPECT_EQ(number("SELECT count(*) FROM mytokens"), 1203);
  for (const Table& one : tables) {
    EXPECT_EQ(tally_of(one, *source), tally_of(one, *database)) << one.name;
  }
  EXPECT_EQ(tally_of(table("mytokens"), *database).rows, 1203);
  auto sample = compare_sample(tables, *source, *database, 20);
  ASSERT_TRUE(sample) << sample.error().cause;
  // Two draws of ten tokens each; ids that are no digests lie together, so both mostly find the
  // same.
  EXPECT_GE(sample->tokens, 10);
  EXPECT_LE(sample->tokens, 20);
  // Token, clause, user; each second has a refresh token.
  EXPECT_GE(sample->rows, 3 * sample->tokens + sample->tokens / 2 - 1);
  EXPECT_LE(sample->rows, 4 * sample->tokens);
}

TEST_P(Copy, what_belongs_to_users_arrives_with_its_tokens) {
  fill(3);
  in_source([&](Transaction& db) -> Result<void> {
    auto user = find_or_add_user(db, "süb", "iss", std::nullopt, false, clock.now());
    if (!user) return fail(user.error());
    auto tag = find_or_add_tag(db, *user, "näme", "abcdef");
    if (!tag) return fail(tag.error());
    if (auto r = tag_tree(db, "899999", *tag); !r) return r;
    return set_grant(db, *user, "ssh", true);
  });
  copy_all();
  for (const char* name : {"tags", "token_tags", "user_grants"}) {
    EXPECT_EQ(tally_of(table(name), *source), tally_of(table(name), *database)) << name;
    EXPECT_EQ(tally_of(table(name), *database).rows, std::string_view(name) == "token_tags" ? 2 : 1)
        << name;
  }
  ASSERT_EQ(
      *write("UPDATE token_tags SET include_children = 0 WHERE mytoken_id = $1", Blob{"899998"}),
      1);
  auto sample = compare_sample(tables, *source, *database, 50);
  ASSERT_FALSE(sample);
  EXPECT_NE(sample.error().cause.find("differ in table token_tags"), std::string::npos);
}

TEST_P(Copy, any_difference_changes_a_digest) {
  fill(5);
  copy_all();
  const Tally before = tally_of(table("mytokens"), *database);
  for (const char* change : {"UPDATE mytokens SET name = 'other' WHERE id = $1",
                             "UPDATE mytokens SET sealed_key = $1 WHERE id = $1",
                             "UPDATE mytokens SET expires_at = 0 WHERE id = $1",  // was NULL
                             "UPDATE mytokens SET refresh_token_id = NULL WHERE id = $1"}) {
    ASSERT_EQ(*write(change, Blob{"899996"}), 1) << change;  // the lowest id, which is sampled
    EXPECT_NE(tally_of(table("mytokens"), *database).digest, before.digest) << change;
    auto sample = compare_sample(tables, *source, *database, 50);
    ASSERT_FALSE(sample) << change;
    EXPECT_NE(sample.error().cause.find("differ in table"), std::string::npos);
    ASSERT_TRUE(empty_tables(tables, *database));
    copy_all();
    ASSERT_EQ(tally_of(table("mytokens"), *database), before);
  }
}

TEST_P(Copy, empty_and_filled_tables_are_told_apart) {
  const auto filled = [&] {
    std::string name;
    EXPECT_TRUE(database->read_now([&](sql::Connection& db) -> Result<void> {
      auto found = first_filled(tables, db);
      if (!found) return fail(found.error());
      name = *found;
      return {};
    }));
    return name;
  };
  EXPECT_EQ(filled(), "");
  fill(2);
  copy_all();
  EXPECT_NE(filled(), "");
  auto removed = empty_tables(tables, *database);
  ASSERT_TRUE(removed) << removed.error().cause;
  EXPECT_EQ(*removed, 6);  // user, refresh token, two tokens, two clauses
  EXPECT_EQ(filled(), "");
}

TEST_P(Copy, an_older_state_is_compared_with_a_newer_one) {
  fill(2100);  // more than a page
  copy_all();
  // The source goes on: two revoked, one made, one rotated twice, a refresh token renewed.
  in_source([&](Transaction& db) -> Result<void> {
    for (const char* id : {"899999", "897950"}) {
      if (auto r = delete_token(db, id, false); !r) return fail(r.error());
    }
    NewToken t;
    t.id = "new";
    t.user_id = 0;
    auto user = find_or_add_user(db, "süb", "iss", std::nullopt, false, clock.now());
    if (!user) return fail(user.error());
    t.user_id = *user;
    t.capabilities = t.restrictions = "[]";
    if (auto r = add_token(db, t); !r) return r;
    for (const std::int64_t number : {1, 2}) {
      if (auto r = rotate_token(db, "900000", number, "key", clock.precise()); !r) return r;
    }
    auto stored = store_successor(db, 1, 1, "newer", clock.now());
    return stored ? Result<void>() : fail(stored.error());
  });
  Differences found;
  auto read = database->read_now([&](sql::Connection& older) {
    return source->read_now([&](sql::Connection& newer) -> Result<void> {
      auto compared = compare(older, newer);
      if (!compared) return fail(compared.error());
      found = *compared;
      return {};
    });
  });
  ASSERT_TRUE(read) << read.error().cause;
  EXPECT_EQ(found.made, 1);
  EXPECT_EQ(found.revoked, 2);
  EXPECT_EQ(found.rotated, 1);
  EXPECT_EQ(found.refreshed, 1);
  std::int64_t removed = 0;
  auto taken = source->read_now([&](sql::Connection& newer) -> Result<void> {
    auto done = remove_revoked(*database, newer);
    if (!done) return fail(done.error());
    removed = *done;
    return {};
  });
  ASSERT_TRUE(taken) << taken.error().cause;
  EXPECT_EQ(removed, 2);
  EXPECT_EQ(number("SELECT count(*) FROM mytokens"), 2098);
  EXPECT_EQ(number("SELECT count(*) FROM mytokens WHERE id = $1", Blob{"899999"}), 0);
  EXPECT_EQ(number("SELECT count(*) FROM mytokens WHERE parent_id = $1", Blob{"900000"}), 1)
      << "the child of a revoked token moved to its parent";
}

}  // namespace
}  // namespace mytoken::store
