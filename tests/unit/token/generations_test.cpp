// Properties of whole lines of descent: whatever is asked for from generation to generation, nobody
// gets more than any of his ancestors has, in uses, in time, in budgets, in capabilities.
#include <gtest/gtest.h>

#include <map>

#include "token/capability.h"
#include "token/keeping.h"
#include "unit/token/generator.h"

namespace mytoken::token {
namespace {

// A few names of keys.
std::vector<std::string> unsupported(Generator& generator) {
  std::vector<std::string> names;
  for (const std::string& name : restriction_claims()) {
    if (generator.chance(25)) names.push_back(name);
  }
  return names;
}

// What makes a token from its parent on the way through the service: unsupported keys are taken out
// of the request, it is fitted into the parent, ended by the provider's longest lifetime, and
// narrowed to what the provider granted.
Restrictions next_generation(Generator& generator, const Restrictions& parent) {
  Restrictions requested = generator.request(parent);
  if (generator.chance(20)) remove_claims(requested, unsupported(generator));
  Restrictions child = tighten(parent, requested, Generator::names_of).restrictions;
  if (generator.chance(30)) {
    child =
        with_maximum_lifetime(child, from_unix(generator.below(20)), Seconds(generator.below(10)));
  }
  const auto scopes = generator.some_of(Generator::scopes, 3);
  const auto audiences = generator.some_of(Generator::audiences, 2);
  return narrowed_to_granted(child, generator.chance(30) ? &scopes : nullptr,
                             generator.chance(30) ? &audiences : nullptr);
}

TEST(GenerationsProperty, no_descendant_allows_a_use_that_any_of_its_ancestors_forbids) {
  Generator generator(10);
  int allowed = 0;
  int deep = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<Restrictions> line{generator.restrictions(3)};
    for (int generation = 2 + generator.below(5); generation > 0; --generation)
      line.push_back(next_generation(generator, line.back()));
    for (int k = 0; k < 30; ++k) {
      const UseRequest request = generator.use();
      const ClientFacts client = generator.client();
      const Time now = from_unix(generator.below(22));
      if (!choose_clause(line.back(), request, client, now, unused)) continue;
      ++allowed;
      deep += line.size() > 4 ? 1 : 0;
      for (const Restrictions& ancestor : line) {
        ASSERT_TRUE(choose_clause(ancestor, request, client, now, unused))
            << json::serialize(to_json(ancestor)) << " -> "
            << json::serialize(to_json(line.back()));
      }
    }
  }
  EXPECT_GT(allowed, 5000);
  EXPECT_GT(deep, 1000);
}

TEST(GenerationsProperty, keys_that_become_unsupported_leave_every_child_within_its_parent) {
  Generator generator(11);
  int allowed = 0;
  for (int i = 0; i < 4000; ++i) {
    Restrictions parent = generator.restrictions(3);
    Restrictions child = next_generation(generator, parent);
    const std::vector<std::string> ignored = unsupported(generator);
    remove_claims(parent, ignored);
    remove_claims(child, ignored);
    for (int k = 0; k < 10; ++k) {
      const UseRequest request = generator.use();
      const ClientFacts client = generator.client();
      const Time now = from_unix(generator.below(22));
      if (!choose_clause(child, request, client, now, unused)) continue;
      ++allowed;
      ASSERT_TRUE(choose_clause(parent, request, client, now, unused))
          << json::serialize(to_json(parent)) << " -> " << json::serialize(to_json(child));
    }
  }
  EXPECT_GT(allowed, 5000);
}

TEST(GenerationsProperty, no_token_ends_after_its_parent_and_none_after_the_longest_lifetime) {
  Generator generator(12);
  int ended = 0;
  for (int i = 0; i < 6000; ++i) {
    const Restrictions parent = generator.restrictions(3);
    const Restrictions child = next_generation(generator, parent);
    if (const auto end = expiry(parent)) {
      ++ended;
      ASSERT_TRUE(expiry(child) && *expiry(child) <= *end);
    }
    const Time now = from_unix(generator.below(20));
    const Seconds longest(1 + generator.below(10));
    const Restrictions capped = with_maximum_lifetime(parent, now, longest);
    ASSERT_TRUE(expiry(capped) && *expiry(capped) <= now + longest);
    if (const auto end = expiry(parent)) {
      ASSERT_LE(*expiry(capped), *end);
    }
  }
  EXPECT_GT(ended, 500);
}

TEST(EnforcedProperty, what_is_enforced_is_never_widened_by_a_request_and_keeps_the_limits_of_it) {
  Generator generator(15);
  int allowed = 0;
  for (int i = 0; i < 5000; ++i) {
    const Restrictions enforced = generator.restrictions(3);
    if (enforced.empty()) continue;
    const Restrictions requested = generator.request(enforced);
    const Restrictions kept = keeping_limits(enforced, requested, Generator::names_of);
    if (kept.empty()) continue;  // permits nothing: no token is made of it
    std::int64_t at = 0;
    std::int64_t asked_at = 0;
    bool counts = !requested.empty();
    for (const Clause& clause : kept)
      at += clause.usages_at.value_or(0);
    for (const Clause& clause : requested) {
      counts = counts && clause.usages_at;
      asked_at += clause.usages_at.value_or(0);
    }
    if (counts) {
      ASSERT_LE(at, asked_at);
    }
    for (int k = 0; k < 15; ++k) {
      const UseRequest request = generator.use();
      const ClientFacts client = generator.client();
      const Time now = from_unix(generator.below(22));
      if (!choose_clause(kept, request, client, now, unused)) continue;
      ++allowed;
      ASSERT_TRUE(choose_clause(enforced, request, client, now, unused))
          << json::serialize(to_json(enforced)) << " -> " << json::serialize(to_json(kept));
      ASSERT_TRUE(!expiry(requested) || now <= *expiry(requested));
      ASSERT_TRUE(!not_before(requested) || now >= *not_before(requested));
    }
  }
  EXPECT_GT(allowed, 3000);
}

// Every token of a random tree is used at random, each use charged to its clause and to those that
// it was fitted into. However that goes, nobody's budget is exceeded.
TEST(GenerationsProperty, a_tree_that_shares_its_budgets_never_exceeds_one_of_them) {
  struct Node {
    Restrictions restrictions;
    std::vector<std::size_t> parents;  // by clause
    std::size_t parent = 0;
    std::map<std::string, Counters> used;  // equal clauses share one counter
  };
  Generator generator(13);
  int charged = 0;
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    std::vector<Node> tree(1);
    tree[0].restrictions = generator.restrictions(3);
    while (tree.size() < 8) {
      Node child;
      child.parent = static_cast<std::size_t>(generator.below(static_cast<int>(tree.size())));
      const Restrictions& parent = tree[child.parent].restrictions;
      const Tightened fitted = tighten(parent, generator.request(parent), Generator::names_of);
      child.restrictions = fitted.restrictions;
      child.parents = fitted.parents;
      tree.push_back(std::move(child));
    }
    for (int k = 0; k < 60; ++k) {
      const auto user = static_cast<std::size_t>(generator.below(static_cast<int>(tree.size())));
      const UseRequest request = generator.use();
      const bool at = request.use == Use::access_token;
      const auto counters = [&](std::size_t c) {
        return tree[user].used[canonical(tree[user].restrictions[c])];
      };
      const auto choice = choose_clause(tree[user].restrictions, request, generator.client(),
                                        from_unix(generator.below(22)), counters);
      if (!choice || !choice->clause) continue;
      // The chain of clauses, from the used one to the root's.
      std::vector<std::pair<std::size_t, std::size_t>> chain{{user, *choice->clause}};
      while (chain.back().first != 0 && !tree[chain.back().first].parents.empty()) {
        const Node& node = tree[chain.back().first];
        chain.emplace_back(node.parent, node.parents[chain.back().second]);
      }
      bool admitted = true;
      for (const auto& [token, clause] : chain) {
        const Clause& limits = tree[token].restrictions[clause];
        const Counters done = tree[token].used[canonical(limits)];
        const auto limit = at ? limits.usages_at : limits.usages_other;
        if (limit && (at ? done.at : done.other) >= *limit) admitted = false;
      }
      refused += admitted ? 0 : 1;
      if (!admitted) continue;
      ++charged;
      for (const auto& [token, clause] : chain) {
        Counters& done = tree[token].used[canonical(tree[token].restrictions[clause])];
        ++(at ? done.at : done.other);
      }
    }
    for (const Node& node : tree) {
      for (const Clause& clause : node.restrictions) {
        const auto done = node.used.find(canonical(clause));
        if (done == node.used.end()) continue;
        ASSERT_LE(done->second.at, clause.usages_at.value_or(1000));
        ASSERT_LE(done->second.other, clause.usages_other.value_or(1000));
      }
    }
  }
  EXPECT_GT(charged, 2000);
  EXPECT_GT(refused, 50);  // by an ancestor's budget
}

TEST(CapabilityProperty, capabilities_never_grow_over_generations) {
  Generator generator(14);
  const auto all = all_capabilities();
  const auto some = [&](int most) {
    Capabilities list;
    for (int k = generator.below(most + 1); k > 0; --k)
      list.emplace_back(
          all[static_cast<std::size_t>(generator.below(static_cast<int>(all.size())))]);
    return list;
  };
  int children = 0;
  for (int i = 0; i < 4000; ++i) {
    std::vector<Capabilities> line{some(6)};
    for (int generation = 0; generation < 5; ++generation) {
      // The first part asks for what it has, so that some is granted.
      Capabilities asked = some(4);
      if (!line.back().empty() && generator.chance(60)) asked.push_back(line.back().front());
      const auto child = tighten(
          line.back(), generator.chance(10) ? std::nullopt : std::optional<Capabilities>(asked));
      if (!child) break;
      ++children;
      line.push_back(*child);
    }
    for (const std::string_view capability : all) {
      if (!has(line.back(), capability)) continue;
      for (const Capabilities& ancestor : line)
        ASSERT_TRUE(has(ancestor, capability)) << capability;
    }
  }
  EXPECT_GT(children, 4000);
}

}  // namespace
}  // namespace mytoken::token
