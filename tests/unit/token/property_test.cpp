// Properties over thousands of random cases: a child never allows what its parent forbids, feedback
// never widens, an exhausted clause is never chosen, texts come back as they were. The generator is
// seeded, so a failure repeats.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>

#include "token/claims.h"
#include "token/tightening.h"
#include "token/verification.h"
#include "unit/token/vectors.h"

namespace mytoken::token {
namespace {

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  int below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
  bool chance(int percent) { return below(100) < percent; }

  template <std::size_t N>
  std::string one_of(const std::array<const char*, N>& list) {
    return list[static_cast<std::size_t>(below(static_cast<int>(N)))];
  }

  template <std::size_t N>
  std::vector<std::string> some_of(const std::array<const char*, N>& list, int most) {
    std::vector<std::string> result;
    for (int i = below(most + 1); i > 0; --i)
      result.push_back(one_of(list));
    return result;
  }

  Clause clause() {
    Clause clause;
    if (chance(30)) clause.nbf = from_unix(1 + below(20));
    if (chance(40)) clause.exp = from_unix(1 + below(20));
    if (chance(50)) clause.scope = some_of(scopes, 3);
    if (chance(40)) clause.audience = some_of(audiences, 2);
    if (chance(50)) clause.hosts = some_of(hosts, 3);
    if (chance(30)) clause.geoip_allow = some_of(countries, 2);
    if (chance(30)) clause.geoip_disallow = some_of(countries, 2);
    if (chance(40)) clause.usages_at = below(4);
    if (chance(40)) clause.usages_other = below(4);
    return clause;
  }

  // Often only slightly different from `from`, so that tightening succeeds often enough to matter.
  Clause variation(const Clause& from) {
    Clause clause = from;
    const Clause other = this->clause();
    if (chance(15)) clause.nbf = other.nbf;
    if (chance(15)) clause.exp = other.exp;
    if (chance(15)) clause.scope = other.scope;
    if (chance(15)) clause.audience = other.audience;
    if (chance(30)) clause.hosts = other.hosts;
    if (chance(15)) clause.geoip_allow = other.geoip_allow;
    if (chance(15)) clause.geoip_disallow = other.geoip_disallow;
    if (chance(15)) clause.usages_at = other.usages_at;
    if (chance(15)) clause.usages_other = other.usages_other;
    return clause;
  }

  Restrictions restrictions(int most) {
    Restrictions restrictions;
    for (int i = below(most + 1); i > 0; --i)
      restrictions.push_back(clause());
    return restrictions;
  }

  Restrictions request(const Restrictions& parent) {
    Restrictions requested;
    for (int i = 1 + below(4); i > 0; --i) {
      requested.push_back(
          parent.empty() || chance(20)
              ? clause()
              : variation(
                    parent[static_cast<std::size_t>(below(static_cast<int>(parent.size())))]));
    }
    std::erase_if(requested, [](const Clause& clause) { return clause.empty(); });
    return requested;
  }

  UseRequest use() {
    UseRequest request;
    request.use = chance(60) ? Use::access_token : Use::other;
    request.scopes = some_of(scopes, 2);
    request.audiences = some_of(audiences, 2);
    return request;
  }

  ClientFacts client() {
    ClientFacts client;
    client.address = one_of(addresses);
    client.names = names_of(client.address);
    if (chance(90)) client.country = one_of(countries);
    if (chance(10)) client.country = "-";
    return client;
  }

  // Any text of up to 12 characters, worst ones first.
  std::string text() {
    static constexpr std::array<const char*, 16> pieces{"\"",
                                                        "\\",
                                                        "<",
                                                        "&",
                                                        "\xE2\x80\xA8",
                                                        "\n",
                                                        "\x01",
                                                        "\xF0\x9F\x98\x80",
                                                        "\xC3\xBC",
                                                        "\x7f",
                                                        "/",
                                                        "a",
                                                        "b",
                                                        "c",
                                                        " ",
                                                        "0"};
    std::string text;
    for (int i = below(12); i >= 0; --i)
      text += one_of(pieces);
    return text;
  }
  std::vector<std::string> texts(int most) {
    std::vector<std::string> list;
    for (int i = below(most + 1); i > 0; --i)
      list.push_back(text());
    return list;
  }
  std::int64_t number() { return static_cast<std::int64_t>(random_() >> (2 + below(40))) + 1; }

  Clause odd_clause() {
    Clause clause;
    if (chance(50)) clause.nbf = from_unix(number());
    if (chance(50)) clause.exp = from_unix(number());
    if (chance(50)) clause.scope = words(text() + " x");
    if (chance(50)) clause.audience = texts(3);
    if (chance(50)) clause.hosts = texts(3);
    if (chance(50)) clause.geoip_allow = texts(2);
    if (chance(50)) clause.geoip_disallow = texts(2);
    if (chance(50)) clause.usages_at = number() - 1;
    if (chance(50)) clause.usages_other = number() - 1;
    return clause;
  }

  // A small world of DNS.
  static std::vector<std::string> names_of(const std::string& address) {
    static const std::map<std::string, std::vector<std::string>> names{
        {"10.1.0.1", {"a.example.com.", "x.org."}},
        {"10.2.0.1", {"B.Example.com"}},
        {"2001:db8::1", {"evilexample.com"}}};
    const auto found = names.find(address);
    return found == names.end() ? std::vector<std::string>() : found->second;
  }

  static constexpr std::array<const char*, 5> scopes{"a", "b", "c", "A", ""};
  static constexpr std::array<const char*, 3> audiences{"x", "y", "z"};
  static constexpr std::array<const char*, 4> countries{"DE", "de", "US", "fr"};
  static constexpr std::array<const char*, 6> addresses{"10.1.0.1",    "10.2.0.1", "10.1.0.2",
                                                        "2001:db8::1", "::1",      ""};
  static constexpr std::array<const char*, 20> hosts{"10.0.0.0/8",
                                                     "10.1.0.0/16",
                                                     "10.1.0.1",
                                                     "10.1.0.1/32",
                                                     "10.1.0.1/16",
                                                     "10.2.0.1",
                                                     "::ffff:10.2.0.1",
                                                     "0.0.0.0/0",
                                                     "::/0",
                                                     "2001:db8::/32",
                                                     "2001:DB8::1",
                                                     "*",
                                                     "*.example.com",
                                                     "*example.com",
                                                     "a.example.com",
                                                     "A.example.com.",
                                                     "b.example.com",
                                                     "x.org",
                                                     "this",
                                                     "10.2.0.0/15"};

 private:
  std::mt19937_64 random_;
};

const std::function<Counters(std::size_t)> unused = [](std::size_t) { return Counters{}; };

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
