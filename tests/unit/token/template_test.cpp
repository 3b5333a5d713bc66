// Names, resolution and merging of templates (spec profiles.md §§4, 5, 7), as tables: entries, what
// is asked, what comes out.
#include "token/template.h"

#include <gtest/gtest.h>

#include <map>

#include "token/restriction.h"

namespace mytoken::token {
namespace {

using enum TemplateKind;

// Entries by "kind group/name".
using Entries = std::map<std::string, std::string>;

const Entries entries = {
    {"restrictions _/12h", R"({"exp":"+12h"})"},
    {"restrictions _/1d", R"({"exp":"+1d","usages_AT":9})"},
    {"restrictions _/ip-this", R"({"hosts":["this"]})"},
    {"restrictions _/old", R"({"ip":["192.0.2.1"]})"},
    {"restrictions _/web", R"({"include":["12h","ip-this"],"usages_AT":15})"},
    {"restrictions _/two", R"([{"scope":"a"},{"scope":"b"}])"},
    {"restrictions _/both", R"("12h ip-this")"},
    {"restrictions _/nothing", "null"},
    {"restrictions _/unlimited", "{}"},
    {"restrictions _/number", "5"},
    {"restrictions _/a", R"({"audience":["x","y"],"exp":1})"},
    {"restrictions _/b", R"({"audience":["y","z"],"exp":2,"scope":"s"})"},
    {"restrictions _/badlist", R"({"audience":{"x":1}})"},
    {"restrictions dteam/12h", R"({"exp":12})"},
    {"restrictions _/circle", R"({"include":"circle2"})"},
    {"restrictions _/circle2", R"({"include":["12h","/circle"]})"},
    {"rotation _/at", R"({"on_AT":true})"},
    {"rotation _/off", R"({"auto_revoke":false})"},
    {"rotation _/revoke", R"({"auto_revoke":true})"},
    {"rotation _/list", R"([{"on_AT":true}])"},
    {"rotation _/nothing", "null"},
    {"capabilities _/default", R"(["AT","tokeninfo"])"},
    {"capabilities _/default+MT", R"(["@default","create_mytoken","AT"])"},
    {"capabilities _/text", R"("@default settings")"},
    {"capabilities _/none", "[]"},
    {"capabilities _/circle", R"("@circle")"},
    {"profiles _/web", R"({"restrictions":"web","capabilities":"@default","name":"web"})"},
    {"profiles _/agent", R"({"capabilities":"@default settings"})"},
    {"profiles _/rotating", R"({"rotation":"at","name":"r"})"},
    {"profiles _/objects",
     R"({"rotation":{"on_AT":true},"restrictions":{"exp":7,"hosts":["192.0.2.1"]}})"},
    {"profiles _/one-include", R"({"restrictions":{"include":"ip-this"}})"},
    {"profiles _/several", R"({"restrictions":"two"})"},
    {"profiles _/nested", R"({"include":["agent"],"name":"nested","max_token_len":5})"},
    {"profiles _/names", R"("agent rotating")"},
    {"profiles _/nothing", "null"},
    {"profiles _/list", "[]"},
    {"profiles _/circle", R"({"include":"circle"})"},
    {"profiles _/foreign",
     R"({"mytoken":"secret","grant_type":"x","error_on_restrictions":true,"Name":"n","tags":[{"tag":"t"}]})"},
};

TemplateResolver::Lookup lookup_in(const Entries& of) {
  return [&of](TemplateKind kind, const TemplateName& entry) -> Result<std::optional<json::value>> {
    const auto found = of.find(std::string(name(kind)) + " " + entry.group + "/" + entry.name);
    if (found == of.end()) return std::optional<json::value>();
    return std::optional<json::value>(json::parse(found->second));
  };
}

std::string refusal(const Error& error) {
  EXPECT_EQ(error.code, "invalid_request");
  EXPECT_EQ(error.status, 400);
  return "refused: " + error.description;
}

// What comes out as JSON; "none" for not given.
std::string resolved(TemplateKind kind, std::string_view text, const Entries& of = entries) {
  TemplateResolver resolver(lookup_in(of));
  const json::value value = json::parse(text);
  const auto shown = [](const auto& result) -> std::string {
    if (!result) return refusal(result.error());
    return *result ? json::serialize(json::value_from(**result)) : "none";
  };
  switch (kind) {
    case profiles: {
      const auto request = resolver.request(value);
      return request ? json::serialize(*request) : refusal(request.error());
    }
    case capabilities:
      return shown(resolver.capabilities(value));
    case restrictions:
      return shown(resolver.restrictions(value));
    case rotation:
      return shown(resolver.rotation(value));
  }
  return {};
}

struct Row {
  const char* asked;
  const char* expected;
};

void expect(TemplateKind kind, std::initializer_list<Row> rows) {
  for (const Row& row : rows)
    EXPECT_EQ(resolved(kind, row.asked), row.expected) << row.asked;
}

TEST(TemplateNames, have_an_optional_group_and_an_optional_mark) {
  const auto parsed = [](std::string_view text) {
    const auto name = parse_template_name(text);
    return name ? name->group + "/" + name->name : refusal(name.error());
  };
  EXPECT_EQ(parsed("12h"), "_/12h");
  EXPECT_EQ(parsed("@12h"), "_/12h");
  EXPECT_EQ(parsed("@@12h"), "_/@12h");
  EXPECT_EQ(parsed("/12h"), "_/12h");
  EXPECT_EQ(parsed("12h/"), "_/12h");
  EXPECT_EQ(parsed("@dteam//12h"), "dteam/12h");
  EXPECT_EQ(parsed("default+MT"), "_/default+MT");
  EXPECT_EQ(parsed("a/b/c"), "refused: malformed include name");
  EXPECT_EQ(parsed(""), "refused: empty include name");
}

TEST(TemplateRestrictions, are_taken_in_every_form_a_request_may_have) {
  expect(restrictions,
         {{"null", "none"},
          {R"("")", "none"},
          {"[]", "[]"},
          {R"("12h")", R"([{"exp":"+12h"}])"},
          {R"("@12h")", R"([{"exp":"+12h"}])"},
          {R"("dteam/12h")", R"([{"exp":12}])"},
          {R"({"scope":"a"})", R"([{"scope":"a"}])"},
          {R"({"include":"12h","scope":"a"})", R"([{"scope":"a","exp":"+12h"}])"},
          {R"(["12h",{"scope":"a"}])", R"([{"exp":"+12h"},{"scope":"a"}])"},
          {R"([{"include":["12h"]},"ip-this"])", R"([{"exp":"+12h"},{"hosts":["this"]}])"},
          {R"("both")", R"([{"exp":"+12h","hosts":["this"]}])"},
          {R"("web")", R"([{"usages_AT":15,"exp":"+12h","hosts":["this"]}])"}});
}

TEST(TemplateRestrictions, names_in_a_string_are_and_in_an_array_or) {
  expect(restrictions, {{R"("12h ip-this")", R"([{"exp":"+12h","hosts":["this"]}])"},
                        {R"(["12h","ip-this"])", R"([{"exp":"+12h"},{"hosts":["this"]}])"},
                        {R"(["12h ip-this","two"])",
                         R"([{"exp":"+12h","hosts":["this"]},{"scope":"a"},{"scope":"b"}])"},
                        {R"(["12h","12h"])", R"([{"exp":"+12h"}])"}});
}

TEST(TemplateRestrictions, the_includer_wins_then_the_earlier_include_and_lists_are_united) {
  expect(
      restrictions,
      {{R"({"include":["1d","12h"],"usages_AT":3})", R"([{"usages_AT":3,"exp":"+1d"}])"},
       {R"({"include":["12h","1d"]})", R"([{"exp":"+12h","usages_AT":9}])"},
       {R"({"include":["1d"],"usages_AT":0,"exp":0})", R"([{"usages_AT":0,"exp":0}])"},
       {R"({"include":["a","b"],"audience":["w"]})",
        R"([{"audience":["w","x","y","z"],"exp":1,"scope":"s"}])"},
       {R"({"include":"a","Audience":["w"],"EXP":3})", R"([{"audience":["w","x","y"],"exp":3}])"}});
}

TEST(TemplateRestrictions, several_clauses_that_are_included_become_alternatives) {
  expect(restrictions,
         {{R"({"include":"two","exp":5})", R"([{"exp":5},{"scope":"a"},{"scope":"b"}])"},
          {R"([{"include":["two","12h"],"exp":5}])",
           R"([{"exp":5},{"scope":"a"},{"scope":"b"},{"exp":"+12h"}])"}});
  // The clause without its include is empty and no alternative (restriction.h drops it).
  const json::value list = json::parse(resolved(restrictions, R"({"include":"two"})"));
  const auto clauses = parse_restrictions(&list, from_unix(1'700'000'000));
  ASSERT_TRUE(clauses);
  EXPECT_EQ(json::serialize(to_json(*clauses)), R"([{"scope":"a"},{"scope":"b"}])");
}

TEST(TemplateRestrictions, what_is_wrong_refuses_the_request) {
  expect(restrictions,
         {{R"("nope")", "refused: unknown include name: 'nope'"},
          {R"("@dteam/nope")", "refused: unknown include name: 'dteam/nope'"},
          {R"("{}")", "refused: unknown include name: '{}'"},
          {R"("[]")", "refused: unknown include name: '[]'"},
          {R"("null")", "refused: unknown include name: 'null'"},
          {R"(["12h","{}"])", "refused: unknown include name: '{}'"},
          {R"("12h nope")", "refused: unknown include name: 'nope'"},
          {R"([{"include":"12H"}])", "refused: unknown include name: '12H'"},
          {R"("a/b/c")", "refused: malformed include name"},
          {"5", "refused: restrictions must be clauses or names of templates"},
          {R"("number")", "refused: restrictions must be clauses or names of templates"},
          {"[null]", "refused: restrictions must be clauses or names of templates"},
          {"[[]]", "refused: restrictions must be clauses or names of templates"},
          {R"({"include":{}})", "refused: include must be a template name or a list of them"},
          {R"({"include":[1]})", "refused: include must be a template name or a list of them"},
          {R"({"exp":1,"EXP":2})", "refused: member 'EXP' is given twice"}});
}

TEST(TemplateRotation, is_an_object_or_names) {
  expect(rotation, {{"null", "none"},
                    {R"("")", "none"},
                    {"{}", "{}"},
                    {R"("at")", R"({"on_AT":true})"},
                    {R"("at revoke")", R"({"on_AT":true,"auto_revoke":true})"},
                    {R"("nothing")", "none"},
                    {R"({"include":["at","off","revoke"],"lifetime":60})",
                     R"({"lifetime":60,"on_AT":true,"auto_revoke":false})"},
                    {R"({"auto_revoke":false,"include":"revoke"})", R"({"auto_revoke":false})"},
                    {"[]", "refused: rotation must be an object or names of templates"},
                    {R"("list")", "refused: rotation must be an object or names of templates"},
                    {R"("12h")", "refused: unknown include name: '12h'"}});
}

TEST(TemplateCapabilities, are_marked_and_keep_first_occurrences) {
  expect(capabilities,
         {{"null", "none"},
          {R"("")", "none"},
          {"[]", "[]"},
          {R"("AT  tokeninfo AT")", R"(["AT","tokeninfo"])"},
          {R"(["@default+MT","AT","default"])", R"(["AT","tokeninfo","create_mytoken","default"])"},
          {R"("settings @text")", R"(["settings","AT","tokeninfo"])"},
          {R"(["@none"])", "[]"},
          {R"(["@nope"])", "refused: unknown include name: 'nope'"},
          {R"(["@12h"])", "refused: unknown include name: '12h'"},
          {R"(["AT",""])", "refused: capabilities must be a list of names"},
          {R"([["AT"]])", "refused: capabilities must be a list of names"},
          {R"({"AT":true})", "refused: capabilities must be a list of names"},
          {R"("  ")", "refused: capabilities must be a list of names"}});
}

TEST(TemplateProfiles, give_what_the_request_leaves_out) {
  expect(
      profiles,
      {{"null", "{}"},
       {"{}", "{}"},
       {R"({"include":"web"})",
        R"({"name":"web","restrictions":[{"usages_AT":15,"exp":"+12h","hosts":["this"]}],"capabilities":["AT","tokeninfo"]})"},
       {R"({"include":["nested"],"name":""})",
        R"({"name":"","max_token_len":5,"capabilities":["AT","tokeninfo","settings"]})"},
       {R"({"Include":["names"],"NAME":"mine"})",
        R"({"name":"mine","capabilities":["AT","tokeninfo","settings"],"rotation":{"on_AT":true}})"},
       {R"({"include":"rotating web"})",
        R"({"name":"r","restrictions":[{"usages_AT":15,"exp":"+12h","hosts":["this"]}],"capabilities":["AT","tokeninfo"],"rotation":{"on_AT":true}})"},
       {R"({"include":"list"})", "refused: a profile must be an object or names of profiles"},
       {R"({"include":"12h"})", "refused: unknown include name: '12h'"},
       {R"({"include":7})", "refused: include must be a template name or a list of them"}});
}

TEST(TemplateProfiles, give_no_member_that_is_read_from_the_body_only) {
  EXPECT_EQ(resolved(profiles, R"({"include":"foreign","grant_type":"mytoken"})"),
            R"({"name":"n","tags":[{"tag":"t"}]})");
}

TEST(TemplateProfiles, add_alternatives_to_an_array_and_nothing_to_a_string) {
  expect(
      profiles,
      {{R"({"include":"objects","restrictions":[{"scope":"a"}]})",
        R"({"restrictions":[{"scope":"a"},{"exp":7,"hosts":["192.0.2.1"]}],"rotation":{"on_AT":true}})"},
       {R"({"include":"several","restrictions":[{"scope":"c"}]})",
        R"({"restrictions":[{"scope":"c"},{"scope":"a"},{"scope":"b"}]})"},
       {R"({"include":"several","restrictions":"12h"})", R"({"restrictions":[{"exp":"+12h"}]})"},
       {R"({"include":"agent","capabilities":["tokeninfo","create_mytoken"]})",
        R"({"capabilities":["tokeninfo","create_mytoken","AT","settings"]})"},
       {R"({"include":"agent","capabilities":"AT"})", R"({"capabilities":["AT"]})"}});
}

// The reference drops the rest of the request where an object meets something else.
TEST(Templates, profiles_weakness_2_no_part_of_a_request_is_lost_in_a_merge) {
  expect(
      profiles,
      {{R"({"include":"rotating","rotation":{"auto_revoke":true},"restrictions":[{"scope":"a"}]})",
        R"({"name":"r","restrictions":[{"scope":"a"}],"rotation":{"auto_revoke":true,"on_AT":true}})"},
       {R"({"include":"web","restrictions":{"scope":"a"}})",
        R"({"name":"web","restrictions":[{"scope":"a","usages_AT":15,"exp":"+12h","hosts":["this"]}],"capabilities":["AT","tokeninfo"]})"},
       // Both name a template in the short form of one name.
       {R"({"include":"one-include","restrictions":{"include":"12h"}})",
        R"({"restrictions":[{"exp":"+12h","hosts":["this"]}]})"},
       {R"({"include":"nothing","restrictions":[{"scope":"a"}]})",
        R"({"restrictions":[{"scope":"a"}]})"},
       {R"({"include":"several","restrictions":{"scope":"c"}})",
        "refused: an included template cannot be merged: 'restrictions' is an object on one side "
        "only"}});
  expect(restrictions,
         {{R"({"include":"badlist","audience":["a"]})", R"([{"audience":["a",{"x":1}]}])"},
          {R"({"include":["badlist","a"]})",
           "refused: an included template cannot be merged: 'audience' is an object on "
           "one side only"}});
}

TEST(Templates, profiles_weakness_3_empty_names_are_no_crash) {
  expect(restrictions, {{R"("@")", "refused: empty include name"},
                        {R"("/")", "refused: empty include name"},
                        {R"("@/")", "refused: empty include name"},
                        {R"(" ")", "refused: empty include name"},
                        {R"([""])", "refused: empty include name"},
                        {R"("12h ")", R"([{"exp":"+12h"}])"},
                        {R"(" 12h  ip-this ")", R"([{"exp":"+12h","hosts":["this"]}])"},
                        {R"(["","12h"])", R"([{"exp":"+12h"}])"},
                        {R"({"include":["","12h",null]})", R"([{"exp":"+12h"}])"}});
  expect(capabilities, {{R"("@")", "refused: empty include name"}});
  expect(profiles,
         {{R"({"include":"@"})", "refused: empty include name"}, {R"({"include":""})", "{}"}});
}

TEST(Templates, profiles_weakness_4_cycles_are_refused) {
  EXPECT_EQ(resolved(restrictions, R"("circle")"),
            "refused: include name '/circle' includes itself");
  EXPECT_EQ(resolved(capabilities, R"("@circle")"),
            "refused: include name 'circle' includes itself");
  EXPECT_EQ(resolved(profiles, R"({"include":"circle"})"),
            "refused: include name 'circle' includes itself");
}

TEST(Templates, profiles_weakness_4_sixteen_levels_are_enough) {
  Entries chain{{"restrictions _/1", R"({"exp":1})"}};
  for (int i = 2; i <= 17; ++i) {
    chain["restrictions _/" + std::to_string(i)] =
        R"({"include":")" + std::to_string(i - 1) + R"("})";
  }
  EXPECT_EQ(resolved(restrictions, R"("16")", chain), R"([{"exp":1}])");
  EXPECT_EQ(resolved(restrictions, R"("17")", chain),
            "refused: includes are nested more than 16 levels deep");
}

TEST(Templates, profiles_weakness_4_what_is_taken_in_has_a_size_limit) {
  Entries doubling{{"restrictions _/0", R"([{"scope":"a"}])"}};
  // Every level names the one below twice, within a longer list each time.
  for (int i = 1; i <= 12; ++i) {
    const std::string below = std::to_string(i - 1);
    doubling["restrictions _/" + std::to_string(i)] = R"([{"scope":")" + std::string(4000, 'a') +
                                                      std::to_string(i) + R"("},")" + below +
                                                      R"(",")" + below + R"("])";
  }
  EXPECT_EQ(resolved(restrictions, R"("12")", doubling),
            "refused: the included templates are too large together");
  // Many uses of a little one are dear, too, and more than a token can have anyway.
  std::string many = R"("12h")";
  for (int i = 0; i < 1100; ++i)
    many += R"(,"12h")";
  EXPECT_EQ(resolved(restrictions, '[' + many + ']'),
            "refused: restrictions: more than 100 clauses");
}

