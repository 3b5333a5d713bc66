// mytoken info, mytoken verify, the list of all mytokens and revocation against a scripted server.
#include <gtest/gtest.h>

#include <algorithm>

#include "crypto/jose.h"
#include "unit/cli/harness.h"

namespace mytoken {
namespace {

using test::answer_error;
using test::answer_json;
using test::Cli;
using test::fake_mytoken;
using test::FakeAnswer;
using test::FakeRequest;
using test::FakeServer;
using test::Finished;
using test::read_file;
using test::write_file;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

struct Scene {
  explicit Scene(FakeServer::Handler handler) : server(std::move(handler)) {
    cli.environment["T"] = fake_mytoken(server.url());
  }
  Finished run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--MT-env", "T"});
    return cli.run(arguments);
  }
  FakeServer server;
  Cli cli;
};

json::object token(const std::string& name, std::int64_t expires = 0) {
  json::object object{{"mom_id", "id-" + name}, {"created", 1780000000}, {"ip", "192.0.2.1"}};
  if (name != "unnamed") object["name"] = name;
  if (expires != 0) object["expires_at"] = expires;
  return object;
}

FakeAnswer a_tree(const FakeRequest&) {
  json::object root = token("root");
  root["tags"] =
      json::array{json::object{{"tag", "z"}, {"color", "#0102ff"}, {"include_children", true}},
                  json::object{{"tag", "a\x1b"}, {"color", "nonsense"}}};
  const json::object grandchild{{"token", token("grandchild")}};
  const json::object child{{"token", token("child", 1779999999)},
                           {"children", json::array{grandchild}}};
  return answer_json(
      {{"mytokens", json::array{json::object{{"token", root}, {"children", json::array{child}}},
                                json::object{{"token", token("unnamed", 1790000000)}}}}});
}

TEST(ListMytokens, is_a_table_with_children_below_their_parents) {
  Scene scene(a_tree);
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"MT", "list-mytokens"}, {"MT", "list"}, {"info", "list-mytokens"}, {"info", "list"}}) {
    const Finished finished = scene.run(words);
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(lines(finished.out), 8U);
    EXPECT_TRUE(
        has(finished.out, "       NAME        │       CREATED       │       EXPIRES       │"));
    const auto root = finished.out.find("│ root              │ 2026-0");
    const auto child = finished.out.find("│   └─ child        │ 2026-0");
    const auto grandchild = finished.out.find("│     └─ grandchild │ 2026-0");
    const auto unnamed = finished.out.find("│ unnamed token     │ 2026-0");
    EXPECT_LT(root, child) << finished.out;
    EXPECT_LT(child, grandchild);
    EXPECT_LT(grandchild, unnamed);
    EXPECT_NE(unnamed, std::string::npos);
    EXPECT_TRUE(has(finished.out, "│ does not expire     │ a?, z │ 192.0.2.1 │"));
    EXPECT_FALSE(has(finished.out, "id-root"));
    EXPECT_FALSE(has(finished.out, "\x1b"));
  }
  const json::object expected{{"action", "list_mytokens"}, {"mytoken", scene.cli.environment["T"]}};
  EXPECT_EQ(scene.server.last_json(), expected);
}

TEST(ListMytokens, shows_ids_if_wanted) {
  Scene scene(a_tree);
  const Finished finished = scene.run({"MT", "list", "--include-mom-id"});
  EXPECT_TRUE(has(finished.out, "│    MOM-ID     │"));
  EXPECT_TRUE(has(finished.out, "│ id-grandchild │     └─ grandchild"));
}

TEST(ListMytokens, colours_tags_and_greys_the_expired) {
  Scene scene(a_tree);
  scene.cli.environment["CLICOLOR_FORCE"] = "1";
  const std::string text = scene.run({"MT", "list"}).out;
  EXPECT_TRUE(has(text, "\x1b[38;2;1;2;255mz\x1b[0m"));
  EXPECT_TRUE(has(text, "\x1b[90mchild\x1b[0m"));
  EXPECT_TRUE(has(text, "\x1b[3munnamed token\x1b[0m"));
  EXPECT_FALSE(has(text, "\x1b[90mgrandchild"));
}

TEST(ListMytokens, json_is_the_answer) {
  Scene scene(a_tree);
  const auto value = parse_json(scene.run({"MT", "list", "--json"}).out);
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(*value, *parse_json(a_tree({}).body));
}

