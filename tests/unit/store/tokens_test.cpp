// Users, tokens, and what deleting a token leaves (spec tokens.md §§7.3, 9, 12).
#include "store/tokens.h"

#include "unit/store/fixture.h"

namespace mytoken::test {
namespace {

using TokensTest = StoreTest;

TEST_F(TokensTest, a_user_is_one_row_whose_address_is_set_once) {
  const auto find = [&](const char* sub, std::optional<std::string> email, bool verified) {
    return *write([&](sql::Transaction& db) {
      return store::find_or_add_user(db, sub, "iss", email, verified, clock.now());
    });
  };
  EXPECT_EQ(find("sub", std::nullopt, true), user);
  EXPECT_EQ(count("SELECT count(*) FROM users WHERE email IS NULL AND email_verified = 0"), 0);
  EXPECT_EQ(find("sub", "a@example.org", false), user);
  EXPECT_EQ(find("sub", "b@example.org", true), user);
  EXPECT_EQ(
      count("SELECT count(*) FROM users WHERE email = 'a@example.org' AND email_verified = 0"), 1);
  EXPECT_NE(find("Sub", std::nullopt, false), user);
}

TEST_F(TokensTest, ids_are_compared_byte_for_byte) {
  const std::string id("a\0b", 3);
  add_token(id);
  const auto state = [&](const std::string& which) {
    std::optional<store::TokenState> found;
    EXPECT_TRUE(database->read_now([&](sql::Connection& db) -> Result<void> {
      found = *store::token_state(db, which);
      return {};
    }));
    return found.has_value();
  };
  EXPECT_TRUE(state(id));
  EXPECT_FALSE(state("a"));
  EXPECT_FALSE(state(std::string("A\0b", 3)));
}

TEST_F(TokensTest, a_rotation_happens_once_per_number) {
  add_token("t");
  const auto rotate = [&](std::int64_t from) {
    const auto done = write([&](sql::Transaction& db) {
      return store::rotate_token(db, "t", from, "key", clock.now());
    });
    if (!done) {
      EXPECT_EQ(done.error().code, "sql_unmet");
    }
    return done.has_value();
  };
  EXPECT_TRUE(rotate(1));
  EXPECT_FALSE(rotate(1));
  EXPECT_FALSE(rotate(3));
  EXPECT_TRUE(rotate(2));
  EXPECT_EQ(count("SELECT seq_no FROM mytokens"), 3);
}

TEST_F(TokensTest, deleting_one_hands_its_children_to_its_parent) {
  add_token("a");
  add_token("b", "a");
  add_token("c", "b");
  add_token("d", "b");
  EXPECT_TRUE(remove("b", false).empty());
  EXPECT_EQ(count("SELECT count(*) FROM mytokens WHERE parent_id = CAST('a' AS BLOB)"), 2);
  EXPECT_TRUE(remove("a", false).empty());
  EXPECT_EQ(count("SELECT count(*) FROM mytokens WHERE parent_id IS NULL"), 2);
}

TEST_F(TokensTest, a_refresh_token_is_an_orphan_when_its_last_token_is_gone) {
  add_refresh_token(7);
  add_refresh_token(8);
  add_token("a", {}, 7);
  add_token("b", "a", 7);
  add_token("x", {}, 8);
  EXPECT_TRUE(remove("a", false).empty());
  const auto orphans = remove("b", false);
  ASSERT_EQ(orphans.size(), 1u);
  EXPECT_EQ(orphans[0].id, 7);
  EXPECT_EQ(orphans[0].sealed_token, "sealed");
  EXPECT_EQ(orphans[0].version, 1);
  EXPECT_EQ(count("SELECT id FROM refresh_tokens"), 8);
  EXPECT_TRUE(remove("gone", true).empty());
  EXPECT_EQ(remove("x", true).size(), 1u);
}

TEST_F(TokensTest, a_tree_is_deleted_whole_and_takes_what_belongs_to_it) {
  add_refresh_token(7);
  add_token("a", {}, 7);
  for (int i = 0; i < 50; ++i)
    add_token("b" + std::to_string(i), i < 25 ? "a" : "b" + std::to_string(i - 1), 7);
  const store::ClientInfo client{"192.0.2.1", "test"};
  ASSERT_TRUE(write([&](sql::Transaction& db) {
    return store::add_event(db, clock, "b49", "created", "", client);
  }));
  store::ProxyRow proxy;
  proxy.id = "p";
  proxy.kind = "short_token";
  proxy.mytoken_id = "b49";
  ASSERT_TRUE(write([&](sql::Transaction& db) { return store::add_proxy(db, proxy); }));
  EXPECT_EQ(remove("a", true).size(), 1u);
  for (const char* table : {"mytokens", "events", "proxies", "refresh_tokens"})
    EXPECT_EQ(count(std::string("SELECT count(*) FROM ") + table), 0) << table;
}

TEST_F(TokensTest, a_circle_made_by_hand_ends) {
  add_token("a");
  add_token("b", "a");
  ASSERT_TRUE(write([&](sql::Transaction& db) {
    return db.execute(
        "UPDATE mytokens SET parent_id = CAST('b' AS BLOB) WHERE id = CAST('a' AS BLOB)");
  }));
  remove("a", true);
  EXPECT_EQ(count("SELECT count(*) FROM mytokens"), 0);
}

TEST_F(TokensTest, history_of_a_token_that_is_gone_is_nothing) {
  const store::ClientInfo client{"192.0.2.1", std::string(600, 'u')};
  EXPECT_TRUE(write([&](sql::Transaction& db) {
    return store::add_event(db, clock, "gone", "created", "", client);
  }));
  EXPECT_TRUE(write([&](sql::Transaction& db) {
    return store::add_access_token(db, clock, "gone", {}, client);
  }));
  EXPECT_EQ(count("SELECT count(*) FROM events"), 0);
  add_token("t");
  const std::string comment = std::string(999, 'c') + "\xc3\xa4";
  EXPECT_TRUE(write([&](sql::Transaction& db) {
    return store::add_event(db, clock, "t", "created", comment, client);
  }));
  EXPECT_EQ(count("SELECT length(CAST(comment AS BLOB)) FROM events"), 999);
  EXPECT_EQ(count("SELECT length(user_agent) FROM events"), 500);
}

TEST_F(TokensTest, events_of_one_second_keep_their_order) {
  add_token("t");
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(write([&](sql::Transaction& db) {
      return store::add_event(db, clock, "t", "e", std::to_string(i), store::ClientInfo{});
    }));
  }
  EXPECT_EQ(count("SELECT count(*) FROM events a JOIN events b ON a.id < b.id AND "
                  "CAST(a.comment AS INTEGER) > CAST(b.comment AS INTEGER)"),
            0);
}

}  // namespace
}  // namespace mytoken::test