TEST(Templates, profiles_weakness_4_lists_have_a_length_limit) {
  Entries long_lists;
  std::string names;
  for (int i = 0; i < 11; ++i) {
    std::string list;
    for (int j = 0; j < 100; ++j)
      list += (j > 0 ? ",\"" : "\"") + std::to_string(i * 100 + j) + '"';
    long_lists["restrictions _/" + std::to_string(i)] = R"({"audience":[)" + list + "]}";
    names += std::to_string(i) + ' ';
  }
  EXPECT_EQ(resolved(restrictions, '"' + names + '"', long_lists),
            "refused: a list that templates make is too long");
}

TEST(Templates, a_request_cannot_multiply_itself_by_its_includes) {
  // A name counts once, and there is a limit to different ones.
  std::string names = R"("web")";
  for (int i = 0; i < 500; ++i)
    names += R"(,"web")";
  EXPECT_EQ(resolved(profiles, R"({"include":[)" + names + R"(],"name":"n"})"),
            resolved(profiles, R"({"include":"web","name":"n"})"));
  Entries little;
  std::string different;
  for (int i = 0; i < 65; ++i) {
    little["restrictions _/" + std::to_string(i)] = R"({"exp":1})";
    different += std::to_string(i) + ' ';
  }
  const char* const too_many = "refused: more than 64 templates are included at once";
  EXPECT_EQ(resolved(restrictions, '"' + different + '"', little), too_many);
  EXPECT_EQ(resolved(restrictions, R"({"include":")" + different + R"("})", little), too_many);
  EXPECT_EQ(resolved(restrictions, '"' + different.substr(2) + '"', little), R"([{"exp":1}])");
  // What no clause has is refused before anything is merged.
  expect(profiles, {{R"({"include":"objects","restrictions":{"x":[[0]]}})",
                     "refused: restrictions: unknown member 'x'"},
                    {R"({"include":"objects","rotation":{"x":[[0]]}})",
                     "refused: rotation: unknown member 'x'"}});
  // And every merge of a large object costs.
  Entries several;
  std::string list;
  for (int i = 0; i < 10; ++i) {
    several["profiles _/" + std::to_string(i)] = R"({"restrictions":{"exp":1}})";
    list += (i > 0 ? ",\"" : "\"") + std::to_string(i) + '"';
  }
  EXPECT_EQ(resolved(profiles,
                     R"({"include":[)" + list + R"(],"restrictions":{"audience":[")" +
                         std::string(60'000, 'a') + "\"]}}",
                     several),
            "refused: the included templates are too large together");
}

