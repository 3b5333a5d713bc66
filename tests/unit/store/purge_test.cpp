// What the purge removes, of each kind of row, and what it must leave; on every engine.
#include "store/purge.h"
#include "store/flows.h"
#include "store/history.h"
#include "store/ids.h"
#include "store/proxies.h"
#include "store/refresh_tokens.h"
#include "store/tags.h"
#include "store/tokens.h"
#include "store/usages.h"
#include "unit/store/every_engine.h"

namespace mytoken::store {
namespace {

using sql::Transaction;

constexpr Seconds day{86400};
constexpr RefreshTokenId family = 7;

class Purge : public StoreOnEveryEngine {
 protected:
  void SetUp() override {
    user = *in([&](Transaction& db) {
      return find_or_add_user(db, "sub", "iss", std::nullopt, false, clock.now());
    });
    EXPECT_TRUE(in([&](Transaction& db) {
      return add_refresh_token(db, family, user, "iss", "sealed", true, clock.now());
    }));
  }

  void add(const std::string& id, std::optional<Time> expires_at,
           const std::optional<std::string>& parent = {}, RefreshTokenId refresh_token = family) {
    NewToken token;
    token.id = id;
    token.parent_id = parent;
    token.user_id = user;
    token.refresh_token_id = refresh_token;
    token.created = clock.now();
    token.expires_at = expires_at;
    token.capabilities = token.restrictions = "[]";
    auto done = in([&](Transaction& db) { return add_token(db, token); });
    ASSERT_TRUE(done) << done.error().cause;
  }
  void add_clause(const std::string& id, std::optional<std::int64_t> limit,
                  const std::string& parent = {}) {
    ClauseRow row;
    row.hash = "c";
    row.limit_at = limit;
    if (!parent.empty()) {
      row.parent_mytoken_id = parent;
      row.parent_hash = "c";
    }
    ASSERT_TRUE(in([&](Transaction& db) { return add_clauses(db, id, {row}); }));
  }
  // An event and an access token, numbered as of now, at `time`.
  void happen(const std::string& id, std::optional<Time> time = {}) {
    const std::int64_t number = first_ordered_id(clock.now()) + ++numbered;
    ASSERT_TRUE(
        write("INSERT INTO events (id, mytoken_id, time, event, comment, ip, user_agent) "
              "VALUES ($1, $2, $3, 'event', '', '', '')",
              number, sql::Blob{id}, time.value_or(clock.now())));
    ASSERT_TRUE(
        write("INSERT INTO access_tokens (id, mytoken_id, created, ip, comment, scope, audience, "
              "hash) VALUES ($1, $2, $3, '', '', '', '', $2)",
              number, sql::Blob{id}, time.value_or(clock.now())));
  }

  Purged portion() {
    auto purged =
        in([&](Transaction& db) { return purge_expired(db, clock.now(), Retention{}, "guests"); });
    EXPECT_TRUE(purged) << purged.error().cause;
    return purged ? *purged : Purged{};
  }
  // All of it; the number of rows.
  std::int64_t purge() {
    std::int64_t rows = 0;
    for (int i = 0; i < 1000; ++i) {
      const Purged purged = portion();
      rows += purged.rows;
      orphans += purged.orphans;
      if (!purged.more) return rows;
    }
    ADD_FAILURE() << "the purge does not end";
    return rows;
  }
  UserId add_guest(const std::string& sub) {
    auto guest = in([&](Transaction& db) {
      return find_or_add_user(db, sub, "guests", std::nullopt, false, clock.now());
    });
    EXPECT_TRUE(guest) << guest.error().cause;
    return guest.value_or(0);
  }
  std::string parent_of(const std::string& id) {
    std::string parent;
    auto done = database->read_now([&](sql::Connection& db) -> Result<void> {
      auto row = db.one(
          "SELECT parent_id FROM mytokens WHERE id = $1",
          [](const sql::Row& r) { return r.is_null(0) ? "none" : r.bytes(0); }, sql::Blob{id});
      if (!row) return fail(row.error());
      parent = row->value_or("gone");
      return {};
    });
    EXPECT_TRUE(done) << done.error().cause;
    return parent;
  }
  // Charges the clause of a token and those above it.
  bool charge(const std::string& id) {
    auto done =
        in([&](Transaction& db) { return reserve_usage(db, id, "c", UsageKind::at, true); });
    EXPECT_TRUE(done);
    return done && *done;
  }
  std::int64_t rows(const std::string& table) { return number("SELECT count(*) FROM " + table); }

