// Every repository on every engine: what each function promises, and what happens when transactions
// of two connections meet. The schema is the real one.
#include <atomic>
#include <barrier>

#include "store/flows.h"
#include "store/history.h"
#include "store/outbox.h"
#include "store/profiles.h"
#include "store/proxies.h"
#include "store/refresh_tokens.h"
#include "store/tokens.h"
#include "store/usages.h"
#include "unit/store/every_engine.h"

namespace mytoken::store {
namespace {

using sql::Connection;
using sql::Transaction;

class Store : public StoreOnEveryEngine {
 protected:
  NewToken token(const std::string& id, const std::optional<std::string>& parent = {}) const {
    NewToken t;
    t.id = id;
    t.parent_id = parent;
    t.user_id = user;
    t.refresh_token_id = 7;
    t.sealed_key = std::string("key\0of", 6) + id;
    t.name = "name";
    t.created = clock.now();
    t.created_ip = "192.0.2.1";
    t.capabilities = "[]";
    t.restrictions = "[]";
    return t;
  }
  // A user, refresh token 7, and mother > child > grandchild.
  void family() {
    auto done = in([&](Transaction& db) -> Result<void> {
      auto found = find_or_add_user(db, "sub", "iss", std::nullopt, false, clock.now());
      if (!found) return fail(found.error());
      user = *found;
      if (auto r = add_refresh_token(db, 7, user, "iss", "sealed", true, clock.now()); !r) return r;
      if (auto r = add_token(db, token("mother")); !r) return r;
      if (auto r = add_token(db, token("child", "mother")); !r) return r;
      return add_token(db, token("grandchild", "child"));
    });
    ASSERT_TRUE(done) << done.error().cause;
  }