TEST(ListMytokens, trees_of_many_generations_are_shown) {
  constexpr int generations = 200;
  Scene scene([](const FakeRequest&) {
    json::object tree{{"token", token("last")}};
    for (int i = 1; i < generations; ++i)
      tree = json::object{{"token", token("t")}, {"children", json::array{std::move(tree)}}};
    return answer_json({{"mytokens", json::array{std::move(tree)}}});
  });
  const Finished finished = scene.run({"MT", "list"});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(lines(finished.out), generations + 4U);
  EXPECT_EQ(scene.run({"MT", "list", "--json"}).code, 0);
  EXPECT_EQ(scene.run({"info", "tree"}).code, 0);
}

TEST(ListMytokens, an_empty_or_odd_list_prints_nothing) {
  for (const json::value& list :
       {json::value(nullptr), json::value(json::array{}), json::value("x"),
        json::value(json::array{1, json::object{{"token", "x"}}, json::object{}})}) {
    Scene scene([&list](const FakeRequest&) { return answer_json({{"mytokens", list}}); });
    const Finished finished = scene.run({"MT", "list"});
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(finished.out, "");
  }
}

TEST(Info, subtokens_are_the_json_tree_under_every_name) {
  const json::object tree{{"token", token("root")},
                          {"children", json::array{json::object{{"token", token("child")}}}}};
  Scene scene([&tree](const FakeRequest&) { return answer_json({{"mytokens", tree}}); });
  for (const char* name : {"subtokens", "token-tree", "tree"}) {
    const Finished finished = scene.run({"tokeninfo", name});
    EXPECT_EQ(finished.code, 0);
    EXPECT_TRUE(finished.out.starts_with("{\n  \"token\": {\n")) << finished.out;
    EXPECT_EQ(*parse_json(finished.out), json::value(tree));
    EXPECT_EQ(scene.run({"tokeninfo", name, "--json"}).out, finished.out);
  }
  EXPECT_EQ(string_member(scene.server.last_json(), "action"), "subtokens");
}

FakeAnswer a_history(const FakeRequest&) {
  return answer_json(
      {{"events",
        json::array{json::object{{"event", "AT_created"},
                                 {"time", 1780000000},
                                 {"comment", "why\x1b[2J"},
                                 {"ip", "192.0.2.1"},
                                 {"user_agent", "curl"},
                                 {"mom_id", "m1"}},
                    json::object{{"event", "created"}, {"time", 1779990000}, {"mom_id", "m1"}}}}});
}

TEST(Info, history_is_a_table) {
  Scene scene(a_history);
  const Finished finished = scene.run({"info", "history"});
  EXPECT_EQ(finished.code, 0);
  EXPECT_TRUE(has(finished.out,
                  "│   EVENT    │ COMMENT │        TIME         │    IP     │ USER AGENT │\n"))
      << finished.out;
  EXPECT_TRUE(has(finished.out, "│ AT_created │ why?[2J │ 2026-0"));
  EXPECT_TRUE(has(finished.out, "│ 192.0.2.1 │ curl       │\n"));
  EXPECT_FALSE(scene.server.last_json().contains("mom_ids"));
  EXPECT_EQ(*parse_json(scene.run({"info", "history", "--json"}).out),
            *parse_json(a_history({}).body));
}

TEST(Info, history_of_several_mytokens_says_whose) {
  Scene scene(a_history);
  const Finished finished = scene.run({"info", "history", "--mom-id", "m1,children"});
  EXPECT_TRUE(has(finished.out, "│ MOM-ID │   EVENT    │"));
  EXPECT_TRUE(has(finished.out, "│ m1     │ AT_created │"));
  EXPECT_EQ(scene.server.last_json()["mom_ids"], json::value({"m1", "children"}));
}

TEST(Info, introspection_is_the_answer) {
  Scene scene([](const FakeRequest&) { return answer_json({{"valid", true}}); });
  EXPECT_EQ(scene.run({"info", "introspect"}).out, "{\n  \"valid\": true\n}\n");
  const json::object expected{{"action", "introspect"}, {"mytoken", scene.cli.environment["T"]}};
  EXPECT_EQ(scene.server.last_json(), expected);
}

