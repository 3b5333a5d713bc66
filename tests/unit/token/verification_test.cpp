// Choosing the clause of a use: the vectors, what fails closed, what is asked of whom.
#include "token/verification.h"

#include <gtest/gtest.h>

#include "unit/token/vectors.h"

namespace mytoken::token {
namespace {

const Time now = from_unix(1'000'000);

const std::function<Counters(std::size_t)> unused = [](std::size_t) { return Counters{}; };

std::optional<Choice> choose(std::string_view restrictions, const UseRequest& request,
                             const ClientFacts& client) {
  return choose_clause(clauses(restrictions), request, client, now, unused);
}

bool allows(std::string_view restrictions, const ClientFacts& client) {
  return choose(restrictions, {Use::other, {}, {}}, client).has_value();
}

TEST(RestrictionsVerifyVectors, all) {
  const json::object file = vectors("restrictions_verify");
  const json::object& dns = file.at("dns").as_object();
  const auto provider_scopes = texts(file.at("provider_scopes"));
  std::size_t count = 0;
  for (const json::value& test : file.at("cases").as_array()) {
    SCOPED_TRACE(text(test.at("name")));
    const json::object& context = test.at("context").as_object();
    Restrictions restrictions = claimed(test.at("restrictions"));
    if (const json::value* disabled = context.if_contains("disabled_keys")) {
      remove_claims(restrictions, texts(*disabled));
    }
    UseRequest request;
    request.use = context.at("usage") == "AT" ? Use::access_token : Use::other;
    request.scopes = words(string_member(context, "scope"));
    request.audiences = words(string_member(context, "audience"));
    ClientFacts client;
    client.address = text(context.at("ip"));
    client.names = confirmed_names(dns, client.address);
    client.country = text(context.at("country"));
    const json::value* rows = context.if_contains("counters");
    const auto counters = [rows](std::size_t i) {
      const json::value* row = rows ? rows->as_object().if_contains(std::to_string(i)) : nullptr;
      return row ? Counters{row->at("AT").to_number<std::int64_t>(),
                            row->at("other").to_number<std::int64_t>()}
                 : Counters{};
    };
    const auto choice =
        choose_clause(restrictions, request, client,
                      from_unix(context.at("now").to_number<std::int64_t>()), counters);
    const json::object& expected = test.at("expected").as_object();
    ASSERT_EQ(choice.has_value(), expected.at("allowed").as_bool());
    ++count;
    if (!choice) continue;
    if (expected.at("clause").is_null()) {
      EXPECT_FALSE(choice->clause);
    } else {
      ASSERT_TRUE(choice->clause);
      EXPECT_EQ(*choice->clause, expected.at("clause").to_number<std::size_t>());
      EXPECT_EQ(refusal_reason(restrictions[*choice->clause], request, client,
                               from_unix(context.at("now").to_number<std::int64_t>()),
                               counters(*choice->clause)),
                "");
    }
    if (expected.contains("scope")) {
      const Selection selection = select(
          request, choice->clause ? &restrictions[*choice->clause] : nullptr, provider_scopes);
      EXPECT_EQ(join(selection.scopes), text(expected.at("scope")));
      EXPECT_EQ(selection.audiences, texts(expected.at("audience")));
    }
  }
  EXPECT_GE(count, 85u);
}

TEST(Verification, an_unknown_client_address_fails_closed) {
  for (const char* address : {"", "unknown", "192.0.2.1:80", "[::1]"}) {
    const ClientFacts client{address, {"node.example.com"}, "DE"};
    EXPECT_FALSE(allows(R"([{"hosts":["0.0.0.0/0","::/0","*"]}])", client)) << address;
    EXPECT_FALSE(host_matches("*", client)) << address;
  }
  EXPECT_TRUE(allows(R"([{"hosts":["*"]}])", {"192.0.2.1", {"node.example.com"}, "DE"}));
}

TEST(Verification, without_a_geo_database_a_clause_with_countries_is_unusable) {
  const ClientFacts client{"192.0.2.1", {}, std::nullopt};
  EXPECT_FALSE(allows(R"([{"geoip_allow":["DE"]}])", client));
  EXPECT_FALSE(allows(R"([{"geoip_disallow":["DE"]}])", client));
  EXPECT_TRUE(allows(R"([{"geoip_disallow":["DE"]},{"exp":1000001}])", client));
}

TEST(Verification, W16_countries_ignore_case_in_both_directions) {
  EXPECT_TRUE(allows(R"([{"geoip_allow":["DE"]}])", {"192.0.2.1", {}, "de"}));
  EXPECT_FALSE(allows(R"([{"geoip_disallow":["Us"]}])", {"192.0.2.1", {}, "uS"}));
}

TEST(Verification, an_unknown_country_is_on_no_allow_list_whatever_the_list_says) {
  EXPECT_FALSE(allows(R"([{"geoip_allow":["-",""]}])", {"192.0.2.1", {}, "-"}));
  EXPECT_FALSE(allows(R"([{"geoip_allow":["-",""]}])", {"192.0.2.1", {}, ""}));
  EXPECT_TRUE(allows(R"([{"geoip_disallow":["-"]}])", {"192.0.2.1", {}, "-"}));
}

TEST(Verification, W28_hosts_are_networks_before_they_are_names) {
  EXPECT_TRUE(host_matches("::/0", {"2001:db8::1", {}, {}}));
  EXPECT_FALSE(host_matches("::/0", {"192.0.2.1", {"x.org"}, {}}));
  EXPECT_TRUE(host_matches("192.0.2.1/32", {"192.0.2.1", {}, {}}));
  EXPECT_TRUE(host_matches("::ffff:192.0.2.0/120", {"192.0.2.1", {}, {}}));
  EXPECT_FALSE(host_matches("", {"192.0.2.1", {""}, {}}));
  EXPECT_FALSE(host_matches("*", {"192.0.2.1", {"", "."}, {}}));
  EXPECT_FALSE(host_matches("this", {"192.0.2.1", {"this"}, {}}));
  EXPECT_FALSE(host_matches("192.0.2.999", {"192.0.2.1", {"192.0.2.999"}, {}}));
}

TEST(Verification, offline_access_is_never_the_reason_to_refuse) {
  const UseRequest request{Use::access_token, {"openid", "offline_access"}, {}};
  EXPECT_TRUE(choose(R"([{"scope":"openid"}])", request, {}));
  EXPECT_FALSE(choose(R"([{"scope":"email"}])", request, {}));
}

TEST(Verification, surplus_blanks_of_a_scope_are_no_scopes) {
  const auto restrictions = clauses(R"([{"scope":"  a  b "}])");
  const UseRequest request{Use::access_token, {"a", ""}, {}};
  EXPECT_TRUE(choose_clause(restrictions, request, {}, now, unused));
  EXPECT_EQ(select({Use::access_token, {}, {}}, &restrictions[0], {"x"}).scopes,
            (std::vector<std::string>{"a", "b"}));
}

TEST(Verification, an_audience_list_without_an_entry_never_becomes_no_audience) {
  EXPECT_FALSE(choose(R"([{"audience":[""]}])", {Use::access_token, {}, {}}, {}));
  EXPECT_FALSE(choose(R"([{"audience":[""]}])", {Use::access_token, {}, {"x"}}, {}));
}

TEST(Verification, the_reason_is_the_first_member_in_canonical_order) {
  const Clause clause =
      clauses(R"([{"nbf":1000001,"exp":999999,"scope":"a","audience":["x"],"hosts":["10.0.0.1"],
      "geoip_allow":["DE"],"geoip_disallow":["US"],"usages_AT":1,"usages_other":1}])")
          .front();
  UseRequest request{Use::access_token, {"b"}, {"y"}};
  ClientFacts client{"10.0.0.2", {}, "FR"};
  Clause rest = clause;
  EXPECT_EQ(refusal_reason(rest, request, client, now, {1, 0}), "nbf");
  rest.nbf.reset();
  EXPECT_EQ(refusal_reason(rest, request, client, now, {1, 0}), "exp");
  rest.exp.reset();
  EXPECT_EQ(refusal_reason(rest, request, client, now, {1, 0}), "scope");
  request.scopes = {"a"};
  EXPECT_EQ(refusal_reason(rest, request, client, now, {1, 0}), "audience");
  request.audiences = {"x"};
  EXPECT_EQ(refusal_reason(rest, request, client, now, {1, 0}), "hosts");
  client.address = "10.0.0.1";
  EXPECT_EQ(refusal_reason(rest, request, client, now, {1, 0}), "geoip_allow");
  client.country = "DE";
  rest.geoip_disallow = {"DE"};
  EXPECT_EQ(refusal_reason(rest, request, client, now, {1, 0}), "geoip_disallow");
  rest.geoip_disallow.clear();
  EXPECT_EQ(refusal_reason(rest, request, client, now, {1, 0}), "usages_AT");
  EXPECT_EQ(refusal_reason(rest, request, client, now, {0, 1}), "");
  request.use = Use::other;
  EXPECT_EQ(refusal_reason(rest, request, client, now, {0, 1}), "usages_other");
}