  UserId user = 0;
};
ON_EVERY_ENGINE(Store);

TEST_P(Store, a_user_is_made_once_and_keeps_the_first_address) {
  const auto add = [&](std::optional<std::string> email, bool verified) {
    return in([&](Transaction& db) {
      return find_or_add_user(db, "sub", "iss", email, verified, clock.now());
    });
  };
  const auto first = add(std::nullopt, false);
  const auto second = add("a@example.org", true);
  const auto third = add("b@example.org", false);
  ASSERT_TRUE(first && second && third) << first.error().cause;
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(*first, *third);
  EXPECT_EQ(
      number("SELECT count(*) FROM users WHERE email = 'a@example.org' AND email_verified = 1"), 1);
}

TEST_P(Store, a_tokens_state_comes_back_and_its_rotation_is_a_compare_and_set) {
  family();
  EXPECT_TRUE(in(
      [&](Transaction& db) { return rotate_token(db, "child", 1, "new key", clock.precise()); }));
  const auto late =
      in([&](Transaction& db) { return rotate_token(db, "child", 1, "newer", clock.precise()); });
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, "sql_unmet");
  const auto state = in([&](Transaction& db) { return token_state(db, "child"); });
  ASSERT_TRUE(state && *state);
  EXPECT_EQ((*state)->seq_no, 2);
  EXPECT_EQ((*state)->sealed_key, "new key");
  EXPECT_EQ((*state)->refresh_token_id, 7);
  EXPECT_EQ((*state)->last_rotated, clock.precise());
  const auto mother = in([&](Transaction& db) { return token_state(db, "mother"); });
  EXPECT_EQ((*mother)->sealed_key, std::string("key\0ofmother", 12));
  EXPECT_EQ((*mother)->last_rotated.time_since_epoch().count(), 1'700'000'000'000'000);
  EXPECT_FALSE(*in([&](Transaction& db) { return token_state(db, "nobody"); }));
}

TEST_P(Store, ancestors_are_found_through_the_generations) {
  family();
  const auto related = [&](const char* ancestor, const char* id) {
    return *in([&](Transaction& db) { return is_self_or_ancestor(db, ancestor, id); });
  };
  EXPECT_TRUE(related("mother", "grandchild"));
  EXPECT_TRUE(related("child", "child"));
  EXPECT_FALSE(related("grandchild", "mother"));
}

TEST_P(Store, a_tree_is_deleted_whole_and_a_single_token_leaves_its_children_to_its_parent) {
  family();
  const auto single = in([&](Transaction& db) { return delete_token(db, "child", false); });
  ASSERT_TRUE(single) << single.error().cause;
  EXPECT_TRUE(single->empty());
  EXPECT_TRUE(
      *in([&](Transaction& db) { return is_self_or_ancestor(db, "mother", "grandchild"); }));
  const auto tree = in([&](Transaction& db) { return delete_token(db, "mother", true); });
  ASSERT_TRUE(tree) << tree.error().cause;
  ASSERT_EQ(tree->size(), 1u);
  EXPECT_EQ(tree->front().id, 7);
  EXPECT_EQ(tree->front().sealed_token, "sealed");
  EXPECT_EQ(number("SELECT count(*) FROM mytokens"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM refresh_tokens"), 0);
}

TEST_P(Store, a_chain_of_limits_is_charged_as_a_whole_and_outlives_its_tokens) {
  family();
  ClauseRow mother{"m", 2, std::nullopt, 0, 0, {}, {}};
  ClauseRow free{"c", std::nullopt, std::nullopt, 0, 0, "mother", "m"};
  ClauseRow grandchild{"g", 5, 1, 0, 0, "child", "c"};
  ASSERT_TRUE(in([&](Transaction& db) -> Result<void> {
    if (auto r = add_clauses(db, "mother", {mother, mother}); !r) return r;
    if (auto r = add_clauses(db, "child", {free}); !r) return r;
    return add_clauses(db, "grandchild", {grandchild});
  }));
  const auto charge = [&](bool with_ancestors = true) {
    return *in([&](Transaction& db) {
      return reserve_usage(db, "grandchild", "g", UsageKind::at, with_ancestors);
    });
  };
  EXPECT_TRUE(charge());
  ASSERT_TRUE(in([&](Transaction& db) { return delete_token(db, "child", false); }));
  ASSERT_TRUE(in([&](Transaction& db) { return delete_token(db, "mother", false); }));
  EXPECT_EQ(number("SELECT count(*) FROM clauses"),
            2);  // the mother's limit stays, the unlimited one is skipped
  EXPECT_TRUE(charge());
  EXPECT_FALSE(charge());
  EXPECT_EQ(number("SELECT used_at FROM clauses WHERE hash = $1", sql::Blob{"g"}), 2);
  ASSERT_TRUE(in([&](Transaction& db) {
    return return_usage(db, {{"grandchild", "g"}, {"child", "c"}, {"mother", "m"}}, UsageKind::at);
  }));
  EXPECT_EQ(number("SELECT sum(used_at) FROM clauses"), 2);
  EXPECT_TRUE(charge());
  const auto rows = in([&](Transaction& db) { return clauses_of(db, "grandchild"); });
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ(rows->front().limit_other, 1);
  EXPECT_EQ(rows->front().parent_mytoken_id, "mother");
  ASSERT_TRUE(in([&](Transaction& db) { return delete_token(db, "grandchild", true); }));
  EXPECT_EQ(number("SELECT count(*) FROM clauses"), 0);
}

TEST_P(Store, successors_leases_and_states_of_a_refresh_token) {
  family();
  const Time now = clock.now();
  const auto take = [&](const char* owner, Time at) {
    return *in([&](Transaction& db) { return take_lease(db, 7, owner, at, at + Seconds(45)); });
  };
  EXPECT_TRUE(take("one", now));
  EXPECT_FALSE(take("two", now));
  EXPECT_TRUE(take("one", now));
  EXPECT_TRUE(take("two", now + Seconds(46)));
  ASSERT_TRUE(in([&](Transaction& db) { return release_lease(db, 7, "one"); }));
  EXPECT_FALSE(take("one", now + Seconds(46)));
  ASSERT_TRUE(in([&](Transaction& db) { return release_all_leases(db); }));
  EXPECT_TRUE(take("one", now + Seconds(46)));
  EXPECT_TRUE(*in([&](Transaction& db) { return store::store_successor(db, 7, 3, "third", now); }));
  EXPECT_FALSE(*in([&](Transaction& db) { return store::store_successor(db, 7, 3, "late", now); }));
  ASSERT_TRUE(in([&](Transaction& db) { return set_refresh_state(db, 7, "suspect", now); }));
  const auto row = in([&](Transaction& db) { return refresh_token(db, 7); });
  ASSERT_TRUE(row && *row);
  EXPECT_EQ((*row)->version, 4);
  EXPECT_EQ((*row)->sealed_token, "third");
  EXPECT_EQ((*row)->state, "suspect");
  EXPECT_EQ((*row)->failed_at, now);
  EXPECT_TRUE((*row)->offline_granted);
}

TEST_P(Store, a_code_is_taken_once) {
  family();
  ProxyRow code;
  code.id = std::string("\0code\xff", 6);
  code.kind = "transfer_code";
  code.mytoken_id = "child";
  code.sealed_jwt = "sealed";
  code.created = clock.now();
  code.revokes_token = true;
  ASSERT_TRUE(in([&](Transaction& db) { return add_proxy(db, code); }));
  const auto taken = in([&](Transaction& db) { return take_proxy(db, code.id, "transfer_code"); });
  ASSERT_TRUE(taken && *taken);
  EXPECT_TRUE((*taken)->revokes_token);
  EXPECT_FALSE((*taken)->expires_at);
  EXPECT_FALSE(*in([&](Transaction& db) { return take_proxy(db, code.id, "transfer_code"); }));
  EXPECT_EQ(in([&](Transaction& db) {
              ProxyRow orphan = code;
              orphan.mytoken_id = "nobody";
              return add_proxy(db, orphan);
            })
                .error()
                .code,
            "internal_server_error");
}

TEST_P(Store, a_flow_goes_through_its_states) {
  family();
  FlowRow flow;
  flow.id = "flow";
  flow.consent_hash = "consent";
  flow.polling_hash = "polling";
  flow.issuer = "iss";
  flow.request = "{}";
  flow.key_for_consent = "key";
  flow.created = clock.now();
  flow.expires_at = clock.now() + Seconds(600);
  ASSERT_TRUE(in([&](Transaction& db) { return add_flow(db, flow); }));
  EXPECT_TRUE(*in([&](Transaction& db) {
    return consent_flow(db, "flow", {"{}", "{1}", "state", "k", "s", "b"});
  }));
  EXPECT_TRUE(
      *in([&](Transaction& db) { return move_flow(db, "flow", "consented", "exchanging"); }));
  EXPECT_FALSE(
      *in([&](Transaction& db) { return move_flow(db, "flow", "consented", "exchanging"); }));
  EXPECT_TRUE(*in([&](Transaction& db) { return finish_flow(db, "flow", "child", "jwt"); }));
  const auto found = in([&](Transaction& db) { return flow_by_polling(db, "polling"); });
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->status, "done");
  EXPECT_EQ((*found)->mytoken_id, "child");
  EXPECT_FALSE((*found)->sealed_secrets);
  EXPECT_TRUE(*in([&](Transaction& db) { return take_flow(db, "flow", "done"); }));
  EXPECT_FALSE(*in([&](Transaction& db) { return take_flow(db, "flow", "done"); }));
}

TEST_P(Store, history_is_kept_whatever_a_client_calls_itself) {
  family();
  const ClientInfo client{"192.0.2.1", std::string("agent\0\xff\xc3\xa4\xed\xa0\x80", 12)};
  AccessTokenRecord record;
  record.scope = std::string("a\0b", 3);
  record.audience = "[]";
  record.hash = "hash";
  const auto done = in([&](Transaction& db) -> Result<void> {
    if (auto r = add_event(db, clock, "child", "event", std::string(999, 'x') + "\xc3\xa4", client);
        !r)
      return r;
    if (auto r = add_event(db, clock, "nobody", "event", "", client); !r) return r;
    return add_access_token(db, clock, "child", record, client);
  });
  ASSERT_TRUE(done) << done.error().cause;
  EXPECT_EQ(number("SELECT count(*) FROM events"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM events WHERE length(comment) = 999 AND user_agent = $1",
                   "agent??\xc3\xa4???"),
            1);
  EXPECT_EQ(number("SELECT count(*) FROM access_tokens WHERE scope = 'a?b' AND expires_at IS NULL"),
            1);
}

TEST_P(Store, the_last_rotation_is_remembered) {
  family();
  for (const std::int64_t seq_no : {1, 2})
    ASSERT_TRUE(in([&](Transaction& db) {
      return set_rotation_record(db, "child", {seq_no, "request", "answer", clock.now()});
    }));
  const auto record = in([&](Transaction& db) { return rotation_record(db, "child"); });
  ASSERT_TRUE(record && *record);
  EXPECT_EQ((*record)->predecessor_seq_no, 2);
}

TEST_P(Store, named_leases_have_one_owner_at_a_time) {
  const Time now = clock.now();
  const auto take = [&](const char* owner, Time at) {
    return *in(
        [&](Transaction& db) { return take_named_lease(db, "purge", owner, at, Seconds(60)); });
  };
  EXPECT_TRUE(take("one", now));
  EXPECT_FALSE(take("two", now + Seconds(59)));
  EXPECT_TRUE(take("one", now + Seconds(59)));
  EXPECT_TRUE(take("two", now + Seconds(120)));
}

TEST_P(Store, outbox_entries_are_due_again_only_after_their_claim) {
  const Time now = clock.now();
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(
        in([&](Transaction& db) { return add_outbox(db, clock, "kind", "iss", "payload"); }));
  const auto claim = [&](Time at) {
    return *in([&](Transaction& db) { return claim_outbox(db, at, Seconds(60), 2); });
  };
  const auto first = claim(now);
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(claim(now).size(), 1u);
  EXPECT_TRUE(claim(now).empty());
  ASSERT_TRUE(in([&](Transaction& db) { return finish_outbox(db, first[0].id); }));
  ASSERT_TRUE(
      in([&](Transaction& db) { return postpone_outbox(db, first[1].id, now + Seconds(600)); }));
  const auto later = claim(now + Seconds(61));
  ASSERT_EQ(later.size(), 1u);
  EXPECT_EQ(later[0].attempts, 2);
}

TEST_P(Store, a_template_is_found_by_kind_group_and_exact_name) {
  const auto row = [&](const char* id, const char* kind, const char* group, const char* name) {
    return ProfileRow{id, kind, group, name, R"({"exp":"+12h"})", clock.now()};
  };
  const auto add = [&](const ProfileRow& one) {
    return *in([&](Transaction& db) { return add_profile(db, one); });
  };
  EXPECT_TRUE(add(row("1", "restrictions", "_", "b")));
  EXPECT_TRUE(add(row("2", "restrictions", "_", "a")));
  EXPECT_TRUE(add(row("3", "restrictions", "_", "A")));
  EXPECT_TRUE(add(row("4", "restrictions", "x", "a")));
  EXPECT_TRUE(add(row("5", "rotation", "_", "a")));
  EXPECT_FALSE(add(row("6", "restrictions", "_", "a")));
  const auto payload = [&](const char* kind, const char* group, const char* name) {
    return *in([&](Transaction& db) { return profile_payload(db, kind, group, name); });
  };
  EXPECT_EQ(payload("restrictions", "_", "a"), R"({"exp":"+12h"})");
  EXPECT_EQ(payload("restrictions", "X", "a"), std::nullopt);
  EXPECT_EQ(payload("capabilities", "_", "a"), std::nullopt);
  const auto names = *in([&](Transaction& db) { return profiles_of(db, "restrictions", "_"); });
  ASSERT_EQ(names.size(), 3u);
  EXPECT_EQ(names[0].name + names[1].name + names[2].name, "Aab");
  EXPECT_EQ(names[1].id, "2");
  EXPECT_EQ(names[1].created, clock.now());
  EXPECT_EQ(*in([&](Transaction& db) { return count_profiles(db, "restrictions", "_"); }), 3);
  EXPECT_EQ(*in([](Transaction& db) { return profile_groups(db); }),
            (std::vector<std::string>{"_", "x"}));
}

TEST_P(Store, a_template_is_changed_and_removed_by_its_owner_only) {
  const ProfileRow one{"1", "rotation", "_", "one", "{}", clock.now()};
  const ProfileRow two{"2", "rotation", "_", "two", "{}", clock.now()};
  for (const ProfileRow& row : {one, two})
    ASSERT_TRUE(*in([&](Transaction& db) { return add_profile(db, row); }));
  const auto change = [&](const ProfileRow& row) {
    return in([&](Transaction& db) { return change_profile(db, row); });
  };
  ProfileRow other = one;
  other.group = "x";
  EXPECT_FALSE(*change(other));
  ProfileRow renamed{"1", "rotation", "_", "new", "null", clock.now()};
  EXPECT_TRUE(*change(renamed));
  const auto found = *in([](Transaction& db) { return profile(db, "1", "rotation", "_"); });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name + found->payload, "newnull");
  renamed.name = "two";
  const auto taken = change(renamed);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, "sql_conflict");
  const auto remove = [&](const char* kind, const char* group) {
    return *in([&](Transaction& db) { return remove_profile(db, "1", kind, group); });
  };
  EXPECT_FALSE(remove("rotation", "x"));
  EXPECT_FALSE(remove("profiles", "_"));
  EXPECT_TRUE(remove("rotation", "_"));
  EXPECT_FALSE(remove("rotation", "_"));
  EXPECT_EQ(number("SELECT count(*) FROM profiles"), 1);
}

TEST_P(Store, children_made_while_their_mother_is_deleted_are_deleted_or_refused) {
  family();
  std::barrier<> together(2);
  std::atomic<int> made{0};
  std::thread maker([&] {
    together.arrive_and_wait();
    for (int i = 0; i < 50; ++i) {
      auto done = in([&](Transaction& db) -> Result<void> {
        auto mother = token_state(db, "mother");
        if (!mother) return fail(mother.error());
        if (!*mother) return fail(invalid_token("gone"));
        return add_token(db, token("new-" + std::to_string(i), "mother"));
      });
      if (done) {
        ++made;
      } else {
        EXPECT_EQ(done.error().code, "invalid_token") << done.error().cause;
      }
    }
  });
  together.arrive_and_wait();
  while (made < 3)
    std::this_thread::yield();
  const auto deleted = in([&](Transaction& db) { return delete_token(db, "mother", true); });
  maker.join();
  ASSERT_TRUE(deleted) << deleted.error().cause;
  EXPECT_EQ(deleted->size(), 1u);
  EXPECT_EQ(number("SELECT count(*) FROM mytokens"), 0);
}

// Counts what an engine is asked for and hands back.
class Counting final : public Connection {
 public:
  explicit Counting(Connection& inner) : inner_(inner) {}
  Result<std::int64_t> run(std::string_view sql, std::span<const sql::Param> params,
                           const std::function<bool(const sql::Row&)>& on_row) override {
    ++statements;
    return inner_.run(sql, params, [&](const sql::Row& row) {
      ++rows;
      return on_row(row);
    });
  }

