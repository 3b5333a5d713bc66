// Counters of clauses and the chains they are charged to (spec tokens.md §5.8, 5.13).
#include "store/usages.h"

#include "unit/store/fixture.h"

namespace mytoken::test {
namespace {

class UsagesTest : public StoreTest {
 protected:
  std::int64_t used(const std::string& id) {
    return count("SELECT used_at FROM clauses WHERE mytoken_id = CAST('" + id + "' AS BLOB)");
  }
  void give_back(const std::string& id) {
    EXPECT_TRUE(write([&](sql::Transaction& db) {
      return store::return_usage(db, {{id, "c"}}, store::UsageKind::at);
    }));
  }
};

TEST_F(UsagesTest, a_limit_admits_so_many_uses) {
  add_token("a");
  add_clause("a", 2);
  EXPECT_TRUE(charge("a"));
  EXPECT_TRUE(charge("a"));
  EXPECT_FALSE(charge("a"));
  EXPECT_EQ(used("a"), 2);
  give_back("a");
  EXPECT_TRUE(charge("a"));
  for (int i = 0; i < 9; ++i)
    give_back("a");
  EXPECT_EQ(used("a"), 0);
}

TEST_F(UsagesTest, what_an_ancestor_refuses_charges_nobody) {
  add_token("a");
  add_token("b", "a");
  add_token("c", "b");
  add_clause("a", 1);
  add_clause("b", {}, "a");
  add_clause("c", 5, "b");
  EXPECT_TRUE(charge("c"));
  EXPECT_FALSE(charge("c"));
  EXPECT_EQ(used("a"), 1);
  EXPECT_EQ(used("b"), 1);
  EXPECT_EQ(used("c"), 1);
  EXPECT_TRUE(charge("c", false));
  EXPECT_EQ(used("a"), 1);
}

TEST_F(UsagesTest, other_uses_are_counted_apart) {
  add_token("a");
  store::ClauseRow row;
  row.hash = "c";
  row.limit_at = 0;
  row.limit_other = 1;
  ASSERT_TRUE(write([&](sql::Transaction& db) { return store::add_clauses(db, "a", {row, row}); }));
  EXPECT_FALSE(charge("a"));
  const auto other = [&] {
    return *write([&](sql::Transaction& db) {
      return store::reserve_usage(db, "a", "c", store::UsageKind::other, true);
    });
  };
  EXPECT_TRUE(other());
  EXPECT_FALSE(other());
  EXPECT_EQ(count("SELECT count(*) FROM clauses WHERE used_other = 1"), 1);
}

TEST_F(UsagesTest, an_unknown_clause_permits_nothing) {
  add_token("a");
  EXPECT_FALSE(charge("a"));
  add_clause("a", {}, "missing");
  EXPECT_FALSE(charge("a"));
  EXPECT_EQ(used("a"), 0);
}

TEST_F(UsagesTest, a_limited_clause_outlives_its_token_while_others_are_charged_to_it) {
  add_token("a");
  add_token("b", "a");
  add_token("c", "b");
  add_token("d", "b");
  add_clause("a", 10);
  add_clause("b", 2, "a");
  add_clause("c", {}, "b");
  add_clause("d", {}, "b");
  EXPECT_TRUE(charge("c"));
  remove("b", false);
  EXPECT_EQ(used("b"), 1);
  EXPECT_TRUE(charge("d"));
  EXPECT_FALSE(charge("c"));
  EXPECT_EQ(used("a"), 2);
  remove("c", false);
  EXPECT_EQ(used("b"), 2);
  remove("d", false);
  EXPECT_EQ(used("b"), -1);  // no row
  EXPECT_EQ(used("a"), 2);
  remove("a", false);
  EXPECT_EQ(count("SELECT count(*) FROM clauses"), 0);
}

TEST_F(UsagesTest, an_unlimited_clause_is_skipped_when_its_token_goes) {
  add_token("a");
  add_token("b", "a");
  add_token("c", "b");
  add_clause("a", 1);
  add_clause("b", {}, "a");
  add_clause("c", {}, "b");
  remove("b", false);
  EXPECT_EQ(used("b"), -1);
  EXPECT_TRUE(charge("c"));
  EXPECT_FALSE(charge("c"));
  EXPECT_EQ(used("a"), 1);
}

TEST_F(UsagesTest, a_recursive_end_leaves_no_counters_even_of_tokens_that_went_before) {
  add_token("a");
  add_token("b", "a");
  add_token("c", "b");
  add_clause("a", 9);
  add_clause("b", 9, "a");
  add_clause("c", 9, "b");
  remove("b", false);
  remove("a", true);
  EXPECT_EQ(count("SELECT count(*) FROM clauses"), 0);
  EXPECT_EQ(count("SELECT count(*) FROM mytokens"), 0);
}

TEST_F(UsagesTest, a_chain_too_long_to_be_charged_permits_nothing) {
  ASSERT_TRUE(write([&](sql::Transaction& db) {
    return db.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001) INSERT "
        "INTO clauses (mytoken_id, hash, limit_at, limit_other, used_at, used_other, "
        "parent_mytoken_id, parent_hash) "
        "SELECT CAST(CAST(i AS TEXT) AS BLOB), CAST('c' AS BLOB), NULL, NULL, 0, 0, CASE WHEN i = "
        "1 THEN "
        "NULL ELSE CAST(CAST(i - 1 AS TEXT) AS BLOB) END, CASE WHEN i = 1 THEN NULL ELSE CAST('c' "
        "AS BLOB) "
        "END FROM n");
  }));
  EXPECT_TRUE(charge("1000"));
  EXPECT_FALSE(charge("1001"));
  EXPECT_EQ(count("SELECT sum(used_at) FROM clauses"), 1000);
}

}  // namespace
}  // namespace mytoken::test