TEST(Info, introspection_can_ask_about_a_use) {
  Scene scene([](const FakeRequest&) { return answer_json({{"valid", true}}); });
  EXPECT_EQ(scene
                .run({"info", "introspect", "--for-scope", "a,b", "--for-aud", "x", "--for-ip",
                      "192.0.2.7", "--for-time", "+1h", "--for-kind", "AT"})
                .code,
            0);
  const json::object use{{"scope", json::array{"a", "b"}},
                         {"audience", json::array{"x"}},
                         {"ip", "192.0.2.7"},
                         {"kind", "AT"},
                         {"time", 1780003600}};
  EXPECT_EQ(scene.server.last_json()["use"], json::value(use));
  EXPECT_EQ(scene.run({"info", "introspect", "--use", R"({"kind":"other"})"}).code, 0);
  const json::object other{{"kind", "other"}};
  EXPECT_EQ(scene.server.last_json()["use"], json::value(other));
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"--for-kind", "at"},
                                             {"--for-time", "soon"},
                                             {"--use", "[]"},
                                             {"--use", "{}", "--for-ip", "192.0.2.7"}}) {
    std::vector<std::string> words{"info", "introspect"};
    words.insert(words.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(scene.run(words).code, 2) << wrong[1];
  }
}

const json::object a_notification{{"notification_id", 32},
                                  {"notification_type", "mail"},
                                  {"management_code", "Zk64"},
                                  {"user_wide", false},
                                  {"notification_classes", json::array{"security", "expiration"}},
                                  {"subscribed_tokens", json::array{"m1", "m2"}},
                                  {"tags", json::array{json::object{{"tag", "ci"}}}}};
const json::object a_calendar{{"id", "59ck"},
                              {"ics_path", "https://mt.example.org/calendars/59ck"},
                              {"description", "CI tokens"},
                              {"tags", nullptr}};

TEST(Info, notifications_are_two_titled_tables) {
  Scene scene([](const FakeRequest&) {
    return answer_json(
        {{"notifications", json::array{a_notification}}, {"calendars", json::array{a_calendar}}});
  });
  const Finished finished = scene.run({"info", "notifications"});
  EXPECT_EQ(finished.code, 0);
  EXPECT_TRUE(finished.out.starts_with("Notifications:\n┌")) << finished.out;
  EXPECT_TRUE(has(finished.out,
                  "│ mail │ Zk64            │ expiration, security │ no        │ ci   │ 2          "
                  "       │\n"));
  EXPECT_TRUE(has(finished.out, "\n\nCalendars:\n┌"));
  EXPECT_TRUE(has(finished.out,
                  "│ 59ck │ CI tokens   │      │ https://mt.example.org/calendars/59ck │ 0         "
                  "        │\n"));
  const json::object expected{{"action", "notifications"}, {"mytoken", scene.cli.environment["T"]}};
  EXPECT_EQ(scene.server.last_json(), expected);
}

TEST(Info, no_notifications_are_a_sentence) {
  Scene scene([](const FakeRequest&) { return answer_json({}); });
  EXPECT_EQ(scene.run({"info", "notifications"}).out,
            "There are no notifications and no calendars for this mytoken.\n");
}

TEST(Info, notifications_of_several_mytokens_are_told_apart) {
  Scene scene([](const FakeRequest&) {
    return answer_json(
        {{"mom_id_mapping",
          json::object{{"m2", json::object{}},
                       {"m1", json::object{{"notifications", json::array{a_notification}}}}}}});
  });
  const Finished finished = scene.run({"info", "notifications", "--mom-id", "m1,m2"});
  EXPECT_TRUE(finished.out.starts_with("m1\nNotifications:\n┌")) << finished.out;
  EXPECT_TRUE(has(finished.out,
                  "┘\n\nm2\nThere are no notifications and no calendars for this mytoken.\n"));
  EXPECT_EQ(scene.server.last_json()["mom_ids"], json::value({"m1", "m2"}));
}

// Verification.

struct Signed {
  Signed()
      : server([this](const FakeRequest&) {
          return answer_json(crypto::KeySet({published}).public_jwks());
        }) {
    server.metadata_changes["jwks_uri"] = server.url() + "/jwks";
  }
  std::string token(const crypto::Key& key, std::int64_t expires = 1790000000) const {
    const json::object header{{"alg", "ES256"}, {"typ", "MT+JWT"}, {"kid", key.thumbprint()}};
    const json::object payload{
        {"token_type", "mytoken"}, {"iss", server.url()}, {"exp", expires}, {"name", "n"}};
    return *key.sign(header, json::serialize(payload));
  }
  Finished run(const std::string& token, std::vector<std::string> words) {
    cli.environment["T"] = token;
    words.insert(words.end(), {"--MT-env", "T"});
    return cli.run(words);
  }
  crypto::Key published = crypto::Key::generate(crypto::Algorithm::es256);
  FakeServer server;
  Cli cli;
};

