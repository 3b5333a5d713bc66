// Capabilities: the vectors, names, the tree that clients show.
#include "token/capability.h"

#include <gtest/gtest.h>

#include "unit/token/vectors.h"

namespace mytoken::token {
namespace {

TEST(CapabilityVectors, lists) {
  const json::object file = vectors("capabilities");
  const auto all = all_capabilities();
  EXPECT_EQ(Capabilities(all.begin(), all.end()), texts(file.at("all_capabilities")));
  EXPECT_EQ(default_capabilities(), texts(file.at("default_capabilities")));
}

TEST(CapabilityVectors, has) {
  const json::object file = vectors("capabilities");
  std::size_t count = 0;
  for (const json::value& test : file.at("has").as_array()) {
    EXPECT_EQ(has(texts(test.at("held")), text(test.at("asked"))), test.at("allowed").as_bool())
        << json::serialize(test);
    ++count;
  }
  EXPECT_GE(count, 48u);
}

TEST(CapabilityVectors, tighten) {
  const json::object file = vectors("capabilities");
  std::size_t count = 0;
  for (const json::value& test : file.at("tighten").as_array()) {
    SCOPED_TRACE(text(test.at("name")));
    std::optional<Capabilities> requested;
    if (!test.at("requested").is_null()) requested = texts(test.at("requested"));
    const auto result = tighten(texts(test.at("held")), requested);
    if (test.at("expected").is_string()) {
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().code, "invalid_request");
      EXPECT_EQ(result.error().status, 400);
    } else {
      ASSERT_TRUE(result);
      EXPECT_EQ(*result, texts(test.at("expected")));
    }
    ++count;
  }
  EXPECT_GE(count, 15u);
}

TEST(Capabilities, W21_an_explicit_empty_list_is_not_everything) {
  EXPECT_FALSE(tighten({"AT", "create_mytoken"}, Capabilities{}));
  EXPECT_EQ(tighten({"AT", "create_mytoken"}, std::nullopt).value(),
            (Capabilities{"AT", "create_mytoken"}));
}

TEST(Capabilities, old_names_become_the_new_ones) {
  EXPECT_EQ(modern_capability_name("list_mytokens"), "manage_mytokens:list");
  EXPECT_EQ(modern_capability_name("revoke_any_token"), "manage_mytokens:revoke");
  EXPECT_EQ(modern_capability_name("tokeninfo_introspect"), "tokeninfo:introspect");
  EXPECT_EQ(modern_capability_name("tokeninfo_history"), "tokeninfo:history");
  EXPECT_EQ(modern_capability_name("tokeninfo_tree"), "tokeninfo:subtokens");
  EXPECT_EQ(modern_capability_name("AT"), "AT");
  EXPECT_EQ(modern_capability_name("fly"), "fly");
}

TEST(Capabilities, only_the_exact_names_are_known) {
  EXPECT_TRUE(require_known({}));
  EXPECT_TRUE(require_known({"AT", "read@settings:grants:ssh"}));
  for (const char* name :
       {"at", "", "read@AT", "settings:", "tokeninfo:all", "list_mytokens", "AT "}) {
    EXPECT_FALSE(is_known_capability(name)) << name;
  }
  const auto result = require_known({"AT", "fly", "swim"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "invalid_request");
  EXPECT_EQ(result.error().description, "unknown capability 'fly'");
}

TEST(Capabilities, an_unknown_name_cannot_smuggle_anything_into_the_message) {
  const auto result = require_known({std::string(1000, 'x') + "\n"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().description, "unknown capability '" + std::string(64, 'x') + "...'");
  EXPECT_EQ(require_known({"a\nb\x7f"}).error().description, "unknown capability 'a?b?'");
}

TEST(Capabilities, duplicates_are_removed_keeping_the_first) {
  EXPECT_EQ(without_duplicates({"b", "a", "b", "c", "a"}), (Capabilities{"b", "a", "c"}));
}

TEST(Capabilities, nothing_is_granted_by_nothing) {
  EXPECT_FALSE(grants("", "AT"));
  EXPECT_FALSE(grants("", ""));
  EXPECT_FALSE(grants("read@", "read@AT"));
  EXPECT_FALSE(grants("read@", "read@"));
}

TEST(Capabilities, tightening_never_grants_what_the_parent_lacks) {
  for (const std::string_view held : all_capabilities()) {
    for (const std::string_view asked : all_capabilities()) {
      const auto child = tighten({std::string(held)}, Capabilities{std::string(asked)});
      if (!child) continue;
      for (const std::string_view use : all_capabilities()) {
        if (has(*child, use)) {
          EXPECT_TRUE(grants(held, use)) << held << " -> " << asked << " -> " << use;
        }
      }
    }
  }
}

void collect(const json::array& nodes, std::string parent, Capabilities& names) {
  for (const json::value& node : nodes) {
    const auto& full = node.at("read_write_capability").as_object();
    names.push_back(text(full.at("name")));
    EXPECT_FALSE(full.at("is_read_only").as_bool());
    EXPECT_TRUE(parent.empty() || names.back().starts_with(parent + ":")) << names.back();
    const std::string name = names.back();
    if (const auto* read = node.at("read_only_capability").if_object()) {
      names.push_back(text(read->at("name")));
      EXPECT_EQ(names.back(), "read@" + name);
      EXPECT_TRUE(read->at("is_read_only").as_bool());
    }
    if (const auto* children = node.at("children").if_array()) {
      EXPECT_FALSE(children->empty());
      collect(*children, name, names);
    } else {
      EXPECT_TRUE(node.at("children").is_null());
    }
  }
}

TEST(Capabilities, the_tree_holds_every_name_once_in_the_order_of_the_api) {
  Capabilities names;
  collect(describe_capabilities(), "", names);
  EXPECT_EQ(names, (Capabilities{"AT",
                                 "tokeninfo",
                                 "tokeninfo:introspect",
                                 "tokeninfo:history",
                                 "tokeninfo:subtokens",
                                 "tokeninfo:notify",
                                 "tokeninfo:tags",
                                 "manage_mytokens",
                                 "manage_mytokens:list",
                                 "manage_mytokens:revoke",
                                 "manage_mytokens:history",
                                 "manage_mytokens:tags",
                                 "manage_mytokens:notify",
                                 "read@manage_mytokens:notify",
                                 "create_mytoken",
                                 "settings",
                                 "read@settings",
                                 "settings:grants",
                                 "read@settings:grants",
                                 "settings:grants:ssh",
                                 "read@settings:grants:ssh",
                                 "settings:email",
                                 "read@settings:email",
                                 "settings:tags",
                                 "read@settings:tags"}));
  for (const std::string& name : names)
    EXPECT_TRUE(is_known_capability(name)) << name;
}

TEST(Capabilities, a_node_looks_as_clients_expect) {
  const json::array tree = describe_capabilities();
  const json::value& settings = tree.back();
  const json::value& tags = settings.at("children").as_array().back();
  EXPECT_EQ(
      json::serialize(tags),
      R"({"read_write_capability":{"name":"settings:tags",)"
      R"("description":"See, create, change and delete the user's tags.","is_read_only":false,)"
      R"("color_class":"text-success","capability_level":"normal"},)"
      R"("read_only_capability":{"name":"read@settings:tags","description":"See the user's tags.",)"
      R"("is_read_only":true,"color_class":"text-success","capability_level":"normal"},"children":null})");
  EXPECT_EQ(settings.at("read_write_capability").at("color_class"), "text-danger");
  EXPECT_EQ(settings.at("read_only_capability").at("capability_level"), "powerful");
  EXPECT_TRUE(tree.front().at("read_only_capability").is_null());
}

TEST(Capabilities, danger_levels_are_those_of_the_consent_page) {
  const Capabilities powerful{"manage_mytokens",        "manage_mytokens:list",
                              "manage_mytokens:revoke", "manage_mytokens:history",
                              "manage_mytokens:tags",   "manage_mytokens:notify",
                              "read@settings",          "settings:grants:ssh"};
  const Capabilities very_powerful{"settings", "settings:grants"};
  for (const std::string_view name : all_capabilities()) {
    const auto in = [name](const Capabilities& list) {
      return std::find(list.begin(), list.end(), name) != list.end();
    };
    const Danger expected = in(very_powerful) ? Danger::very_powerful
                            : in(powerful)    ? Danger::powerful
                                              : Danger::normal;
    EXPECT_EQ(danger(name), expected) << name;
  }
  EXPECT_EQ(danger("fly"), Danger::very_powerful);
}

TEST(Capabilities, each_has_a_description_of_one_sentence) {
  for (const std::string_view name : all_capabilities()) {
    const std::string_view sentence = description(name);
    EXPECT_GT(sentence.size(), 15u) << name;
    EXPECT_TRUE(sentence.ends_with('.')) << name;
    EXPECT_EQ(sentence.find('.'), sentence.size() - 1) << name;
  }
  EXPECT_EQ(description("fly"), "");
  EXPECT_EQ(description("read@AT"), "");
}

}  // namespace
}  // namespace mytoken::token
