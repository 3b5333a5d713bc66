// Reading restrictions from requests and from old tokens, and the edits the service makes to them.
#include "token/restriction.h"

#include <gtest/gtest.h>

#include "unit/token/vectors.h"

namespace mytoken::token {
namespace {

const Time now = from_unix(1'700'000'000);

Result<Restrictions> request(std::string_view text) {
  const json::value value = json::parse(text);
  return parse_restrictions(&value, now);
}

// The description of the refusal; "" if it was accepted.
std::string refusal(std::string_view text) {
  const auto result = request(text);
  if (result) return "";
  EXPECT_EQ(result.error().code, "invalid_request") << text;
  EXPECT_EQ(result.error().status, 400) << text;
  return result.error().description;
}

void expect_refused(std::string_view text, std::string_view named) {
  const std::string description = refusal(text);
  EXPECT_NE(description, "") << text.substr(0, 200);
  EXPECT_NE(description.find(named), std::string::npos)
      << description << " does not name " << named;
}

// The accepted clauses as JSON.
std::string accepted(std::string_view text) {
  const auto result = request(text);
  return result ? json::serialize(to_json(*result)) : "refused: " + result.error().description;
}

TEST(RestrictionsRequest, nothing_means_no_restrictions) {
  EXPECT_EQ(parse_restrictions(nullptr, now).value(), Restrictions{});
  for (const char* text :
       {"null", "[]", "\"\"", "{}", "[{}]", R"([{"scope":"","exp":0,"nbf":null,"hosts":[]},{}])",
        R"({"scope":"   "})", R"({"exp":"","nbf":""})", R"({"include":[]})"}) {
    EXPECT_EQ(accepted(text), "[]") << text;
  }
}

TEST(RestrictionsRequest, one_clause_may_stand_alone) {
  EXPECT_EQ(accepted(R"({"scope":"a"})"), R"([{"scope":"a"}])");
  EXPECT_EQ(accepted(R"([{"scope":"a"},{"usages_AT":0}])"), R"([{"scope":"a"},{"usages_AT":0}])");
}

TEST(RestrictionsRequest, every_member_is_read_and_written_in_canonical_order) {
  EXPECT_EQ(
      accepted(R"({"usages_other":2,"usages_AT":1,"geoip_disallow":["us"],"geoip_allow":["DE"],
                         "hosts":["10.0.0.0/8","*.example.com","this"],"audience":["x"],"scope":"a b","exp":2,"nbf":1})"),
      R"([{"nbf":1,"exp":2,"scope":"a b","audience":["x"],"hosts":["10.0.0.0/8","*.example.com","this"],)"
      R"("geoip_allow":["DE"],"geoip_disallow":["us"],"usages_AT":1,"usages_other":2}])");
}

TEST(RestrictionsRequest, times_have_the_forms_of_the_specification) {
  EXPECT_EQ(accepted(R"({"exp":1800000000})"), R"([{"exp":1800000000}])");
  EXPECT_EQ(accepted(R"({"exp":"1800000000"})"), R"([{"exp":1800000000}])");
  EXPECT_EQ(accepted(R"({"exp":"+60"})"), R"([{"exp":1700000060}])");
  EXPECT_EQ(accepted(R"({"exp":"+1d12h"})"), R"([{"exp":1700129600}])");
  EXPECT_EQ(accepted(R"({"nbf":"+1.5h"})"), R"([{"nbf":1700005400}])");
  EXPECT_EQ(accepted(R"({"exp":"2030-01-02 03:04"})"), R"([{"exp":1893553440}])");
  EXPECT_EQ(accepted(R"({"exp":9223372036854775807})"), R"([{"exp":9223372036854775807}])");
  EXPECT_EQ(accepted(R"({"exp":"0","scope":"a"})"), R"([{"scope":"a"}])");
}

TEST(RestrictionsRequest, a_time_of_any_other_form_is_refused_by_name) {
  for (const char* value : {R"("+1d5")",
                            R"("-5")",
                            "-5",
                            "1.5",
                            "2.0",
                            "1e3",
                            R"("+")",
                            R"("tomorrow")",
                            R"("1d")",
                            R"(" ")",
                            R"("+1mo")",
                            R"("2030-02-30 00:00")",
                            R"("1970-01-01 00:00")",
                            R"("1960-01-01 00:00")",
                            R"("2030-01-02T03:04")",
                            "true",
                            "[]",
                            "{}",
                            "9223372036854775808",
                            "18446744073709551615",
                            R"("99999999999999999999")",
                            R"("+ 5")",
                            R"("0x10")",
                            R"("5 ")",
                            R"("+-5")",
                            R"("+1001y")"}) {
    expect_refused(R"([{"exp":)" + std::string(value) + "}]", "exp");
    expect_refused(R"([{"nbf":)" + std::string(value) + "}]", "nbf");
  }
}

TEST(RestrictionsRequest, an_unknown_member_is_refused_by_name) {
  expect_refused(R"([{"scope":"a","schedule":"* * * * *"}])", "schedule");
  expect_refused(R"([{"scopes":"a"}])", "scopes");
  expect_refused(R"([{"":1}])", "unknown member ''");
  expect_refused(R"([{"fly":null}])", "fly");
  expect_refused(R"([{"scope":"a"},{"fly":1}])", "restrictions[1]");
}

TEST(RestrictionsRequest, member_names_ignore_case_but_stand_once) {
  EXPECT_EQ(accepted(R"({"Scope":"a","USAGES_at":1})"), R"([{"scope":"a","usages_AT":1}])");
  expect_refused(R"({"exp":5,"Exp":9})", "Exp");
}

TEST(RestrictionsRequest, wrong_types_are_refused_by_name) {
  for (const char* name : {"audience", "hosts", "ip", "geoip_allow", "geoip_disallow"}) {
    for (const char* value :
         {R"("x")", "5", "{}", "true", "[1]", "[null]", R"([["x"]])", R"([""])"}) {
      expect_refused(R"({")" + std::string(name) + "\":" + value + "}", name);
    }
  }
  for (const char* name : {"usages_AT", "usages_other"}) {
    for (const char* value :
         {R"("5")", "-1", "1.0", "{}", "[]", "true", "9223372036854775808", "1e2"}) {
      expect_refused(R"({")" + std::string(name) + "\":" + value + "}", name);
    }
  }
  for (const char* value : {R"(["a"])", "5", "{}", "true"}) {
    expect_refused(R"({"scope":)" + std::string(value) + "}", "scope");
  }
  for (const char* value : {"5", "true", "1.5", "[5]", "[null]", "[[]]"}) {
    expect_refused(value, "restrictions");
  }
}