TEST(Templates, what_a_request_includes_wins_over_what_its_profile_says) {
  const Entries of = {{"rotation _/auto-revoke", R"({"auto_revoke":true})"},
                      {"restrictions _/hour", R"({"exp":"+1h"})"},
                      {"restrictions _/two", R"([{"scope":"a"},{"scope":"b"}])"},
                      {"profiles _/careless", R"({"rotation":{"auto_revoke":false,"on_AT":true}})"},
                      {"profiles _/careful", R"({"rotation":{"include":"auto-revoke"}})"},
                      {"profiles _/long", R"({"restrictions":{"exp":"+9y","scope":"s"}})"}};
  EXPECT_EQ(
      resolved(profiles, R"({"include":"careless","rotation":{"include":["auto-revoke"]}})", of),
      R"({"rotation":{"auto_revoke":true,"on_AT":true}})");
  EXPECT_EQ(resolved(profiles, R"({"include":["careful","careless"]})", of),
            R"({"rotation":{"auto_revoke":true,"on_AT":true}})");
  EXPECT_EQ(resolved(profiles, R"({"include":"long","restrictions":{"include":"hour"}})", of),
            R"({"restrictions":[{"exp":"+1h","scope":"s"}]})");
  EXPECT_EQ(resolved(profiles, R"({"include":"long","restrictions":{"include":"two"}})", of),
            "refused: an included template cannot be merged: 'restrictions' is an object on one "
            "side only");
}