TEST(Verification, counters_are_read_only_where_a_limit_of_the_kind_stands) {
  std::vector<std::size_t> read;
  const std::function<Counters(std::size_t)> counters = [&read](std::size_t i) {
    read.push_back(i);
    return Counters{5, 5};
  };
  const auto restrictions =
      clauses(R"([{"exp":1,"usages_AT":9},{"usages_AT":5},{"usages_other":1},{"usages_AT":9}])");
  const auto choice = choose_clause(restrictions, {Use::access_token, {}, {}}, {}, now, counters);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->clause, 2u);
  EXPECT_EQ(read, (std::vector<std::size_t>{1}));
}

TEST(Verification, look_ups_are_announced_only_when_a_clause_needs_them) {
  EXPECT_FALSE(needs_names(clauses(R"([{"hosts":["10.0.0.0/8","::1"]},{"scope":"a"}])")));
  EXPECT_TRUE(needs_names(clauses(R"([{"hosts":["10.0.0.0/8"]},{"hosts":["*.org"]}])")));
  EXPECT_FALSE(needs_names(clauses(R"([{"hosts":["","this"]}])")));
  EXPECT_FALSE(needs_country(clauses(R"([{"hosts":["x.org"]}])")));
  EXPECT_TRUE(needs_country(clauses(R"([{},{"geoip_disallow":["US"]}])")));
  EXPECT_TRUE(needs_country(clauses(R"([{"geoip_allow":["US"]}])")));
}

}  // namespace
}  // namespace mytoken::token