TEST(RestrictionsRequest, W20_negative_usages_are_refused) {
  expect_refused(R"([{"usages_AT":-5},{"usages_AT":15}])", "usages_AT");
}

TEST(RestrictionsRequest, W4_ip_is_the_older_name_of_hosts) {
  EXPECT_EQ(accepted(R"({"ip":["10.0.0.1"]})"), R"([{"hosts":["10.0.0.1"]}])");
  expect_refused(R"({"ip":["10.0.0.1"],"hosts":["10.0.0.1"]})", "hosts");
  expect_refused(R"({"hosts":["10.0.0.1"],"ip":[]})", "ip");
  EXPECT_EQ(accepted(R"({"ip":null,"hosts":["10.0.0.1"]})"), R"([{"hosts":["10.0.0.1"]}])");
}

TEST(RestrictionsRequest, impossible_hosts_are_refused) {
  for (const char* host : {"10.0.0.0/33",
                           "::/129",
                           "10.0.0.256",
                           "1.2.3",
                           "10",
                           "300",
                           "a b",
                           "-*",
                           "a*",
                           "*a*",
                           "**",
                           "a..b",
                           ".a",
                           "*..a",
                           "*.",
                           "http://x.org",
                           "x.org:80",
                           "[::1]",
                           "fe80::1%eth0",
                           "x.org/24",
                           "10.0.0.0/08",
                           "m\xC3\xBCnchen.de",
                           "10.0.0.0-10.0.0.9",
                           " ",
                           " 10.0.0.1",
                           "."}) {
    const json::value value = json::object{{"hosts", json::array{host}}};
    const auto result = parse_restrictions(&value, now);
    ASSERT_FALSE(result) << host;
    EXPECT_NE(result.error().description.find("hosts"), std::string::npos)
        << result.error().description;
  }
  expect_refused(R"({"hosts":[")" + std::string(64, 'a') + R"(.org"]})", "hosts");
  expect_refused(R"({"hosts":[")" + std::string(130, 'a').replace(63, 1, ".").replace(127, 1, ".") +
                     "." + std::string(63, 'b') + "." + std::string(63, 'c') + R"("]})",
                 "hosts");
}