TEST(Templates, an_include_without_a_name_leaves_no_token_unlimited) {
  for (const char* empty : {R"("")", R"(" ")", "[]", R"([""])", "[null]", R"(["",null])"}) {
    const std::string object = std::string(R"({"include":)") + empty + "}";
    EXPECT_EQ(resolved(restrictions, object), "refused: empty include name") << empty;
    EXPECT_EQ(resolved(restrictions, '[' + object + ']'), "refused: empty include name") << empty;
    EXPECT_EQ(resolved(rotation, object), "refused: empty include name") << empty;
  }
  expect(profiles, {{R"({"include":[""]})", "refused: empty include name"},
                    {R"({"include":" "})", "refused: empty include name"},
                    {R"({"include":[]})", "{}"}});
}

TEST(Templates, profiles_weakness_5_null_is_absent) {
  expect(restrictions, {{R"({"exp":null,"include":"12h"})", R"([{"exp":"+12h"}])"},
                        {R"({"hosts":null,"include":["ip-this"]})", R"([{"hosts":["this"]}])"},
                        {R"({"include":["nothing","12h"]})", R"([{"exp":"+12h"}])"},
                        {R"({"include":null,"exp":1})", R"([{"exp":1}])"}});
  expect(profiles, {{R"({"include":"agent","capabilities":null,"name":null})",
                     R"({"capabilities":["AT","tokeninfo","settings"]})"}});
}

