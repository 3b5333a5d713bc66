// A database that went back to an older state, on every engine: what is marked, whatever its size,
// and what the marks mean.
#include "store/restore.h"

#include "store/condition.h"
#include "store/flows.h"
#include "store/history.h"
#include "store/outbox.h"
#include "store/proxies.h"
#include "store/refresh_tokens.h"
#include "store/schema.h"
#include "store/tokens.h"
#include "store/usages.h"
#include "support/manual_clock.h"
#include "unit/sql/engines.h"

namespace mytoken::store {
namespace {

using sql::Blob;
using sql::Transaction;

constexpr std::int64_t now = 1'700'000'000;

class Restored : public sql::EveryEngine {
 protected:
  Restored() {
    open();
    auto done = database->migrate(migrations());
    EXPECT_TRUE(done) << done.error().cause;
    clock.set(now);
    in([&](Transaction& db) -> Result<void> {
      auto found = find_or_add_user(db, "sub", "iss", std::nullopt, false, clock.now());
      if (!found) return fail(found.error());
      user = *found;
      return add_refresh_token(db, 7, user, "iss", "sealed", true, clock.now());
    });
  }

  template <class F>
  void in(F work) {
    auto done = database->write_now(work);
    ASSERT_TRUE(done) << done.error().cause;
  }
  void add(const std::string& id, bool rotates) {
    in([&](Transaction& db) {
      NewToken t;
      t.id = id;
      t.user_id = user;
      t.refresh_token_id = 7;
      t.sealed_key = "key";
      t.created = clock.now();
      t.capabilities = t.restrictions = "[]";
      if (rotates) t.rotation = "{\"on_AT\":true}";
      return add_token(db, t);
    });
  }
  void limit(const std::string& id, std::optional<std::int64_t> at,
             std::optional<std::int64_t> other, const std::string& parent = {}) {
    in([&](Transaction& db) {
      ClauseRow row;
      row.hash = "c";
      row.limit_at = at;
      row.limit_other = other;
      if (!parent.empty()) {
        row.parent_mytoken_id = parent;
        row.parent_hash = "c";
      }
      return add_clauses(db, id, {row});
    });
  }
  bool charge(const std::string& id, UsageKind kind) {
    bool charged = false;
    in([&](Transaction& db) -> Result<void> {
      auto done = reserve_usage(db, id, "c", kind, true);
      if (!done) return fail(done.error());
      charged = *done;
      return {};
    });
    return charged;
  }
  RestoreReport mark(bool keep_usage_counters = false) {
    auto report = mark_restored(
        *database, {clock.now() - std::chrono::hours(1), clock.now(), keep_usage_counters});
    EXPECT_TRUE(report) << report.error().cause;
    return report.value_or(RestoreReport{});
  }
  TokenState state(const std::string& id) {
    TokenState found;
    in([&](Transaction& db) -> Result<void> {
      auto row = token_state(db, id);
      if (!row) return fail(row.error());
      if (*row) found = **row;
      return {};
    });
    return found;
  }
  Result<void> rotate(const std::string& id, std::int64_t from) {
    return database->write_now(
        [&](Transaction& db) { return rotate_token(db, id, from, "new key", clock.precise()); });
  }

