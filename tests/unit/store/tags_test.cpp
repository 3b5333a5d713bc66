// Tags on every engine: names, colors, trees of tokens, and what happens when they change at the
// same time.
#include "store/tags.h"

#include <atomic>
#include <barrier>

#include "store/grants.h"
#include "store/refresh_tokens.h"
#include "store/tokens.h"
#include "unit/store/every_engine.h"

namespace mytoken::store {
namespace {

using sql::Transaction;

class Tags : public StoreOnEveryEngine {
 protected:
  Tags() {
    alice = add_user("alice");
    bob = add_user("bob");
    for (const auto& [id, parent] :
         {std::pair("mother", ""), {"child", "mother"}, {"grandchild", "child"}, {"other", ""}})
      add_token(id, parent);
  }

  void ok(const std::function<Result<void>(Transaction&)>& work) {
    auto done = in(work);
    EXPECT_TRUE(done) << done.error().description << done.error().cause;
  }
  UserId add_user(const std::string& sub) {
    return *in([&](Transaction& db) {
      return find_or_add_user(db, sub, "iss", std::nullopt, false, clock.now());
    });
  }
  Result<void> insert_token(Transaction& db, const std::string& id, const std::string& parent) {
    NewToken t;
    t.id = id;
    if (!parent.empty()) t.parent_id = parent;
    t.user_id = alice;
    t.capabilities = t.restrictions = "[]";
    return store::add_token(db, t);
  }
  void add_token(const std::string& id, const std::string& parent) {
    ok([&](Transaction& db) { return insert_token(db, id, parent); });
  }
  void add_child(const std::string& id, const std::string& parent) {
    ok([&](Transaction& db) -> Result<void> {
      if (auto r = insert_token(db, id, parent); !r) return r;
      return inherit_tags(db, parent, id);
    });
  }
  TagId add_tag(UserId user, const std::string& name, const std::string& color = "abcdef") {
    auto id = in([&](Transaction& db) { return find_or_add_tag(db, user, name, color); });
    EXPECT_TRUE(id) << id.error().cause;
    return id.value_or(0);
  }
  Result<bool> change(const std::string& name, const TagChange& what) {
    return in([&](Transaction& db) { return change_tag(db, alice, name, what); });
  }
  // "name:color name:color"
  std::string tags_of_user(UserId user) {
    std::string text;
    const auto found = in([&](Transaction& db) { return tags(db, user); });
    EXPECT_TRUE(found) << found.error().cause;
    for (const Tag& tag : *found)
      text += (text.empty() ? "" : " ") + tag.name + ":" + tag.color;
    return text;
  }
  // "a b+": + for tags that children inherit
  std::string tags_of_token(const std::string& id) {
    auto found = in([&](Transaction& db) { return tags_of(db, std::vector{id}); });
    EXPECT_TRUE(found) << found.error().cause;
    return found ? text_of((*found)[id]) : "unknown";
  }
  static std::string text_of(const std::vector<TokenTag>& list) {
    std::string text;
    for (const TokenTag& tag : list)
      text += (text.empty() ? "" : " ") + tag.name + (tag.include_children ? "+" : "");
    return text;
  }