TEST(RestrictionsRequest, possible_hosts_are_kept_as_written) {
  for (const char* host :
       {"10.0.0.1", "10.0.0.7/24", "0.0.0.0/0", "::/0", "2001:DB8::1", "::ffff:10.0.0.1", "X.org",
        "x.org.", "localhost", "a_b.x-y.org", "*", "*.example.com", "*example.com",
        "*.example.com.", "this", "THIS", "1a.org", "4.org"}) {
    const json::value value = json::object{{"hosts", json::array{host}}};
    const auto result = parse_restrictions(&value, now);
    ASSERT_TRUE(result) << host;
    EXPECT_EQ(result->front().hosts, std::vector<std::string>{host});
  }
}

TEST(RestrictionsRequest, countries_have_two_letters) {
  for (const char* code : {"DEU", "D", "-", "1A", "D ", "germany"}) {
    expect_refused(R"({"geoip_disallow":[")" + std::string(code) + R"("]})", "geoip_disallow");
    expect_refused(R"({"geoip_allow":[")" + std::string(code) + R"("]})", "geoip_allow");
  }
}

TEST(RestrictionsRequest, template_names_are_unknown) {
  EXPECT_EQ(refusal(R"("12h ip-this")"), "unknown template '12h'");
  EXPECT_EQ(refusal(R"(["12h",{"scope":"a"}])"), "unknown template '12h'");
  EXPECT_EQ(refusal(R"([{"include":"12h"}])"), "unknown template '12h'");
  EXPECT_EQ(refusal(R"([{"scope":"a","include":["x","y"]}])"), "unknown template 'x'");
  EXPECT_EQ(refusal(R"("{}")"), "unknown template '{}'");
  EXPECT_EQ(refusal(R"("null")"), "unknown template 'null'");
  EXPECT_EQ(refusal(R"(" ")"), "unknown template ''");
  EXPECT_EQ(refusal(R"([""])"), "unknown template ''");
  expect_refused(R"([{"include":5}])", "include");
  expect_refused(R"([{"include":{"a":1}}])", "include");
  expect_refused(R"([{"include":[5]}])", "include");
}

TEST(RestrictionsRequest, sizes_are_bounded) {
  const auto repeated = [](std::string_view element, int times) {
    std::string text;
    for (int i = 0; i < times; ++i)
      text.append(i > 0 ? "," : "").append(element);
    return text;
  };
  EXPECT_EQ(request("[" + repeated(R"({"usages_AT":1})", 100) + "]")->size(), 100u);
  expect_refused("[" + repeated(R"({"usages_AT":1})", 101) + "]", "clauses");
  expect_refused("[" + repeated("{}", 101) + "]", "clauses");
  EXPECT_TRUE(request(R"({"audience":[)" + repeated(R"("a")", 1000) + "]}"));
  expect_refused(R"({"audience":[)" + repeated(R"("a")", 1001) + "]}", "audience");
  expect_refused(R"({"hosts":[)" + repeated(R"("a.org")", 1001) + "]}", "hosts");
  EXPECT_TRUE(request(R"({"audience":[")" + std::string(65536, 'a') + R"("]})"));
  expect_refused(R"({"audience":[")" + std::string(65537, 'a') + R"("]})", "audience");
  EXPECT_TRUE(request(R"({"scope":")" + std::string(65536, 'a') + R"("})"));
  expect_refused(R"({"scope":")" + std::string(65537, 'a') + R"("})", "scope");
  expect_refused(R"({"scope":"a)" + std::string(1001, ' ') + R"("})", "scope");
  expect_refused("[" + repeated(R"({"audience":[)" + repeated(R"("a")", 1000) + "]}", 11) + "]",
                 "entries");
}

TEST(RestrictionsRequest, messages_do_not_repeat_values) {
  for (const char* text :
       {R"({"exp":"geheim"})", R"({"hosts":["geheim geheim"]})", R"({"geoip_allow":["geheim"]})"}) {
    EXPECT_EQ(refusal(text).find("geheim"), std::string::npos) << refusal(text);
  }
}

TEST(RestrictionsClaim, W4_ip_of_an_old_token_binds) {
  EXPECT_EQ(clauses(R"([{"ip":["10.0.0.1"]}])").front().hosts,
            std::vector<std::string>{"10.0.0.1"});
  EXPECT_EQ(clauses(R"([{"ip":["10.0.0.1"],"hosts":null}])").front().hosts,
            std::vector<std::string>{"10.0.0.1"});
}

