// The commands about what a server offers: profiles, providers, configuration, capabilities.
#include <gtest/gtest.h>

#include "unit/cli/harness.h"

namespace mytoken {
namespace {

using test::answer_error;
using test::Cli;
using test::FakeAnswer;
using test::FakeRequest;
using test::FakeServer;
using test::Finished;
using test::write_file;

FakeAnswer answer_text(const std::string& text) {
  return {200, text, "Content-Type: application/json\r\n", false};
}

struct Scene {
  Scene()
      : server([this](const FakeRequest& request) {
          const auto found = answers.find(request.path);
          return found == answers.end() ? answer_error(404, "not_found", "no such thing")
                                        : answer_text(found->second);
        }) {
    server.metadata_changes["profiles_endpoint"] = server.url() + "/pt";
    cli.environment["MYTOKEN_URL"] = server.url();
  }
  // By path; to be filled before the first request.
  std::map<std::string, std::string> answers;
  FakeServer server;
  Cli cli;
};

struct Groups : Scene {
  Groups() {
    answers = {
        {"/pt", R"(["dteam","_","void"])"},
        {"/pt/_/profiles",
         R"([{"id":"1","name":"web-default","payload":{}},{"id":"2","name":"agent","payload":{}}])"},
        {"/pt/dteam/profiles", R"([{"id":"3","name":"ci","payload":{"name":"ci"}}])"},
        {"/pt/_/restrictions", R"([{"id":"4","name":"12h","payload":[{"exp":1}]}])"},
        {"/pt/dteam/restrictions", "[]"},
        {"/pt/_/capabilities", "null"},
        {"/pt/dteam/capabilities", "null"},
        {"/pt/_/rotation", "[]"},
        {"/pt/dteam/rotation", "[]"},
        {"/pt/void/profiles", "null"},
        {"/pt/void/restrictions", "null"},
        {"/pt/void/capabilities", "null"},
        {"/pt/void/rotation", "null"}};
  }
};

TEST(ProfilesCommand, groups_are_one_per_line) {
  Groups it;
  const Finished run = it.cli.run({"profiles", "groups"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "_\ndteam\nvoid\n");
  EXPECT_EQ(parse_json(it.cli.run({"profiles", "groups", "--json"}).out)->as_object(),
            (json::object{{"groups", json::array{"_", "dteam", "void"}}}));
}

TEST(ProfilesCommand, W15_names_are_sorted_and_empty_groups_left_out) {
  Groups it;
  for (const char* name : {"list", "profiles"}) {
    const Finished run = it.cli.run({"profiles", name});
    EXPECT_EQ(run.code, 0) << run.err;
    EXPECT_EQ(run.out, "_\n  agent\n  web-default\ndteam\n  ci\n");
    EXPECT_EQ(run.err, "");
  }
  EXPECT_EQ(it.cli.run({"profiles", "restrictions"}).out, "_\n  12h\n");
  EXPECT_EQ(it.cli.run({"profiles", "rotation"}).out, "");
}

TEST(ProfilesCommand, all_types_at_once) {
  Groups it;
  for (const char* name : {"list-all", "all"}) {
    EXPECT_EQ(it.cli.run({"profiles", name}).out,
              "profiles\n  _\n    agent\n    web-default\n  dteam\n    ci\n"
              "restrictions\n  _\n    12h\n");
  }
}

TEST(ProfilesCommand, chosen_groups_only_as_json_with_payloads) {
  Groups it;
  const Finished run = it.cli.run({"profiles", "list", "--groups", "dteam", "--json"});
  const json::object entry{{"id", "3"}, {"name", "ci"}, {"payload", json::object{{"name", "ci"}}}};
  EXPECT_EQ(parse_json(run.out)->as_object(),
            (json::object{{"profiles", json::object{{"dteam", json::array{entry}}}}}));
  EXPECT_EQ(it.server.count("/pt"), 0U);
}

TEST(ProfilesCommand, a_group_that_fails_does_not_hide_the_others) {
  Groups it;
  it.answers.erase("/pt/_/profiles");
  const Finished run = it.cli.run({"profiles", "list"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "dteam\n  ci\n");
  EXPECT_EQ(run.err, "mytoken: warning: group '_' is left out: not_found: no such thing\n");
}

TEST(ProfilesCommand, W10_a_server_without_profiles_is_a_plain_refusal) {
  Scene it;
  it.server.metadata_changes["profiles_endpoint"] = nullptr;
  for (const char* name : {"groups", "list", "all"}) {
    const Finished run = it.cli.run({"profiles", name});
    EXPECT_EQ(run.code, 1);
    EXPECT_EQ(run.out, "");
    EXPECT_TRUE(run.err.starts_with("mytoken: error: not supported by this server")) << run.err;
  }
}

TEST(ListProviders, own_names_and_the_default_are_marked) {
  Scene it;
  it.server.metadata_changes["providers_supported"] =
      json::array{{{"issuer", "https://a.example.org/"}}, {{"issuer", "https://b.example.org"}}};
  write_file(it.cli.home / "config.yaml",
             "default_provider: bee\nproviders:\n  bee: https://b.example.org/\n"
             "  b2: https://b.example.org\n");
  const std::string file = (it.cli.home / "config.yaml").string();
  for (const char* name : {"providers", "issuers"}) {
    const Finished run = it.cli.run({"list", name, "--config", file});
    EXPECT_EQ(run.code, 0) << run.err;
    EXPECT_EQ(run.out, "https://a.example.org/\nhttps://b.example.org -> b2, bee (default)\n");
  }
  const json::value shown =
      *parse_json(it.cli.run({"list", "providers", "--json", "--config", file}).out);
  EXPECT_EQ(shown.at_pointer("/providers/1"), (json::object{{"issuer", "https://b.example.org"},
                                                            {"names", json::array{"b2", "bee"}},
                                                            {"default", true}}));
  EXPECT_EQ(shown.at_pointer("/providers/0/default"), json::value(false));
}

TEST(ConfigCommand, shows_the_document_of_the_server) {
  Scene it;
  const Finished run = it.cli.run({"config"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(string_member(parse_json(run.out)->as_object(), "access_token_endpoint"),
            it.server.url() + "/at");
  EXPECT_NE(run.out.find("\n  \"issuer\": "), std::string::npos) << run.out;
}

TEST(CapabilitiesCommand, children_are_indented_and_read_only_ones_follow_their_own) {
  Scene it;
  it.answers["/api/v0/capabilities"] = R"([
    {"read_write_capability":{"name":"AT","description":"Get access tokens."},
     "read_only_capability":null,"children":null},
    {"read_write_capability":{"name":"settings","description":"Change all."},
     "read_only_capability":{"name":"read@settings","description":"Read all."},
     "children":[{"read_write_capability":{"name":"settings:tags","description":"Tags\u001b[2J."}}]}])";
  const Finished run = it.cli.run({"capabilities"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out,
            "AT               Get access tokens.\n"
            "settings         Change all.\n"
            "read@settings    Read all.\n"
            "  settings:tags  Tags?[2J.\n");
  EXPECT_EQ(parse_json(it.cli.run({"capabilities", "--json"}).out)
                ->at_pointer("/capabilities/1/read_only_capability/name"),
            "read@settings");
}

TEST(CapabilitiesCommand, W18_a_status_that_is_no_success_and_a_server_without_them_are_errors) {
  Scene it;
  const Finished missing = it.cli.run({"capabilities"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_EQ(missing.out, "");
  EXPECT_TRUE(missing.err.starts_with("mytoken: error: not supported by this server"))
      << missing.err;
  FakeServer broken([](const FakeRequest&) { return FakeAnswer{500, "[]", "", false}; });
  Cli cli;
  const Finished run = cli.run({"capabilities", "--url", broken.url()});
  EXPECT_EQ(run.code, 3);
  EXPECT_EQ(run.out, "");
}

}  // namespace
}  // namespace mytoken