  test::ManualClock clock;
  UserId user = 0;
};
ON_EVERY_ENGINE(Restored);

TEST_P(Restored, limited_clauses_count_as_used_up_and_others_go_on) {
  for (const char* id : {"at", "other", "both", "free", "spent"})
    add(id, false);
  limit("at", 5, std::nullopt);
  limit("other", std::nullopt, 5);
  limit("both", 5, 5);
  limit("free", std::nullopt, std::nullopt);
  limit("spent", 1, std::nullopt);
  ASSERT_TRUE(charge("spent", UsageKind::at));
  ASSERT_TRUE(charge("both", UsageKind::at));
  const RestoreReport report = mark();
  EXPECT_EQ(report.limited_tokens, 3);
  EXPECT_FALSE(charge("at", UsageKind::at));
  EXPECT_TRUE(charge("at", UsageKind::other));
  EXPECT_TRUE(charge("other", UsageKind::at));
  EXPECT_FALSE(charge("other", UsageKind::other));
  EXPECT_FALSE(charge("both", UsageKind::at));
  EXPECT_FALSE(charge("both", UsageKind::other));
  EXPECT_TRUE(charge("free", UsageKind::at));
  EXPECT_EQ(number("SELECT count(*) FROM clauses WHERE uses_unknown = 1"), 3);
  EXPECT_EQ(number("SELECT used_at FROM clauses WHERE mytoken_id = $1", Blob{"spent"}), 1);
}

TEST_P(Restored, a_use_that_is_given_back_opens_no_limit_that_stands_because_of_the_restore) {
  add("parent", false);
  add("child", false);
  limit("parent", 2, std::nullopt);
  limit("child", std::nullopt, std::nullopt, "parent");
  ASSERT_TRUE(charge("child", UsageKind::at));
  mark();
  in([](Transaction& db) {
    return return_usage(db, {{"child", "c"}, {"parent", "c"}}, UsageKind::at);
  });
  EXPECT_FALSE(charge("child", UsageKind::at));
  EXPECT_FALSE(charge("parent", UsageKind::at));
  bool child = false;
  in([&](Transaction& db) -> Result<void> {
    auto found = has_unknown_uses(db, "child");
    if (!found) return fail(found.error());
    child = *found;
    return {};
  });
  EXPECT_TRUE(child) << "the parent's clause is why";
}

TEST_P(Restored, counters_that_the_operator_trusts_stay) {
  add("token", false);
  limit("token", 2, std::nullopt);
  ASSERT_TRUE(charge("token", UsageKind::at));
  EXPECT_EQ(mark(true).limited_tokens, 0);
  EXPECT_TRUE(charge("token", UsageKind::at));
  EXPECT_FALSE(charge("token", UsageKind::at));
}

TEST_P(Restored, successors_get_numbers_that_no_lost_one_can_have) {
  add("rotating", true);
  add("fixed", false);
  ASSERT_TRUE(rotate("rotating", 1));
  EXPECT_EQ(mark().rotating_tokens, 1);
  const TokenState before = state("rotating");
  EXPECT_EQ(before.seq_no, 2);
  EXPECT_FALSE(before.is_lost(2));
  EXPECT_FALSE(before.is_lost(1));
  EXPECT_TRUE(before.is_lost(3));
  ASSERT_TRUE(rotate("rotating", 2));
  const TokenState after = state("rotating");
  EXPECT_EQ(after.seq_no, now << 20);
  EXPECT_EQ(after.seq_no, before.next_seq_no());
  EXPECT_TRUE(after.is_predecessor(2));
  EXPECT_FALSE(after.is_lost(2)) << "its use is reuse";
  EXPECT_TRUE(after.is_lost(3));
  EXPECT_TRUE(after.is_lost(after.seq_no - 1));
  EXPECT_FALSE(after.is_lost(after.seq_no));
  ASSERT_TRUE(rotate("rotating", after.seq_no));
  EXPECT_EQ(state("rotating").seq_no, after.seq_no + 1);
  EXPECT_TRUE(state("rotating").is_predecessor(after.seq_no));
  EXPECT_FALSE(state("rotating").is_lost(after.seq_no));
  EXPECT_EQ(state("fixed").next_seq_no(), 2);
}

TEST_P(Restored, numbers_of_a_second_restore_lie_above_those_of_the_first) {
  add("rotating", true);
  mark();
  ASSERT_TRUE(rotate("rotating", 1));
  mark();  // in the same second
  EXPECT_EQ(state("rotating").next_seq_no(), (now + 1) << 20);
  EXPECT_TRUE(state("rotating").is_lost((now << 20) + 1));
}

TEST_P(Restored, a_superseded_token_is_rotated_no_more_and_every_number_of_it_is_lost) {
  add("rotating", true);
  mark();
  bool first = false;
  bool second = true;
  in([&](Transaction& db) -> Result<void> {
    first = supersede(db, "rotating").value_or(false);
    second = supersede(db, "rotating").value_or(true);
    return {};
  });
  EXPECT_TRUE(first);
  EXPECT_FALSE(second);
  EXPECT_TRUE(state("rotating").is_lost(1));
  EXPECT_FALSE(rotate("rotating", 1));
  EXPECT_EQ(state("rotating").seq_no, 1);
}

TEST_P(Restored, nothing_that_is_good_for_one_use_comes_back) {
  add("token", true);
  in([&](Transaction& db) -> Result<void> {
    ProxyRow code{"code", "transfer_code", "token", "sealed", clock.now(), clock.now(), "token"};
    ProxyRow short_token{"short", "short_token", "token", "sealed", clock.now(), {}, "token"};
    FlowRow flow;
    flow.id = flow.consent_hash = "flow";
    flow.issuer = "iss";
    flow.request = "{}";
    flow.expires_at = clock.now();
    if (auto r = add_proxy(db, code); !r) return r;
    if (auto r = add_proxy(db, short_token); !r) return r;
    if (auto r = add_flow(db, flow); !r) return r;
    if (auto r = set_rotation_record(db, "token", {1, "hash", "answer", clock.now()}); !r) return r;
    if (auto r = add_outbox(db, clock, "revoke_refresh_token", "iss", "sealed"); !r) return r;
    auto lease = take_lease(db, 7, "owner", clock.now(), clock.now() + std::chrono::hours(9));
    return lease ? Result<void>() : fail(lease.error());
  });
  const RestoreReport report = mark();
  EXPECT_EQ(report.transfer_codes, 1);
  EXPECT_EQ(report.logins, 1);
  EXPECT_EQ(report.revocations, 1);
  EXPECT_EQ(number("SELECT count(*) FROM proxies WHERE kind = 'short_token'"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM proxies"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM flows"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM rotations"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM outbox"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM refresh_tokens WHERE lease_owner IS NOT NULL"), 0);
}

TEST_P(Restored, every_row_of_a_database_of_many_ranges_is_marked) {
  constexpr int many = 4500;  // more than two ranges
  in([&](Transaction& db) -> Result<void> {
    for (int i = 0; i < many; ++i) {
      NewToken t;
      t.id = "token " + std::to_string(i);
      t.user_id = user;
      t.capabilities = t.restrictions = "[]";
      t.rotation = "{}";
      if (auto r = add_token(db, t); !r) return r;
      ClauseRow row;
      row.hash = "c";
      row.limit_at = 1;
      if (auto r = add_clauses(db, t.id, {row}); !r) return r;
    }
    return {};
  });
  const RestoreReport report = mark();
  EXPECT_EQ(report.rotating_tokens, many);
  EXPECT_EQ(report.limited_tokens, many);
  EXPECT_EQ(number("SELECT count(*) FROM clauses WHERE used_at = 1 AND uses_unknown = 1"), many);
  EXPECT_EQ(number("SELECT count(*) FROM mytokens WHERE restored_seq_no = 1"), many);
}

TEST_P(Restored, an_interrupted_marking_keeps_servers_off_until_it_is_completed) {
  add("rotating", true);
  in([](Transaction& db) {
    return db.post(
        "INSERT INTO restores (id, state_time, restored, first_seq_no) VALUES (1, 10, 20, 5000)");
  });
  auto usable = database->read_now(require_usable);
  ASSERT_FALSE(usable);
  EXPECT_NE(usable.error().cause.find("restore --after-point-in-time"), std::string::npos);
  mark();
  EXPECT_TRUE(database->read_now(require_usable));
  EXPECT_EQ(state("rotating").next_seq_no(), 5000) << "it was the same restore";
  EXPECT_EQ(number("SELECT count(*) FROM restores"), 1);
}

TEST_P(Restored, the_lost_time_is_remembered) {
  mark();
  std::optional<Restore> inside;
  std::optional<Restore> before;
  std::optional<Restore> after;
  in([&](Transaction& db) -> Result<void> {
    inside = *restore_around(db, from_unix(now - 1800));
    before = *restore_around(db, from_unix(now - 3601));
    after = *restore_around(db, from_unix(now + 1));
    return {};
  });
  ASSERT_TRUE(inside);
  EXPECT_EQ(to_unix(inside->state_time), now - 3600);
  EXPECT_EQ(to_unix(inside->restored), now);
  EXPECT_FALSE(before);
  EXPECT_FALSE(after);
}

TEST_P(Restored, a_database_that_was_moved_or_is_half_copied_is_not_served) {
  for (const std::string_view key : {moved_to, incomplete}) {
    in([&](Transaction& db) { return set_note(db, key, "elsewhere"); });
    auto usable = database->read_now(require_usable);
    ASSERT_FALSE(usable);
    EXPECT_NE(usable.error().cause.find("elsewhere"), std::string::npos);
    in([&](Transaction& db) { return remove_note(db, key); });
    EXPECT_TRUE(database->read_now(require_usable));
  }
}

}  // namespace
}  // namespace mytoken::store
