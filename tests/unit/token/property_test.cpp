// Properties over thousands of random cases: a child never allows what its parent forbids, feedback
// never widens, an exhausted clause is never chosen, texts come back as they were. The generator is
// seeded, so a failure repeats; MYTOKEN_TEST_SEED=<number> tries other cases, and a failure names
// it.
#include <gtest/gtest.h>

#include <map>

#include "token/claims.h"
#include "token/tightening.h"
#include "token/verification.h"
#include "unit/token/generator.h"
#include "unit/token/vectors.h"

namespace mytoken::token {
namespace {

TEST(TighteningProperty, a_child_never_allows_a_use_that_the_parent_forbids) {
  Generator generator(1);
  int accepted = 0;
  int allowed = 0;
  for (int i = 0; i < 6000; ++i) {
    const Restrictions parent = generator.restrictions(3);
    const Tightened child = tighten(parent, generator.request(parent), Generator::names_of);
    accepted += child.ok;
    for (int k = 0; k < 30; ++k) {
      const UseRequest request = generator.use();
      const ClientFacts client = generator.client();
      const Time now = from_unix(generator.below(22));
      if (!choose_clause(child.restrictions, request, client, now, unused)) continue;
      ++allowed;
      ASSERT_TRUE(choose_clause(parent, request, client, now, unused))
          << json::serialize(to_json(parent)) << " -> "
          << json::serialize(to_json(child.restrictions));
    }
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(allowed, 10000);
}

TEST(TighteningProperty,
     each_child_clause_alone_allows_no_more_than_the_parent_clause_it_came_from) {
  Generator generator(2);
  int allowed = 0;
  for (int i = 0; i < 4000; ++i) {
    const Restrictions parent = generator.restrictions(3);
    const Tightened child = tighten(parent, generator.request(parent), Generator::names_of);
    ASSERT_EQ(child.parents.size(), parent.empty() ? 0 : child.restrictions.size());
    for (std::size_t c = 0; c < child.parents.size(); ++c) {
      for (int k = 0; k < 10; ++k) {
        const UseRequest request = generator.use();
        const ClientFacts client = generator.client();
        const Time now = from_unix(generator.below(22));
        if (refusal_reason(child.restrictions[c], request, client, now, {}) != "") continue;
        ++allowed;
        ASSERT_EQ(refusal_reason(parent[child.parents[c]], request, client, now, {}), "");
        // What is asked of the provider stays within the parent's clause as well.
        const Clause& outer = parent[child.parents[c]];
        if (request.use == Use::other) continue;
        const Selection selection = select(request, &child.restrictions[c], {"a"});
        ASSERT_EQ(refusal_reason(outer, {Use::access_token, selection.scopes, selection.audiences},
                                 client, now, {}),
                  "");
        ASSERT_TRUE(outer.audience.empty() || !selection.audiences.empty());
      }
    }
  }
  EXPECT_GT(allowed, 3000);
}

TEST(TighteningProperty, the_counts_handed_out_never_exceed_the_parents) {
  Generator generator(3);
  for (int i = 0; i < 6000; ++i) {
    const Restrictions parent = generator.restrictions(3);
    const Tightened child = tighten(parent, generator.request(parent), Generator::names_of);
    const bool inherited = child.restrictions == parent;
    if (parent.empty() || inherited) continue;
    std::map<std::string, Counters> handed_out;
    for (std::size_t c = 0; c < child.restrictions.size(); ++c) {
      Counters& sum = handed_out[canonical(parent[child.parents[c]])];
      sum.at += child.restrictions[c].usages_at.value_or(0);
      sum.other += child.restrictions[c].usages_other.value_or(0);
    }
    for (const Clause& clause : parent) {
      const Counters sum = handed_out[canonical(clause)];
      if (clause.usages_at) {
        ASSERT_LE(sum.at, *clause.usages_at) << json::serialize(to_json(parent));
      }
      if (clause.usages_other) {
        ASSERT_LE(sum.other, *clause.usages_other) << json::serialize(to_json(parent));
      }
    }
  }
}

TEST(TighteningProperty, asking_for_the_parent_itself_is_always_granted) {
  Generator generator(4);
  for (int i = 0; i < 4000; ++i) {
    Restrictions parent = generator.restrictions(1);
    for (Clause& clause : parent) {
      std::erase(clause.hosts, "this");
      // An address under a name is covered only by its name of today; the rest covers itself.
      if (clause.hosts.empty()) clause.hosts = {"10.0.0.0/8"};
    }
    const Tightened child = tighten(parent, parent, Generator::names_of);
    EXPECT_TRUE(child.ok) << json::serialize(to_json(parent));
    EXPECT_EQ(child.restrictions, parent);
  }
}

TEST(TighteningProperty, only_announced_addresses_are_asked_for) {
  Generator generator(5);
  for (int i = 0; i < 4000; ++i) {
    const Restrictions parent = generator.restrictions(3);
    const Restrictions requested = generator.request(parent);
    const auto announced = addresses_needing_names(parent, requested);
    const NamesOf names_of = [&announced](const std::string& address) {
      EXPECT_NE(std::find(announced.begin(), announced.end(), address), announced.end()) << address;
      return Generator::names_of(address);
    };
    tighten(parent, requested, names_of);
  }
}

TEST(ProviderFeedbackProperty, never_widens) {
  Generator generator(6);
  int allowed = 0;
  for (int i = 0; i < 6000; ++i) {
    const Restrictions before = generator.restrictions(3);
    const auto scopes = generator.some_of(Generator::scopes, 3);
    const auto audiences = generator.some_of(Generator::audiences, 2);
    const Restrictions after = narrowed_to_granted(before, generator.chance(80) ? &scopes : nullptr,
                                                   generator.chance(80) ? &audiences : nullptr);
    ASSERT_EQ(after.size(), before.size());
    for (std::size_t c = 0; c < after.size(); ++c) {
      ASSERT_EQ(after[c].scope.empty(), before[c].scope.empty());
      ASSERT_EQ(after[c].audience.empty(), before[c].audience.empty());
    }
    for (int k = 0; k < 10; ++k) {
      const UseRequest request = generator.use();
      const ClientFacts client = generator.client();
      const Time now = from_unix(generator.below(22));
      if (!choose_clause(after, request, client, now, unused)) continue;
      ++allowed;
      ASSERT_TRUE(choose_clause(before, request, client, now, unused));
    }
  }
  EXPECT_GT(allowed, 3000);
}

TEST(VerificationProperty, an_exhausted_clause_is_never_chosen_and_the_first_possible_one_is) {
  Generator generator(7);
  int chosen = 0;
  for (int i = 0; i < 20000; ++i) {
    const Restrictions restrictions = generator.restrictions(4);
    const UseRequest request = generator.use();
    const ClientFacts client = generator.client();
    const Time now = from_unix(generator.below(22));
    std::vector<Counters> used;
    for (std::size_t c = 0; c < restrictions.size(); ++c)
      used.push_back({generator.below(4), generator.below(4)});
    const auto counters = [&used](std::size_t c) { return used[c]; };
    const auto choice = choose_clause(restrictions, request, client, now, counters);
    std::optional<std::size_t> first;
    for (std::size_t c = restrictions.size(); c-- > 0;) {
      if (refusal_reason(restrictions[c], request, client, now, used[c]).empty()) first = c;
    }
    ASSERT_EQ(choice.has_value(), restrictions.empty() || first.has_value());
    if (!choice || !choice->clause) continue;
    ++chosen;
    ASSERT_EQ(choice->clause, first);
    const Clause& clause = restrictions[*choice->clause];
    const Counters done = used[*choice->clause];
    const auto limit = request.use == Use::access_token ? clause.usages_at : clause.usages_other;
    if (limit) {
      ASSERT_LT(request.use == Use::access_token ? done.at : done.other, *limit);
    }
  }
  EXPECT_GT(chosen, 2000);
}

TEST(CanonicalProperty, a_clause_comes_back_as_it_was) {
  Generator generator(8);
  for (int i = 0; i < 5000; ++i) {
    const Clause clause = generator.odd_clause();
    const std::string once = canonical(clause);
    const Restrictions back = clauses("[" + once + "]");
    ASSERT_EQ(back.front(), clause) << once;
    ASSERT_EQ(canonical(back.front()), once);
    ASSERT_EQ(clauses("[" + canonical(clause, true) + "]").front(), clause);
    ASSERT_EQ(claimed(json::value(json::array{to_json(clause)})).front(), clause);
  }
}

TEST(ClaimsProperty, claims_come_back_as_they_were) {
  Generator generator(9);
  for (int i = 0; i < 5000; ++i) {
    Claims claims;
    claims.iss = generator.text();
    claims.sub = generator.text();
    claims.seq_no = static_cast<std::uint64_t>(generator.number());
    if (generator.chance(50)) claims.name = generator.text();
    claims.aud = generator.text();
    claims.oidc_sub = generator.text();
    claims.oidc_iss = generator.text();
    claims.capabilities = generator.texts(4);
    if (generator.chance(50)) claims.exp = from_unix(generator.number());
    claims.nbf = from_unix(generator.number());
    claims.iat = from_unix(generator.number());
    if (generator.chance(50)) claims.auth_time = from_unix(generator.number());
    claims.jti = generator.text();
    for (int c = generator.below(3); c > 0; --c)
      claims.restrictions.push_back(generator.odd_clause());
    if (generator.chance(50)) {
      claims.rotation =
          Rotation{generator.chance(50), generator.chance(50),
                   Seconds(generator.chance(50) ? generator.number() : 0), generator.chance(50)};
    }
    const std::string payload = serialize(claims);
    const auto back = parse_claims(payload);
    ASSERT_TRUE(back) << payload;
    ASSERT_EQ(*back, claims) << payload;
    ASSERT_EQ(serialize(*back), payload);
    ASSERT_EQ(json::serialize(json::parse(payload)), json::serialize(to_json(claims)));
  }
}

}  // namespace
}  // namespace mytoken::token