TEST(Verify, a_mytoken_of_the_servers_key_is_valid) {
  Signed scene;
  const std::string token = scene.token(scene.published);
  const Finished finished = scene.run(token, {"verify"});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(finished.out, "Valid: signed by " + scene.server.url() + "\n");
  const auto object = parse_json(scene.run(token, {"verify", "--json"}).out);
  ASSERT_TRUE(object.has_value());
  EXPECT_TRUE(object->at("valid").as_bool());
  EXPECT_EQ(object->at("token").at("name").as_string(), "n");
  const Finished content = scene.run(token, {"info", "--verify"});
  EXPECT_EQ(content.code, 0);
  EXPECT_EQ(parse_json(content.out)->at("name").as_string(), "n");
}

TEST(Verify, a_forged_or_expired_mytoken_is_refused) {
  Signed scene;
  for (const std::string& token :
       {scene.token(crypto::Key::generate(crypto::Algorithm::es256)),
        scene.token(scene.published, 1779999999), fake_mytoken(scene.server.url())}) {
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"verify"}, {"info", "--verify"}}) {
      const Finished finished = scene.run(token, words);
      EXPECT_EQ(finished.code, 1);
      EXPECT_EQ(finished.out, "");
      EXPECT_TRUE(finished.err.starts_with("mytoken: error: invalid_token: ")) << finished.err;
    }
  }
}

TEST(Verify, W21_a_mytoken_of_another_server_than_the_named_one_is_refused) {
  Signed scene;
  const Finished finished =
      scene.run(scene.token(scene.published), {"verify", "--url", "https://mt.example.org"});
  EXPECT_EQ(finished.code, 1);
  EXPECT_EQ(finished.out, "");
  EXPECT_TRUE(has(finished.err, "not of https://mt.example.org"));
  EXPECT_TRUE(scene.server.requests().empty());
}

TEST(Verify, W10_a_server_without_keys_is_told_as_such) {
  Scene scene([](const FakeRequest&) { return answer_error(404, "not_found"); });
  const Finished finished = scene.run({"verify"});
  EXPECT_EQ(finished.code, 1);
  EXPECT_TRUE(has(finished.err, "not supported by this server"));
}

TEST(Verify, only_jwts_can_be_verified) {
  Scene scene([](const FakeRequest&) { return answer_error(404, "not_found"); });
  scene.cli.environment["T"] = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNOP";
  scene.cli.environment["MYTOKEN_URL"] = scene.server.url();
  EXPECT_EQ(scene.run({"verify"}).code, 2);
}

// Revocation.

TEST(Revoke, another_mytoken_is_named_by_any_of_the_flags) {
  Scene scene([](const FakeRequest&) { return FakeAnswer{204, "", "", false}; });
  const json::object expected{
      {"token", scene.cli.environment["T"]}, {"mom_id", "m"}, {"recursive", true}};
  for (const char* flag : {"--mom-id", "--MOM-ID", "--mom", "--MOM"}) {
    EXPECT_EQ(scene.run({"revoke", flag, "m", "--recursive"}).out, "Token revoked\n");
    EXPECT_EQ(scene.server.last_json(), expected);
  }
  scene.cli.environment["MOM_ID"] = "m";
  EXPECT_EQ(scene.run({"revoke", "-r"}).out, "Token revoked\n");
  EXPECT_EQ(scene.server.last_json(), expected);
}

TEST(Revoke, W8_recursive_counts_without_an_id_too) {
  Scene scene([](const FakeRequest&) { return FakeAnswer{204, "", "", false}; });
  EXPECT_EQ(scene.run({"revoke", "--recursive"}).code, 0);
  EXPECT_TRUE(scene.server.last_json()["recursive"].as_bool());
}

TEST(Revoke, W14_the_successor_of_the_authorising_mytoken_is_kept) {
  Scene scene([](const FakeRequest&) {
    return answer_json({{"token_update", json::object{{"mytoken", "the-successor"}}}});
  });
  write_file(scene.cli.home / "mt", fake_mytoken(scene.server.url()));
  const Finished finished =
      scene.cli.run({"revoke", "--MT-file", (scene.cli.home / "mt").string(), "--mom-id", "m"});
  EXPECT_EQ(finished.code, 0);
  EXPECT_EQ(read_file(scene.cli.home / "mt"), "the-successor\n");
}

}  // namespace
}  // namespace mytoken