  int statements = 0;
  int rows = 0;

 private:
  Connection& inner_;
};

TEST_P(Store, the_history_of_many_selected_tokens_is_not_read_again_for_each_of_them) {
  family();
  constexpr int tokens = 50;
  constexpr int each = 20;
  constexpr int wanted = 10;
  EventSelection selection;
  for (int i = 0; i < tokens; ++i)
    selection.tokens.push_back("t" + std::to_string(100 + i));
  ASSERT_TRUE(in([&](Transaction& db) -> Result<void> {
    for (auto id = selection.tokens.rbegin(); id != selection.tokens.rend(); ++id) {
      if (auto r = add_token(db, token(*id, "mother")); !r) return r;
      for (int i = 0; i < each; ++i)
        if (auto r = add_event(db, clock, *id, "e", std::to_string(i), {}); !r) return r;
    }
    return {};
  }));
  selection.above = {"mother"};  // selects them all once more
  const std::vector<std::string> again = selection.tokens;
  selection.tokens.insert(selection.tokens.end(), again.begin(), again.end());
  auto done = database->read_now([&](Connection& db) -> Result<void> {
    Counting counting(db);
    const auto events = events_of(counting, selection, wanted);
    if (!events) return fail(events.error());
    EXPECT_EQ(events->size(), static_cast<std::size_t>(wanted));
    int comment = each;
    for (const Event& event : *events) {
      EXPECT_EQ(event.mytoken_id, "t100");
      EXPECT_EQ(event.comment, std::to_string(--comment));
    }
    EXPECT_EQ(counting.statements, tokens + 1);
    EXPECT_LE(counting.rows, 3 * wanted);
    return {};
  });
  EXPECT_TRUE(done) << done.error().cause;
}

}  // namespace
}  // namespace mytoken::store