TEST(RestrictionsClaim, unknown_members_and_old_values_pass) {
  const auto restrictions = clauses(R"([{"fly":1,"usages_AT":-1,"hosts":[""]},{}])");
  ASSERT_EQ(restrictions.size(), 2u);
  EXPECT_EQ(restrictions[0].usages_at, -1);
  EXPECT_EQ(restrictions[0].hosts, std::vector<std::string>{""});
  EXPECT_TRUE(restrictions[1].empty());
}

TEST(RestrictionsClaim, what_cannot_be_understood_is_refused) {
  for (const char* text : {"5", "{}", R"("x")", "[5]", "[[]]", "[null]", R"([{"exp":"5"}])",
                           R"([{"exp":1.5}])", R"([{"scope":["a"]}])", R"([{"hosts":"x"}])",
                           R"([{"hosts":[5]}])", R"([{"ip":["a"],"hosts":["b"]}])",
                           R"([{"usages_AT":"1"}])", R"([{"exp":18446744073709551615}])"}) {
    const auto result = parse_restrictions_claim(json::parse(text));
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, "invalid_token");
    EXPECT_EQ(result.error().status, 401);
  }
}

TEST(Restrictions, this_becomes_the_address_of_the_client) {
  auto restrictions =
      clauses(R"([{"hosts":["this","10.0.0.1"]},{"hosts":["THIS"]},{"hosts":["this.org"]}])");
  ASSERT_TRUE(replace_this(restrictions, "::ffff:192.0.2.1"));
  EXPECT_EQ(
      restrictions,
      clauses(
          R"([{"hosts":["192.0.2.1","10.0.0.1"]},{"hosts":["192.0.2.1"]},{"hosts":["this.org"]}])"));
}

TEST(Restrictions, this_without_a_known_address_is_refused) {
  for (const char* address : {"", "unknown", "192.0.2.1, 10.0.0.1"}) {
    auto restrictions = clauses(R"([{"hosts":["this"]}])");
    const auto result = replace_this(restrictions, address);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, "invalid_request");
  }
  auto restrictions = clauses(R"([{"hosts":["10.0.0.1"]}])");
  EXPECT_TRUE(replace_this(restrictions, ""));
}

TEST(Restrictions, unsupported_members_are_removed) {
  auto restrictions =
      clauses(R"([{"nbf":1,"exp":2,"scope":"a","audience":["x"],"hosts":["h"],"geoip_allow":["DE"],
                                    "geoip_disallow":["US"],"usages_AT":1,"usages_other":2},{"hosts":["h"]}])");
  remove_claims(restrictions, {"hosts", "usages_AT", "nothing"});
  EXPECT_EQ(restrictions,
            clauses(R"([{"nbf":1,"exp":2,"scope":"a","audience":["x"],"geoip_allow":["DE"],
                                    "geoip_disallow":["US"],"usages_other":2},{}])"));
  remove_claims(restrictions, restriction_claims());
  EXPECT_EQ(restrictions, clauses("[{},{}]"));
}

TEST(Restrictions, W14_a_maximum_lifetime_caps_a_copy) {
  const auto restrictions = clauses(R"([{"scope":"a"},{"exp":1700000010},{"exp":1700009999}])");
  const auto before = restrictions;
  EXPECT_EQ(with_maximum_lifetime(restrictions, now, Seconds(100)),
            clauses(R"([{"scope":"a","exp":1700000100},{"exp":1700000010},{"exp":1700000100}])"));
  EXPECT_EQ(restrictions, before);
  EXPECT_EQ(with_maximum_lifetime(restrictions, now, Seconds(0)), restrictions);
  EXPECT_EQ(with_maximum_lifetime({}, now, Seconds(100)), clauses(R"([{"exp":1700000100}])"));
  EXPECT_EQ(with_maximum_lifetime({}, now, Seconds::max()).front().exp, Time::max());
}

TEST(Restrictions, words_and_join) {
  EXPECT_EQ(words("  a  b c "), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(words("   "), std::vector<std::string>{});
  EXPECT_EQ(words("a\tb"), std::vector<std::string>{"a\tb"});
  EXPECT_EQ(join({"a", "b"}), "a b");
  EXPECT_EQ(join({}), "");
}

TEST(Restrictions, names_of_members_are_those_of_the_configuration_document) {
  EXPECT_EQ(join(restriction_claims()),
            "nbf exp scope audience hosts geoip_allow geoip_disallow usages_AT usages_other");
}

}  // namespace
}  // namespace mytoken::token