  UserId alice = 0;
  UserId bob = 0;
};
ON_EVERY_ENGINE(Tags);

TEST_P(Tags, belong_to_a_user_and_are_told_apart_by_every_byte) {
  const TagId first = add_tag(alice, "ci", "000001");
  EXPECT_EQ(add_tag(alice, "ci", "000002"), first);
  EXPECT_NE(add_tag(alice, "CI", "000003"), first);
  EXPECT_NE(add_tag(alice, "cí", "000004"), first);
  EXPECT_NE(add_tag(bob, "ci", "000005"), first);
  EXPECT_EQ(tags_of_user(alice), "CI:000003 ci:000001 cí:000004");
  EXPECT_EQ(tags_of_user(bob), "ci:000005");
}

TEST_P(Tags, are_limited_in_number) {
  ok([&](Transaction& db) -> Result<void> {
    for (int i = 0; i < most_tags; ++i) {
      auto id = find_or_add_tag(db, alice, "tag " + std::to_string(i), "abcdef");
      if (!id) return fail(id.error());
    }
    return {};
  });
  const auto more = in([&](Transaction& db) { return find_or_add_tag(db, alice, "more", "abc"); });
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, "invalid_request");
  EXPECT_NE(add_tag(alice, "tag 7"), 0) << "one that is there is found all the same";
  EXPECT_NE(add_tag(bob, "more"), 0);
}

TEST_P(Tags, are_renamed_and_recolored_where_they_are) {
  const TagId id = add_tag(alice, "old", "111111");
  add_tag(alice, "taken");
  ok([&](Transaction& db) { return tag_token(db, "mother", id, true); });
  EXPECT_TRUE(*change("old", {"new", std::nullopt}));
  EXPECT_TRUE(*change("new", {std::nullopt, "222222"}));
  EXPECT_TRUE(*change("new", {"new", std::nullopt})) << "its own name is free";
  EXPECT_EQ(tags_of_user(alice), "new:222222 taken:abcdef");
  EXPECT_EQ(tags_of_token("mother"), "new+");
  EXPECT_FALSE(*change("old", {"newer", std::nullopt}));
  const auto taken = change("new", {"taken", "333333"});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, "sql_conflict");
  EXPECT_EQ(tags_of_user(alice), "new:222222 taken:abcdef");
}

TEST_P(Tags, disappear_with_the_tag_and_with_the_token) {
  const TagId kept = add_tag(alice, "kept");
  const TagId gone = add_tag(alice, "gone");
  add_tag(bob, "gone");
  for (const char* token : {"mother", "child"}) {
    for (const TagId tag : {kept, gone})
      ok([&](Transaction& db) { return tag_token(db, token, tag, false); });
  }
  ok([&](Transaction& db) { return delete_tag(db, alice, "gone"); });
  ok([&](Transaction& db) { return delete_tag(db, alice, "never there"); });
  EXPECT_EQ(tags_of_token("mother"), "kept");
  EXPECT_EQ(tags_of_user(bob), "gone:abcdef");
  ASSERT_TRUE(in([&](Transaction& db) { return delete_token(db, "mother", false); }));
  EXPECT_EQ(number("SELECT count(*) FROM token_tags"), 1);
  EXPECT_EQ(tags_of_token("child"), "kept");
  EXPECT_EQ(tags_of_user(alice), "kept:abcdef");
}

TEST_P(Tags, of_a_tree_reach_all_descendants_and_future_children) {
  const TagId tag = add_tag(alice, "t");
  ok([&](Transaction& db) { return tag_token(db, "mother", tag, false); });
  add_child("second", "mother");
  EXPECT_EQ(tags_of_token("second"), "") << "not for children";
  ok([&](Transaction& db) { return tag_tree(db, "mother", tag); });
  for (const char* token : {"mother", "child", "grandchild", "second"})
    EXPECT_EQ(tags_of_token(token), "t+") << token;
  EXPECT_EQ(tags_of_token("other"), "");
  add_child("third", "grandchild");
  EXPECT_EQ(tags_of_token("third"), "t+");

  ok([&](Transaction& db) { return tag_token(db, "child", tag, false); });
  EXPECT_EQ(tags_of_token("child"), "t") << "re-adding updates the flag";
  EXPECT_EQ(tags_of_token("grandchild"), "t+");

  ok([&](Transaction& db) { return untag_token(db, alice, "grandchild", "t"); });
  EXPECT_EQ(tags_of_token("grandchild"), "");
  EXPECT_EQ(tags_of_token("third"), "t+");
  ok([&](Transaction& db) { return untag_tree(db, bob, "mother", "t"); });
  EXPECT_EQ(tags_of_token("third"), "t+") << "bob's tag of this name is another one";
  ok([&](Transaction& db) { return untag_tree(db, alice, "mother", "t"); });
  EXPECT_EQ(number("SELECT count(*) FROM token_tags"), 0);
}

