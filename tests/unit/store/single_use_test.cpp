// What may happen once or to one owner only: flows, codes, refresh-token versions, leases, outbox
// entries.
#include "unit/store/fixture.h"

namespace mytoken::test {
namespace {

class SingleUseTest : public StoreTest {
 protected:
  void add_flow(const std::string& id) {
    store::FlowRow flow;
    flow.id = id;
    flow.consent_hash = "consent " + id;
    flow.polling_hash = "poll " + id;
    flow.issuer = "iss";
    flow.request = "{}";
    flow.key_for_consent = "k";
    flow.created = clock.now();
    flow.expires_at = clock.now() + Seconds(600);
    ASSERT_TRUE(write([&](sql::Transaction& db) { return store::add_flow(db, flow); }));
  }
  bool move(const char* from, const char* to) {
    return *write([&](sql::Transaction& db) { return store::move_flow(db, "f", from, to); });
  }
  bool consent(const std::string& state) {
    const store::Consent given{"{}", "{}", state, "k", "s", "b"};
    return *write([&](sql::Transaction& db) { return store::consent_flow(db, "f", given); });
  }
  bool successor(std::int64_t version, const std::string& sealed) {
    return *write([&](sql::Transaction& db) {
      return store::store_successor(db, 7, version, sealed, clock.now());
    });
  }
  bool lease(const std::string& owner) {
    return *write([&](sql::Transaction& db) {
      return store::take_lease(db, 7, owner, clock.now(), clock.now() + Seconds(45));
    });
  }
};

TEST_F(SingleUseTest, a_flow_goes_forward_only) {
  add_flow("f");
  EXPECT_TRUE(consent("s1"));
  EXPECT_TRUE(consent("s2"));
  EXPECT_EQ(count("SELECT count(*) FROM flows WHERE state_hash = CAST('s2' AS BLOB)"), 1);
  EXPECT_TRUE(move("consented", "exchanging"));
  EXPECT_FALSE(move("consented", "exchanging"));
  EXPECT_FALSE(consent("s3"));
  add_token("t");
  const auto finish = [&] {
    return *write([&](sql::Transaction& db) { return store::finish_flow(db, "f", "t", "sealed"); });
  };
  EXPECT_TRUE(finish());
  EXPECT_FALSE(finish());
  EXPECT_EQ(count("SELECT count(*) FROM flows WHERE sealed_secrets IS NULL"), 1);
  const auto take = [&] {
    return *write([&](sql::Transaction& db) { return store::take_flow(db, "f", "done"); });
  };
  EXPECT_TRUE(take());
  EXPECT_FALSE(take());
}

TEST_F(SingleUseTest, the_result_of_a_flow_goes_with_its_token) {
  add_flow("f");
  add_token("t");
  consent("s");
  move("consented", "exchanging");
  ASSERT_TRUE(
      write([&](sql::Transaction& db) { return store::finish_flow(db, "f", "t", "sealed"); }));
  remove("t", false);
  EXPECT_EQ(count("SELECT count(*) FROM flows"), 0);
}

TEST_F(SingleUseTest, a_code_is_taken_once_and_by_its_kind) {
  add_token("t");
  store::ProxyRow proxy;
  proxy.id = "p";
  proxy.kind = "transfer_code";
  proxy.mytoken_id = "t";
  proxy.sealed_jwt = "sealed";
  proxy.expires_at = clock.now();
  proxy.revokes_token = true;
  ASSERT_TRUE(write([&](sql::Transaction& db) { return store::add_proxy(db, proxy); }));
  const auto take = [&](const char* kind) {
    return *write([&](sql::Transaction& db) { return store::take_proxy(db, "p", kind); });
  };
  EXPECT_FALSE(take("short_token"));
  const auto taken = take("transfer_code");
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->sealed_jwt, "sealed");
  EXPECT_EQ(taken->expires_at, clock.now());
  EXPECT_TRUE(taken->revokes_token);
  EXPECT_FALSE(take("transfer_code"));
}

TEST_F(SingleUseTest, a_successor_is_stored_unless_something_newer_is) {
  add_refresh_token(7);
  EXPECT_TRUE(successor(1, "second"));
  EXPECT_FALSE(successor(1, "late"));
  EXPECT_TRUE(successor(5, "sixth"));  // the ones between waited in a journal
  EXPECT_FALSE(successor(4, "late"));
  EXPECT_EQ(count("SELECT version FROM refresh_tokens"), 6);
  EXPECT_EQ(count("SELECT count(*) FROM refresh_tokens WHERE sealed_token = CAST('sixth' AS BLOB)"),
            1);
  ASSERT_TRUE(write(
      [&](sql::Transaction& db) { return store::set_refresh_state(db, 7, "dead", clock.now()); }));
  EXPECT_TRUE(successor(6, "seventh"));
  EXPECT_EQ(count("SELECT count(*) FROM refresh_tokens WHERE state = 'ok'"), 1);
}

TEST_F(SingleUseTest, a_lease_has_one_owner_until_it_ends) {
  add_refresh_token(7);
  EXPECT_TRUE(lease("one"));
  EXPECT_TRUE(lease("one"));
  EXPECT_FALSE(lease("two"));
  ASSERT_TRUE(write([&](sql::Transaction& db) { return store::release_lease(db, 7, "two"); }));
  EXPECT_FALSE(lease("two"));
  ASSERT_TRUE(write([&](sql::Transaction& db) { return store::release_lease(db, 7, "one"); }));
  EXPECT_TRUE(lease("two"));
  clock.advance(std::chrono::seconds(45));
  EXPECT_FALSE(lease("one"));
  clock.advance(std::chrono::seconds(1));
  EXPECT_TRUE(lease("one"));
  ASSERT_TRUE(write([&](sql::Transaction& db) { return store::release_all_leases(db); }));
  EXPECT_TRUE(lease("two"));
}

TEST_F(SingleUseTest, a_due_entry_of_the_outbox_goes_to_one_worker) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(write(
        [&](sql::Transaction& db) { return store::add_outbox(db, clock, "k", "iss", "sealed"); }));
  }
  const auto claim = [&](int most) {
    return *write([&](sql::Transaction& db) {
      return store::claim_outbox(db, clock.now(), Seconds(60), most);
    });
  };
  EXPECT_EQ(claim(2).size(), 2u);
  const auto rest = claim(20);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].attempts, 1);
  EXPECT_TRUE(claim(20).empty());
  ASSERT_TRUE(write([&](sql::Transaction& db) { return store::finish_outbox(db, rest[0].id); }));
  clock.advance(std::chrono::seconds(60));  // their worker died
  const auto again = claim(20);
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[0].attempts, 2);
}

TEST_F(SingleUseTest, a_named_lease_has_one_owner) {
  const auto take = [&](const std::string& owner) {
    return *write([&](sql::Transaction& db) {
      return store::take_named_lease(db, "purge", owner, clock.now(), Seconds(60));
    });
  };
  EXPECT_TRUE(take("one"));
  EXPECT_TRUE(take("one"));
  EXPECT_FALSE(take("two"));
  clock.advance(std::chrono::seconds(61));
  EXPECT_TRUE(take("two"));
  EXPECT_FALSE(take("one"));
}

}  // namespace
}  // namespace mytoken::test
