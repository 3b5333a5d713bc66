// Budgets of random trees, compared with a model that never forgets anything: however tokens are
// used, revoked or purged, a use is admitted exactly if every limit above it has something left.
// Seeded; MYTOKEN_TEST_SEED=<number> tries other trees.
#include <cstdlib>
#include <random>

#include "store/purge.h"
#include "unit/store/fixture.h"

namespace mytoken::test {
namespace {

class BudgetProperty : public StoreTest {
 protected:
  struct Token {
    std::string id;
    std::optional<std::size_t> parent;  // when it was made
    std::optional<std::int64_t> limit;
    std::int64_t used = 0;
    bool lives = true;
  };

  int below(std::size_t bound) { return static_cast<int>(random() % bound); }

  Result<void> add(sql::Transaction& db, std::size_t parent, bool is_root) {
    Token token;
    token.id = std::to_string(++made) + "-" + std::to_string(tree_number);
    if (!is_root) token.parent = parent;
    if (below(2) == 0) token.limit = below(6);
    store::NewToken row;
    row.id = token.id;
    if (token.parent) row.parent_id = tree[*token.parent].id;
    row.user_id = user;
    row.created = clock.now();
    row.capabilities = row.restrictions = "[]";
    // What ends is purged a month later.
    if (below(3) == 0) row.expires_at = clock.now();
    if (auto r = store::add_token(db, row); !r) return r;
    store::ClauseRow clause;
    clause.hash = "c";
    clause.limit_at = token.limit;
    if (token.parent) {
      clause.parent_mytoken_id = tree[*token.parent].id;
      clause.parent_hash = "c";
    }
    if (auto r = store::add_clauses(db, token.id, {clause}); !r) return r;
    ends.push_back(row.expires_at.has_value());
    tree.push_back(std::move(token));
    return {};
  }

  // One use of a living token in the database and in the model: both decide alike.
  Result<void> use(sql::Transaction& db, std::size_t number) {
    bool admitted = true;
    for (std::optional<std::size_t> at = number; at; at = tree[*at].parent) {
      if (tree[*at].limit && tree[*at].used >= *tree[*at].limit) admitted = false;
    }
    auto done = store::reserve_usage(db, tree[number].id, "c", store::UsageKind::at, true);
    if (!done) return tl::unexpected(done.error());
    EXPECT_EQ(*done, admitted) << "tree " << tree_number << ", token " << number;
    (admitted ? charged : refused) += 1;
    for (std::optional<std::size_t> at = number; admitted && at; at = tree[*at].parent)
      ++tree[*at].used;
    return {};
  }

  bool descends(std::size_t number, std::size_t from) const {
    std::optional<std::size_t> at = number;
    while (at && *at != from)
      at = tree[*at].parent;
    return at.has_value();
  }

  Result<void> revoke(sql::Transaction& db, std::size_t number, bool recursive) {
    auto orphans = store::delete_token(db, tree[number].id, recursive);
    if (!orphans) return tl::unexpected(orphans.error());
    for (std::size_t i = 0; i < tree.size(); ++i) {
      if (i == number || (recursive && descends(i, number))) tree[i].lives = false;
    }
    return {};
  }

  Result<void> purge(sql::Transaction& db) {
    auto purged = store::purge_expired(db, clock.now() + std::chrono::hours(24 * 31), {}, "guests");
    if (!purged) return tl::unexpected(purged.error());
    EXPECT_FALSE(purged->more);
    for (std::size_t i = 0; i < tree.size(); ++i)
      if (ends[i]) tree[i].lives = false;
    return {};
  }

  Result<void> one_tree(sql::Transaction& db) {
    tree.clear();
    ends.clear();
    ++tree_number;
    if (auto r = add(db, 0, true); !r) return r;
    for (int step = 0; step < 70; ++step) {
      const auto number = static_cast<std::size_t>(below(tree.size()));
      const int dice = below(100);
      Result<void> done;
      if (!tree[number].lives) continue;
      if (dice < 20 && tree.size() < 14) {
        done = add(db, number, false);
      } else if (dice < 90) {
        done = use(db, number);
      } else if (dice < 95) {
        done = revoke(db, number, false);
      } else if (dice < 97) {
        done = revoke(db, number, true);
      } else {
        done = purge(db);
      }
      if (!done) return done;
    }
    // Nothing is left of a tree without tokens.
    for (std::size_t i = 0; i < tree.size(); ++i) {
      if (!tree[i].lives) continue;
      if (auto r = revoke(db, i, false); !r) return r;
    }
    return {};
  }

  std::mt19937_64 random;
  std::vector<Token> tree;
  std::vector<bool> ends;
  int tree_number = 0;
  int made = 0;
  int charged = 0;
  int refused = 0;
};

TEST_F(BudgetProperty, uses_revocations_and_the_purge_leave_every_budget_as_it_is) {
  const char* seed = std::getenv("MYTOKEN_TEST_SEED");
  SCOPED_TRACE(std::string("MYTOKEN_TEST_SEED=") + (seed == nullptr ? "0" : seed));
  random.seed(seed == nullptr ? 0 : std::strtoull(seed, nullptr, 10));
  for (int i = 0; i < 400; ++i) {
    auto done = write([&](sql::Transaction& db) { return one_tree(db); });
    ASSERT_TRUE(done) << done.error().cause;
    ASSERT_FALSE(HasFailure()) << "tree " << i;
  }
  EXPECT_GT(charged, 2000);
  EXPECT_GT(refused, 1000);
  EXPECT_EQ(count("SELECT count(*) FROM mytokens"), 0);
  EXPECT_EQ(count("SELECT count(*) FROM clauses"), 0);
}

}  // namespace
}  // namespace mytoken::test
