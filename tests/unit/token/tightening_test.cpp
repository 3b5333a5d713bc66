// Tightening: the vectors, budgets, what may be asked of DNS, provider feedback.
#include "token/tightening.h"

#include <gtest/gtest.h>

#include "unit/token/vectors.h"

namespace mytoken::token {
namespace {

const NamesOf no_names = [](const std::string&) { return std::vector<std::string>(); };

TEST(RestrictionsTightenVectors, all) {
  const json::object file = vectors("restrictions_tighten");
  const json::object& dns = file.at("dns").as_object();
  const NamesOf names_of = [&dns](const std::string& address) {
    return confirmed_names(dns, address);
  };
  std::size_t count = 0;
  for (const json::value& test : file.at("cases").as_array()) {
    SCOPED_TRACE(text(test.at("name")));
    const Restrictions parent = claimed(test.at("parent"));
    // Negative numbers never pass the parser; the rule must hold without it.
    auto parsed = parse_restrictions(&test.at("requested"), from_unix(0));
    const bool negative = json::serialize(test.at("requested")).find(":-") != std::string::npos;
    EXPECT_EQ(parsed.has_value(), !negative);
    const Tightened result =
        tighten(parent, negative ? claimed(test.at("requested")) : *parsed, names_of);
    const json::value& expected = test.at("expected");
    EXPECT_EQ(result.restrictions, claimed(expected.at("result")))
        << json::serialize(to_json(result.restrictions)) << " instead of "
        << json::serialize(expected.at("result"));
    const json::array& wanted = expected.at("result").as_array();
    for (std::size_t i = 0; i < wanted.size() && i < result.restrictions.size(); ++i) {
      if (const json::value* scope = wanted[i].as_object().if_contains("scope")) {
        const std::string written = text(*scope);
        const bool blank = written.find_first_not_of(' ') == std::string::npos;
        EXPECT_EQ(join(result.restrictions[i].scope), blank ? "" : written);
      }
    }
    EXPECT_EQ(result.ok, expected.at("ok").as_bool());
    EXPECT_EQ(result.parents.size(), parent.empty() ? 0 : result.restrictions.size());
    ++count;
  }
  EXPECT_GE(count, 107u);
}

TEST(Tightening, each_clause_knows_the_parent_clause_it_was_fitted_into) {
  const auto parent = clauses(R"([{"scope":"a"},{"scope":"b","usages_AT":3},{"scope":"c"}])");
  const auto result = tighten(
      parent, clauses(R"([{"scope":"c"},{"scope":"b","usages_AT":1},{"scope":"a"}])"), no_names);
  EXPECT_TRUE(result.ok);
  EXPECT_EQ(result.parents, (std::vector<std::size_t>{2, 1, 0}));
}

TEST(Tightening, inherited_clauses_are_their_own_parents) {
  const auto parent = clauses(R"([{"scope":"a"},{"scope":"b"}])");
  EXPECT_EQ(tighten(parent, {}, no_names).parents, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(tighten(parent, clauses(R"([{"scope":"z"}])"), no_names).parents,
            (std::vector<std::size_t>{0, 1}));
  EXPECT_TRUE(tighten({}, clauses(R"([{"scope":"z"}])"), no_names).parents.empty());
}

TEST(Tightening, W20_clauses_of_one_text_have_one_budget_and_the_first_is_charged) {
  const auto parent = clauses(R"([{"usages_AT":2},{"usages_AT":2},{"scope":"b","usages_AT":2}])");
  const auto result = tighten(
      parent,
      clauses(
          R"([{"scope":"a","usages_AT":2},{"scope":"b","usages_AT":2},{"scope":"b","usages_AT":1}])"),
      no_names);
  EXPECT_FALSE(result.ok);
  EXPECT_EQ(result.parents, (std::vector<std::size_t>{0, 2}));
}

TEST(Tightening, a_budget_of_one_kind_does_not_touch_the_other) {
  const auto parent = clauses(R"([{"usages_AT":2,"usages_other":9}])");
  const auto result = tighten(
      parent, clauses(R"([{"usages_AT":2,"usages_other":1},{"usages_AT":0,"usages_other":8}])"),
      no_names);
  EXPECT_TRUE(result.ok);
  EXPECT_EQ(result.restrictions.size(), 2u);
}

TEST(Tightening, a_huge_request_cannot_overflow_the_budget) {
  const auto parent = clauses(R"([{"usages_AT":9223372036854775807}])");
  const auto result = tighten(
      parent,
      clauses(
          R"([{"usages_AT":9223372036854775807},{"scope":"a","usages_AT":1},{"scope":"b","usages_AT":0}])"),
      no_names);
  EXPECT_FALSE(result.ok);
  EXPECT_EQ(result.restrictions,
            clauses(R"([{"usages_AT":9223372036854775807},{"scope":"b","usages_AT":0}])"));
}

TEST(Tightening, W18_names_are_asked_only_for_single_addresses_under_names) {
  std::vector<std::string> asked;
  const NamesOf names_of = [&asked](const std::string& address) {
    asked.push_back(address);
    return std::vector<std::string>{"node.example.com."};
  };
  const auto request = clauses(
      R"([{"hosts":["2001:DB8:0::1","198.51.100.0/24","*.example.com","node.example.com"]}])");
  tighten(clauses(R"([{"hosts":["198.51.100.7"]}])"), request, names_of);
  EXPECT_TRUE(asked.empty());
  EXPECT_FALSE(tighten(clauses(R"([{"hosts":["198.51.100.7"]}])"),
                       clauses(R"([{"hosts":["node.example.com"]}])"), names_of)
                   .ok);
  EXPECT_TRUE(asked.empty());
  EXPECT_TRUE(tighten(clauses(R"([{"hosts":["*.example.com"]}])"),
                      clauses(R"([{"hosts":["2001:DB8:0::1"]}])"), names_of)
                  .ok);
  EXPECT_EQ(asked, (std::vector<std::string>{"2001:db8::1"}));
}

TEST(Tightening, addresses_whose_names_matter_are_known_before) {
  const auto names = clauses(R"([{"scope":"a"},{"hosts":["10.0.0.0/8","*.example.com"]}])");
  EXPECT_EQ(
      addresses_needing_names(
          names, clauses(R"([{"hosts":["::ffff:10.0.0.1","192.0.2.7/24","x.org","10.0.0.0/9"]},
                                                        {"hosts":["10.0.0.1"]}])")),
      (std::vector<std::string>{"192.0.2.7"}))
      << "a network of the same clause covers the other";
  EXPECT_TRUE(addresses_needing_names(clauses(R"([{"hosts":["10.0.0.0/8"]}])"),
                                      clauses(R"([{"hosts":["10.0.0.1"]}])"))
                  .empty());
  EXPECT_TRUE(addresses_needing_names(names, {}).empty());
}

TEST(Tightening, entries_that_never_match_neither_cover_nor_are_covered) {
  const auto star = clauses(R"([{"hosts":["*"]}])");
  for (const char* dead :
       {R"([{"hosts":[""]}])", R"([{"hosts":["this"]}])", R"([{"hosts":["10.0.0.0/33"]}])"}) {
    EXPECT_FALSE(tighten(star, clauses(dead), no_names).ok) << dead;
    EXPECT_FALSE(tighten(clauses(dead), clauses(R"([{"hosts":["x.org"]}])"), no_names).ok) << dead;
    EXPECT_FALSE(tighten(clauses(dead), clauses(R"([{"scope":"a"}])"), no_names).ok) << dead;
  }
  EXPECT_FALSE(
      tighten(clauses(R"([{"audience":[""]}])"), clauses(R"([{"audience":["x"]}])"), no_names).ok);
  EXPECT_FALSE(tighten(clauses(R"([{"geoip_allow":[""]}])"), clauses(R"([{"geoip_allow":["DE"]}])"),
                       no_names)
                   .ok);
}

TEST(Tightening, without_a_source_of_names_nothing_is_confirmed) {
  EXPECT_FALSE(
      tighten(clauses(R"([{"hosts":["*"]}])"), clauses(R"([{"hosts":["192.0.2.1"]}])"), NamesOf())
          .ok);
}

TEST(ProviderFeedback, W19_narrows_but_never_empties_a_limited_list) {
  const auto restrictions =
      clauses(R"([{"scope":"a b","audience":["x","y"]},{"scope":"c","audience":["z"]},{"exp":5}])");
  const std::vector<std::string> scopes{"b", "d"};
  const std::vector<std::string> audiences{"x"};
  EXPECT_EQ(
      narrowed_to_granted(restrictions, &scopes, &audiences),
      clauses(R"([{"scope":"b","audience":["x"]},{"scope":"c","audience":["z"]},{"exp":5}])"));
  const std::vector<std::string> nothing;
  EXPECT_EQ(narrowed_to_granted(restrictions, &nothing, &nothing), restrictions);
  EXPECT_EQ(narrowed_to_granted(restrictions, nullptr, nullptr), restrictions);
}

TEST(ProviderFeedback, keeps_the_text_of_a_scope_that_was_granted_in_full) {
  const auto restrictions = clauses(R"([{"scope":"b  a"}])");
  const std::vector<std::string> scopes{"a", "b"};
  EXPECT_EQ(canonical(narrowed_to_granted(restrictions, &scopes, nullptr).front()),
            R"({"scope":"b  a"})");
}

}  // namespace
}  // namespace mytoken::token