  std::string plan_on_sqlite(const std::string& search) {
    std::string plan;
    auto done = database->read_now([&](sql::Connection& db) -> Result<void> {
      auto lines = db.all("EXPLAIN QUERY PLAN " + search, [&](const sql::Row& r) {
        plan += r.string(3) + "\n";
        return true;
      });
      if (!lines) return fail(lines.error());
      return {};
    });
    EXPECT_TRUE(done) << done.error().cause;
    return plan;
  }
  // These tables are empty, for which PostgreSQL would rather read all of them.
  std::string plan_on_postgresql(const std::string& search) const {
    return test::PostgresCluster::shared().admin(
        "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; EXPLAIN " +
            search,
        url_);
  }

  UserId user = 0;
  std::int64_t orphans = 0;
  std::int64_t numbered = 0;
};
ON_EVERY_ENGINE(Purge);

TEST_P(Purge, logins_go_an_hour_after_their_end) {
  FlowRow flow;
  flow.id = flow.consent_hash = "f";
  flow.issuer = "iss";
  flow.request = "{}";
  flow.key_for_consent = "k";
  flow.created = clock.now();
  flow.expires_at = clock.now() + Seconds(600);
  ASSERT_TRUE(in([&](Transaction& db) { return add_flow(db, flow); }));
  clock.advance(Seconds(600 + 3600));
  EXPECT_EQ(purge(), 0);
  clock.advance(Seconds(1));
  EXPECT_EQ(purge(), 1);
  EXPECT_EQ(rows("flows"), 0);
}

TEST_P(Purge, codes_and_replaced_short_tokens_go_a_day_after_their_end_and_others_never) {
  add("t", std::nullopt);
  ProxyRow proxy;
  proxy.mytoken_id = "t";
  for (const char* kind : {"transfer_code", "short_token"}) {
    proxy.id = proxy.kind = kind;
    proxy.expires_at = clock.now();
    ASSERT_TRUE(in([&](Transaction& db) { return add_proxy(db, proxy); }));
  }
  proxy.id = "for ever";
  proxy.expires_at.reset();
  ASSERT_TRUE(in([&](Transaction& db) { return add_proxy(db, proxy); }));
  clock.advance(day);
  EXPECT_EQ(purge(), 0);
  clock.advance(Seconds(1));
  EXPECT_EQ(purge(), 2);
  clock.advance(1000 * day);
  EXPECT_EQ(purge(), 0);
  EXPECT_EQ(rows("proxies"), 1);
}

TEST_P(Purge, used_codes_of_guests_go_when_they_would_have_run_out) {
  ASSERT_TRUE(write("INSERT INTO used_guest_codes (hash, expires_at) VALUES ($1, $2)",
                    sql::Blob{"hash"}, clock.now()));
  EXPECT_EQ(purge(), 0);
  clock.advance(Seconds(1));
  EXPECT_EQ(purge(), 1);
}

TEST_P(Purge, answers_of_rotations_go_a_day_after_their_end) {
  add("t", std::nullopt);
  ASSERT_TRUE(in([&](Transaction& db) {
    return set_rotation_record(db, "t", {1, "r", "a", clock.now() + Seconds(10)});
  }));
  clock.advance(day + Seconds(10));
  EXPECT_EQ(purge(), 0);
  clock.advance(Seconds(1));
  EXPECT_EQ(purge(), 1);
  EXPECT_EQ(rows("rotations"), 0);
}

TEST_P(Purge, history_of_living_tokens_goes_after_its_retention) {
  add("t", std::nullopt);
  happen("t");
  clock.advance(100 * day);
  happen("t");
  clock.advance(265 * day);
  EXPECT_EQ(purge(), 0);
  clock.advance(Seconds(1));
  EXPECT_EQ(purge(), 2);
  EXPECT_EQ(rows("events"), 1);
  EXPECT_EQ(rows("access_tokens"), 1);
  EXPECT_EQ(rows("mytokens"), 1);
}

TEST_P(Purge, history_that_a_wrong_clock_numbered_goes_by_its_time) {
  add("t", std::nullopt);
  clock.advance(-400 * day);
  happen("t", clock.now() + 400 * day);
  clock.advance(400 * day);
  EXPECT_EQ(purge(), 0);
  clock.advance(365 * day + Seconds(1));
  EXPECT_EQ(purge(), 2);
}

TEST_P(Purge, expired_tokens_stay_for_lists_and_history_for_a_month) {
  add("t", clock.now());
  add("other", clock.now() + Seconds(1));
  add("unlimited", std::nullopt);
  happen("t");
  clock.advance(30 * day);
  EXPECT_EQ(purge(), 0);
  clock.advance(Seconds(1));
  EXPECT_EQ(purge(), 3);
  EXPECT_EQ(rows("mytokens"), 2);
  EXPECT_EQ(rows("events") + rows("access_tokens"), 0);
  EXPECT_EQ(rows("refresh_tokens"), 1);  // the others need it
  EXPECT_EQ(orphans, 0);
}

TEST_P(Purge, W26_a_refresh_token_goes_with_its_last_mytoken) {
  add("first", clock.now());
  add("last", clock.now() + day);
  clock.advance(30 * day + Seconds(1));
  purge();
  EXPECT_EQ(rows("refresh_tokens"), 1);
  clock.advance(day);
  purge();
  EXPECT_EQ(orphans, 1);
  EXPECT_EQ(rows("refresh_tokens"), 0);
  EXPECT_EQ(rows("users"), 1);  // users are never removed
}

TEST_P(Purge, W23_children_of_a_removed_token_belong_to_its_parent) {
  add("grandmother", std::nullopt);
  add("mother", clock.now(), "grandmother");
  add("child", std::nullopt, "mother");
  add("grandchild", std::nullopt, "child");
  add("root", clock.now());
  add("becomes root", std::nullopt, "root");
  clock.advance(31 * day);
  EXPECT_EQ(purge(), 4);  // two tokens, two children moved
  EXPECT_EQ(parent_of("mother"), "gone");
  EXPECT_EQ(parent_of("child"), "grandmother");
  EXPECT_EQ(parent_of("grandchild"), "child");
  EXPECT_EQ(parent_of("becomes root"), "none");
}

TEST_P(Purge, a_limit_that_somebody_is_charged_to_outlives_its_token) {
  add("grandmother", std::nullopt);
  add_clause("grandmother", 5);
  add("mother", clock.now(), "grandmother");
  add_clause("mother", 2, "grandmother");
  add("one", std::nullopt, "mother");
  add_clause("one", std::nullopt, "mother");
  add("two", std::nullopt, "mother");
  add_clause("two", std::nullopt, "mother");
  EXPECT_TRUE(charge("one"));
  clock.advance(31 * day);
  purge();
  EXPECT_EQ(parent_of("mother"), "gone");
  EXPECT_TRUE(charge("two"));
  EXPECT_FALSE(charge("one"));
  EXPECT_EQ(number("SELECT used_at FROM clauses WHERE limit_at = 5"), 2);
}

TEST_P(Purge, a_clause_without_limit_is_skipped_in_the_chain_when_its_token_goes) {
  add("grandmother", std::nullopt);
  add_clause("grandmother", 1);
  add("mother", clock.now(), "grandmother");
  add_clause("mother", std::nullopt, "grandmother");
  add("child", std::nullopt, "mother");
  add_clause("child", std::nullopt, "mother");
  clock.advance(31 * day);
  purge();
  EXPECT_EQ(rows("clauses"), 2);
  EXPECT_TRUE(charge("child"));
  EXPECT_FALSE(charge("child"));
}

TEST_P(Purge, a_portion_is_bounded_whatever_one_token_left) {
  add("t", clock.now());
  const std::int64_t many = 3 * purge_portion + 10;
  ASSERT_TRUE(in([&](Transaction& db) -> Result<void> {
    for (std::int64_t i = 0; i < many; ++i) {
      if (auto r = add_event(db, clock, "t", "event", "", {}); !r) return r;
    }
    return {};
  }));
  for (int i = 0; i < 600; ++i)
    add("child " + std::to_string(i), std::nullopt, "t");
  clock.advance(31 * day);
  std::int64_t rest = rows("events");
  for (int i = 0; i < 3; ++i) {
    const Purged purged = portion();
    EXPECT_TRUE(purged.more);
    EXPECT_EQ(purged.rows, purge_portion);
    EXPECT_EQ(rows("events"), rest - purge_portion);
    rest -= purge_portion;
  }
  const Purged fourth = portion();
  EXPECT_TRUE(fourth.more);
  EXPECT_LT(fourth.rows, 2 * purge_portion);
  EXPECT_EQ(rows("mytokens"), 601);
  const Purged last = portion();
  EXPECT_FALSE(last.more);
  EXPECT_EQ(rows("mytokens"), 600);
  EXPECT_EQ(number("SELECT count(*) FROM mytokens WHERE parent_id IS NOT NULL"), 0);
}

TEST_P(Purge, many_expired_tokens_go_in_portions) {
  ASSERT_TRUE(in([&](Transaction& db) -> Result<void> {
    NewToken token;
    token.user_id = user;
    token.refresh_token_id = family;
    token.expires_at = clock.now();
    token.capabilities = token.restrictions = "[]";
    for (int i = 0; i < 1200; ++i) {
      token.id = "token " + std::to_string(i);
      if (auto r = add_token(db, token); !r) return r;
    }
    return {};
  }));
  add("lives", std::nullopt);
  clock.advance(31 * day);
  EXPECT_EQ(portion().rows, purge_portion);
  EXPECT_EQ(rows("mytokens"), 701);
  EXPECT_EQ(portion().rows, purge_portion);
  const Purged rest = portion();
  EXPECT_EQ(rest.rows, 200);
  EXPECT_FALSE(rest.more);
  EXPECT_EQ(rows("mytokens"), 1);
}

TEST_P(Purge, a_guest_without_mytokens_goes_after_the_retention_of_tokens) {
  const UserId guest = add_guest("guest-1");
  ASSERT_TRUE(in([&](Transaction& db) -> Result<void> {
    if (auto tag = find_or_add_tag(db, guest, "lab", "ffffff"); !tag) return fail(tag.error());
    if (auto tag = find_or_add_tag(db, user, "lab", "ffffff"); !tag) return fail(tag.error());
    return {};
  }));
  ASSERT_TRUE(
      write("INSERT INTO user_grants (user_id, grant_type, enabled) VALUES ($1, 'ssh', 1)", guest));
  clock.advance(30 * day);
  purge();
  EXPECT_EQ(rows("users"), 2);
  clock.advance(Seconds(1));
  EXPECT_EQ(purge(), 3);
  EXPECT_EQ(number("SELECT count(*) FROM users WHERE oidc_iss = 'guests'"), 0);
  EXPECT_EQ(rows("users"), 1) << "users of other issuers stay";
  EXPECT_EQ(rows("tags"), 1);
  EXPECT_EQ(rows("user_grants"), 0);
}

TEST_P(Purge, a_guest_with_a_mytoken_stays_and_is_not_looked_at_with_every_portion) {
  user = add_guest("guest-1");
  add("t", std::nullopt);
  clock.advance(31 * day);
  EXPECT_EQ(purge(), 1) << "the time of the next look";
  EXPECT_EQ(purge(), 0);
  ASSERT_TRUE(in([&](Transaction& db) { return delete_token(db, "t", false); }));
  clock.advance(30 * day);
  EXPECT_EQ(purge(), 0);
  clock.advance(Seconds(1));
  EXPECT_EQ(purge(), 1);
  EXPECT_EQ(number("SELECT count(*) FROM users WHERE oidc_iss = 'guests'"), 0);
}

TEST_P(Purge, a_refresh_token_alone_keeps_its_guest) {
  const UserId guest = add_guest("guest-1");
  ASSERT_TRUE(in([&](Transaction& db) {
    return add_refresh_token(db, family + 1, guest, "guests", "sealed", true, clock.now());
  }));
  clock.advance(100 * day);
  purge();
  EXPECT_EQ(rows("users"), 2);
}

TEST_P(Purge, many_guests_go_in_portions) {
  ASSERT_TRUE(in([&](Transaction& db) -> Result<void> {
    for (int i = 0; i < 1200; ++i) {
      auto guest = find_or_add_user(db, "guest-" + std::to_string(i), "guests", std::nullopt, false,
                                    clock.now());
      if (!guest) return fail(guest.error());
    }
    return {};
  }));
  clock.advance(31 * day);
  for (const std::int64_t left : {701, 201}) {
    const Purged purged = portion();
    EXPECT_EQ(purged.rows, purge_portion);
    EXPECT_TRUE(purged.more);
    EXPECT_EQ(rows("users"), left);
  }
  EXPECT_FALSE(portion().more);
  EXPECT_EQ(rows("users"), 1);
}

// A table that is missing here would keep its guests for ever, and with them the portion's others.
TEST_P(Purge, all_that_refers_to_a_user_is_known) {
  std::vector<std::string> tables;
  auto done = database->read_now([&](sql::Connection& db) -> Result<void> {
    auto found = db.all(
        GetParam() == sql::Engine::sqlite
            ? "SELECT m.name FROM sqlite_schema m, pragma_foreign_key_list(m.name) f WHERE m.type "
              "= 'table' AND f.\"table\" = 'users' ORDER BY m.name"
            : "SELECT c.conrelid::regclass::text FROM pg_constraint c WHERE c.contype = 'f' AND "
              "c.confrelid = 'users'::regclass ORDER BY 1",
        [](const sql::Row& r) { return r.string(0); });
    if (!found) return fail(found.error());
    tables = std::move(*found);
    return {};
  });
  ASSERT_TRUE(done) << done.error().cause;
  EXPECT_EQ(tables,
            (std::vector<std::string>{"mytokens", "refresh_tokens", "tags", "user_grants"}));
}

TEST_P(Purge, nothing_is_searched_for_in_a_whole_table) {
  const char* const searches[] = {
      "SELECT id FROM flows WHERE expires_at < 5 ORDER BY expires_at LIMIT 500",
      "SELECT id FROM proxies WHERE expires_at < 5 ORDER BY expires_at LIMIT 500",
      "SELECT key_for_purge FROM flows WHERE mytoken_id = 'x' AND key_for_purge IS NOT NULL",
      "SELECT key_for_purge FROM proxies WHERE mytoken_id = 'x' AND key_for_purge IS NOT NULL",
      "SELECT hash FROM used_guest_codes WHERE expires_at < 5 ORDER BY expires_at LIMIT 500",
      "SELECT mytoken_id FROM rotations WHERE expires_at < 5 ORDER BY expires_at LIMIT 500",
      "SELECT id FROM events WHERE id < 5 AND time < 5 ORDER BY id LIMIT 500",
      "SELECT id FROM access_tokens WHERE id < 5 AND created < 5 ORDER BY id LIMIT 500",
      "SELECT id FROM mytokens WHERE expires_at < 5 ORDER BY expires_at LIMIT 500",
      "SELECT id FROM users WHERE oidc_iss = 'guests' AND next_look < 5 ORDER BY next_look LIMIT "
      "500",
      "SELECT id FROM refresh_tokens WHERE user_id = 5"};
  for (const char* search : searches) {
    const std::string plan =
        GetParam() == sql::Engine::sqlite ? plan_on_sqlite(search) : plan_on_postgresql(search);
    EXPECT_NE(plan.find(GetParam() == sql::Engine::sqlite ? "SEARCH" : "Index"), std::string::npos)
        << plan;
    for (const char* whole : {"SCAN", "Seq Scan", "TEMP B-TREE", "Sort"})
      EXPECT_EQ(plan.find(whole), std::string::npos) << plan;
  }
}

}  // namespace
}  // namespace mytoken::store