TEST_P(Tags, of_many_tokens_are_read_at_once) {
  const TagId late = add_tag(alice, "z");
  const TagId early = add_tag(alice, "Z", "123456");
  std::vector<std::string> ids = {"nobody", "mother"};
  for (int i = 0; i < 250; ++i) {
    ids.push_back("token " + std::to_string(i));
    add_token(ids.back(), "other");
    for (const TagId tag : {late, early})
      ok([&](Transaction& db) { return tag_token(db, ids.back(), tag, tag == late); });
  }
  const auto some = in([&](Transaction& db) { return tags_of(db, ids); });
  const auto all = in([&](Transaction& db) { return tags_of(db, alice); });
  ASSERT_TRUE(some && all);
  for (const auto& found : {*some, *all}) {
    EXPECT_EQ(found.size(), 250u);
    for (const auto& [id, list] : found)
      EXPECT_EQ(text_of(list), "Z z+") << id;
    EXPECT_EQ(found.at("token 249").front().color, "123456");
  }
  EXPECT_TRUE(in([&](Transaction& db) { return tags_of(db, bob); })->empty());
  EXPECT_TRUE(
      in([&](Transaction& db) { return tags_of(db, std::vector<std::string>()); })->empty());
}

TEST_P(Tags, of_a_tree_reach_every_token_that_is_made_at_the_same_time) {
  for (int round = 0; round < 10; ++round) {
    const std::string name = "race " + std::to_string(round);
    const TagId tag = add_tag(alice, name);
    const std::string root = "root " + std::to_string(round);
    add_token(root, "");
    std::barrier<> together(3);
    std::atomic<int> made{0};
    auto make = [&](const std::string& prefix) {
      together.arrive_and_wait();
      std::string parent = root;
      for (int i = 0; i < 20; ++i) {  // a chain: each is the parent of the next
        const std::string id = prefix + std::to_string(round) + "-" + std::to_string(i);
        add_child(id, parent);
        if (i % 3 != 0) parent = id;
        ++made;
      }
    };
    std::thread one(make, "one ");
    std::thread two(make, "two ");
    together.arrive_and_wait();
    while (made < 5)
      std::this_thread::yield();
    ok([&](Transaction& db) { return tag_tree(db, root, tag); });
    one.join();
    two.join();
    auto found = *in([&](Transaction& db) { return tags_of(db, alice); });
    std::erase_if(found, [&](const auto& entry) { return text_of(entry.second) != name + "+"; });
    EXPECT_EQ(found.size(), 41u) << round;
  }
}

TEST_P(Tags, that_are_deleted_while_tokens_get_them_are_gone_or_new) {
  std::barrier<> together(2);
  std::thread remover([&] {
    together.arrive_and_wait();
    for (int i = 0; i < 100; ++i)
      ok([&](Transaction& db) { return delete_tag(db, alice, "t"); });
  });
  together.arrive_and_wait();
  for (int i = 0; i < 100; ++i) {
    ok([&](Transaction& db) -> Result<void> {
      auto tag = find_or_add_tag(db, alice, "t", "abcdef");
      if (!tag) return fail(tag.error());
      return tag_token(db, "mother", *tag, true);
    });
    add_child("late " + std::to_string(i), "mother");
  }
  remover.join();
  const auto text = tags_of_token("mother");
  EXPECT_TRUE(text.empty() || text == "t+") << text;
  EXPECT_EQ(number("SELECT count(*) FROM token_tags t WHERE NOT EXISTS (SELECT 1 FROM tags g WHERE "
                   "g.id = t.tag_id)"),
            0);
}

TEST_P(Tags, grants_are_off_until_they_are_switched_on) {
  const auto is_on = [&](UserId user) {
    return *in([&](Transaction& db) { return is_grant_enabled(db, user, "ssh"); });
  };
  EXPECT_FALSE(is_on(alice));
  for (const bool on : {true, true, false, false, true}) {
    ok([&](Transaction& db) { return set_grant(db, alice, "ssh", on); });
    EXPECT_EQ(is_on(alice), on);
  }
  EXPECT_FALSE(is_on(bob));
}

}  // namespace
}  // namespace mytoken::store