TEST(Templates, profiles_weakness_7_includes_unite_lists) {
  expect(restrictions, {{R"("a b")", R"([{"audience":["x","y","z"],"exp":1,"scope":"s"}])"}});
}

TEST(Templates, profiles_weakness_8_times_stay_relative) {
  EXPECT_EQ(resolved(restrictions, R"("12h")"), R"([{"exp":"+12h"}])");
}

TEST(Templates, profiles_weakness_10_ip_is_hosts) {
  expect(
      restrictions,
      {{R"("old")", R"([{"hosts":["192.0.2.1"]}])"},
       {R"({"include":"old","hosts":["192.0.2.2"]})", R"([{"hosts":["192.0.2.2","192.0.2.1"]}])"},
       {R"({"ip":["192.0.2.3"],"include":"ip-this"})", R"([{"hosts":["192.0.2.3","this"]}])"},
       {R"({"ip":["192.0.2.3"],"hosts":["192.0.2.4"]})",
        "refused: member 'hosts' is given twice"}});
}

TEST(Templates, an_error_of_the_lookup_comes_through_as_it_is) {
  TemplateResolver resolver(
      [](TemplateKind, const TemplateName&) -> Result<std::optional<json::value>> {
        return fail(unavailable("no database"));
      });
  const auto result = resolver.request(json::parse(R"({"restrictions":"12h"})"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().status, 503);
}

TEST(Templates, what_does_not_exist_yet_counts_as_nothing_while_an_entry_is_written) {
  TemplateResolver resolver(lookup_in(entries), TemplateResolver::Unknown::ignored);
  const auto clauses = resolver.restrictions(json::parse(R"({"include":["later","12h"]})"));
  ASSERT_TRUE(clauses && *clauses);
  EXPECT_EQ(json::serialize(**clauses), R"([{"exp":"+12h"}])");
  EXPECT_FALSE(resolver.restrictions(json::parse(R"("circle")")));
}

}  // namespace
}  // namespace mytoken::token
