// mytoken settings and mytoken MT tags against a scripted server: what is sent, what is printed,
// exit codes and hints.
#include <gtest/gtest.h>

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

constexpr const char* key_line =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID1D9ZbZpP9gR7I0v9TYDK/1efoHFT3vxDvPRlKC6f6B";
constexpr const char* key_fingerprint = "SHA256:1/lQwdxTlbxl2F3G0zpVH+6CvAS8+5dC3vCNOhByR9I";

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

FakeAnswer no_content(const FakeRequest&) {
  return {204, "", "", false};
}

// A server with settings, and a command with a mytoken in $T.
struct Scene {
  explicit Scene(FakeServer::Handler handler)
      : server([this, handler](const FakeRequest& request) {
          if (request.path == "/settings") return answer_json(settings);
          return handler(request);
        }) {
    settings = {{"grant_type_endpoint", server.url() + "/grants"},
                {"email_endpoint", server.url() + "/email"},
                {"tags_endpoint", server.url() + "/tags"}};
    server.metadata_changes["usersettings_endpoint"] = server.url() + "/settings";
    cli.environment["T"] = fake_mytoken(server.url());
  }
  Finished run(std::vector<std::string> arguments, bool as_json = false) {
    arguments.insert(arguments.end(), {"--MT-env", "T"});
    if (as_json) arguments.emplace_back("--json");
    return cli.run(arguments);
  }
  json::object json_of(const std::vector<std::string>& arguments) {
    const Finished finished = run(arguments, true);
    EXPECT_EQ(finished.code, 0) << finished.err;
    const auto value = parse_json(finished.out);
    return value && value->is_object() ? value->get_object() : json::object();
  }
  FakeRequest last() const { return server.requests().back(); }
  std::string token() const { return cli.environment.at("T"); }

  json::object settings;
  FakeServer server;
  Cli cli;
};

TEST(SettingsGrants, are_a_table_under_every_name) {
  Scene scene([](const FakeRequest&) {
    return answer_json(
        {{"grant_types", json::array{json::object{{"grant_type", "ssh"}, {"enabled", true}}}}});
  });
  const std::string table =
      "┌────────────┬─────────┐\n"
      "│ GRANT TYPE │ STATUS  │\n"
      "├────────────┼─────────┤\n"
      "│ ssh        │ Enabled │\n"
      "└────────────┴─────────┘\n";
  for (const char* group : {"grants", "grant-types"}) {
    for (const char* command : {"list", "view"}) {
      const Finished finished = scene.run({"settings", group, command});
      EXPECT_EQ(finished.code, 0);
      EXPECT_EQ(finished.out, table);
      EXPECT_EQ(finished.err, "");
    }
  }
  EXPECT_EQ(scene.last().method, "GET");
  EXPECT_EQ(scene.last().authorization, "Bearer " + scene.token());
  const json::object expected{
      {"grant_types", json::array{json::object{{"grant_type", "ssh"}, {"enabled", true}}}}};
  EXPECT_EQ(scene.json_of({"settings", "grants", "list"}), expected);
}

TEST(SettingsGrants, an_empty_list_prints_nothing) {
  Scene scene([](const FakeRequest&) { return answer_json({{"grant_types", nullptr}}); });
  const Finished finished = scene.run({"settings", "grants", "list"});
  EXPECT_EQ(finished.code, 0);
  EXPECT_EQ(finished.out, "");
}

TEST(SettingsGrants, are_enabled_and_disabled) {
  Scene scene(no_content);
  EXPECT_EQ(scene.run({"settings", "grants", "enable", "ssh"}).out, "Grant 'ssh' enabled\n");
  const json::object sent{{"grant_type", "ssh"}, {"mytoken", scene.token()}};
  EXPECT_EQ(scene.last().json, sent);
  EXPECT_EQ(scene.last().method, "POST");
  EXPECT_EQ(scene.run({"settings", "grants", "disable", "ssh"}).out, "Grant 'ssh' disabled\n");
  EXPECT_EQ(scene.last().method, "DELETE");
  const json::object expected{{"grant_type", "ssh"}, {"enabled", false}};
  EXPECT_EQ(scene.json_of({"settings", "grants", "disable", "ssh"}), expected);
}

TEST(SettingsGrants, exactly_one_argument_is_needed) {
  Scene scene(no_content);
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"settings", "grants", "enable"},
                                             {"settings", "grants", "enable", ""},
                                             {"settings", "grants", "disable", "ssh", "other"},
                                             {"settings", "grants", "ssh", "add"},
                                             {"settings", "grants", "ssh", "delete", "a", "b"},
                                             {"settings", "grants", "nonsense"},
                                             {"settings"},
                                             {"settings", "tags", "create"},
                                             {"settings", "tags", "update", "x"},
                                             {"settings", "tags", "update", "x", "--new-name", ""},
                                             {"settings", "email", "update"},
                                             {"settings", "email", "update", "--email", ""},
                                             {"MT", "tags", "add"},
                                             {"MT", "tags", "add", "x", "--mom-id", ""}}) {
    const Finished finished = scene.run(wrong);
    EXPECT_EQ(finished.code, 2) << wrong.back();
    EXPECT_EQ(finished.out, "");
    EXPECT_TRUE(finished.err.starts_with("mytoken: error: ")) << finished.err;
  }
  EXPECT_TRUE(scene.server.requests().empty());
}

// ssh keys.

TEST(SettingsSsh, keys_are_a_table_below_the_state) {
  Scene scene([](const FakeRequest&) {
    return answer_json({{"grant_enabled", false},
                        {"ssh_keys", json::array{json::object{{"name", "la\x1bptop"},
                                                              {"ssh_key_fp", "SHA256:x"},
                                                              {"created", 1780000000}}}}});
  });
  for (const char* group : {"ssh", "SSH"}) {
    const Finished finished = scene.run({"settings", "grants", group, "view"});
    EXPECT_EQ(finished.code, 0);
    EXPECT_TRUE(finished.out.starts_with("The ssh grant is disabled.\n┌")) << finished.out;
    EXPECT_TRUE(has(finished.out, "│ la?ptop │ SHA256:x            │ 2026-0"));
    EXPECT_TRUE(has(finished.out, " │ never     │\n"));
    EXPECT_TRUE(has(finished.out, "│  NAME   │ SSH KEY FINGERPRINT │"));
  }
  EXPECT_EQ(scene.last().path, "/grants/ssh");
  const json::object expected{{"grant_enabled", false},
                              {"ssh_keys", json::array{json::object{{"ssh_key_fp", "SHA256:x"},
                                                                    {"name", "la\x1bptop"},
                                                                    {"created", 1780000000}}}}};
  EXPECT_EQ(scene.json_of({"settings", "grants", "ssh", "list"}), expected);
}

FakeAnswer ssh_flow(const FakeRequest& request) {
  if (string_member(request.json, "grant_type") == "polling_code") {
    return answer_json({{"ssh_user", "k3JdL0aPq9XzTb7W"},
                        {"ssh_host_config",
                         "# Host entry for mytoken\nHost mytoken-laptop\n\tHostName "
                         "mt.example.org\n\tPort 2222\n\tUser k3JdL0aPq9XzTb7W\n"}});
  }
  return answer_json({{"consent_uri", "https://mt.example.org/c/x"},
                      {"polling_code", "p"},
                      {"expires_in", 300},
                      {"interval", 1}});
}

constexpr const char* entry =
    "# Host entry for mytoken\nHost mytoken-laptop\n\tHostName mt.example.org\n\tPort 2222\n"
    "\tUser k3JdL0aPq9XzTb7W\n";

TEST(SettingsSsh, a_new_key_is_approved_and_ssh_is_told) {
  Scene scene(ssh_flow);
  write_file(scene.cli.home / "key.pub", std::string(key_line) + " me@laptop\n");
  const Finished finished =
      scene.run({"settings", "grants", "ssh", "add", "~/key.pub", "--key-name", "laptop",
                 "--capability", "AT tokeninfo", "--usages-AT", "3"});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(finished.out, "k3JdL0aPq9XzTb7W\n");
  EXPECT_TRUE(has(finished.err, "  https://mt.example.org/c/x\n"));
  EXPECT_FALSE(has(finished.err, "k3JdL0aPq9XzTb7W"));
  EXPECT_TRUE(has(finished.err, "ssh mytoken-laptop now connects to mt.example.org\n"));
  EXPECT_EQ(read_file(scene.cli.home / ".ssh/config"), "\n" + std::string(entry) + "\n");
  const auto requests = scene.server.requests();
  ASSERT_EQ(requests.size(), 4U);
  const json::object expected{{"grant_type", "mytoken"},
                              {"ssh_key", std::string(key_line) + " me@laptop"},
                              {"name", "laptop"},
                              {"restrictions", json::array{json::object{{"usages_AT", 3}}}},
                              {"capabilities", json::array{"AT", "tokeninfo"}},
                              {"application_name", "mytoken client on host.example.org"},
                              {"mytoken", scene.token()}};
  EXPECT_EQ(requests[2].json, expected);
  EXPECT_EQ(requests[2].path, requests[3].path);
}

TEST(SettingsSsh, the_entry_can_be_printed_instead) {
  Scene scene(ssh_flow);
  const std::string expected = "k3JdL0aPq9XzTb7W\n\n" + std::string(entry);
  EXPECT_EQ(scene.run({"settings", "grants", "SSH", "new", key_line, "--no-write-host-entry"}).out,
            expected);
  scene.cli.environment["NO_WRITE_HOST_ENTRY"] = "1";
  EXPECT_EQ(scene.run({"settings", "grants", "ssh", "add", key_line}).out, expected);
  EXPECT_FALSE(std::filesystem::exists(scene.cli.home / ".ssh"));
  const json::object object{{"ssh_user", "k3JdL0aPq9XzTb7W"},
                            {"ssh_key_fp", key_fingerprint},
                            {"ssh_host_config", entry},
                            {"host_entry_written", false}};
  EXPECT_EQ(scene.json_of({"settings", "grants", "ssh", "add", key_line}), object);
}

TEST(SettingsSsh, what_cannot_be_written_is_printed_and_is_5) {
  Scene scene(ssh_flow);
  std::filesystem::create_directories(scene.cli.home / ".ssh/config");
  const Finished finished = scene.run({"settings", "grants", "ssh", "add", key_line});
  EXPECT_EQ(finished.code, 5);
  EXPECT_EQ(finished.out, "k3JdL0aPq9XzTb7W\n\n" + std::string(entry));
  EXPECT_TRUE(has(finished.err, "mytoken: error: cannot write the ssh configuration: "));
}

TEST(SettingsSsh, an_entry_that_could_run_programs_is_not_written) {
  Scene scene([](const FakeRequest& request) {
    if (string_member(request.json, "grant_type") != "polling_code") return ssh_flow(request);
    return answer_json(
        {{"ssh_user", "user"}, {"ssh_host_config", "Host *\n\tProxyCommand touch /x\n"}});
  });
  const Finished finished = scene.run({"settings", "grants", "ssh", "add", key_line});
  EXPECT_EQ(finished.code, 5);
  EXPECT_EQ(finished.out, "user\n");
  EXPECT_TRUE(has(finished.err, "not safe"));
  EXPECT_FALSE(std::filesystem::exists(scene.cli.home / ".ssh"));
}

TEST(SettingsSsh, the_grant_must_be_enabled_and_a_hint_says_how) {
  Scene scene([](const FakeRequest&) {
    return answer_error(403, "access_denied", "'ssh' grant type not enabled");
  });
  const Finished finished = scene.run({"settings", "grants", "ssh", "add", key_line});
  EXPECT_EQ(finished.code, 1);
  EXPECT_EQ(finished.err,
            "mytoken: error: access_denied: 'ssh' grant type not enabled\n"
            "mytoken: hint: 'mytoken settings grants enable ssh' enables the grant\n");
}

TEST(SettingsSsh, W14_a_rotated_token_is_stored_before_the_user_is_asked) {
  std::filesystem::path file;
  std::string at_polling;
  Scene scene([&](const FakeRequest& request) {
    if (string_member(request.json, "grant_type") == "polling_code") {
      at_polling = read_file(file);
      return answer_error(401, "access_denied", "user declined consent");
    }
    return answer_json({{"consent_uri", "https://mt.example.org/c/x"},
                        {"polling_code", "p"},
                        {"interval", 1},
                        {"token_update", json::object{{"mytoken", "the-successor"}}}});
  });
  file = scene.cli.home / "mt";
  write_file(file, scene.token() + "\n");
  const Finished finished =
      scene.cli.run({"settings", "--MT-file", file.string(), "grants", "ssh", "add", key_line});
  EXPECT_EQ(finished.code, 1);
  EXPECT_EQ(finished.out, "");
  EXPECT_EQ(at_polling, "the-successor\n");
}

TEST(SettingsSsh, keys_are_deleted_by_fingerprint_line_or_file) {
  Scene scene(no_content);
  write_file(scene.cli.home / "key.pub", std::string(key_line) + "\n");
  const std::string line = std::string("SSH key ") + key_fingerprint + " deleted\n";
  for (const char* command : {"delete", "remove", "rm"}) {
    EXPECT_EQ(scene.run({"settings", "grants", "ssh", command, key_fingerprint}).out, line);
    const json::object expected{{"ssh_key_fp", key_fingerprint}, {"mytoken", scene.token()}};
    EXPECT_EQ(scene.last().json, expected);
    EXPECT_EQ(scene.last().method, "DELETE");
  }
  for (const std::string& key : {std::string(key_line), std::string("~/key.pub")}) {
    EXPECT_EQ(scene.run({"settings", "grants", "ssh", "rm", key}).out, line);
    const json::object expected{{"ssh_key", key_line}, {"mytoken", scene.token()}};
    EXPECT_EQ(scene.last().json, expected);
  }
  EXPECT_EQ(scene.run({"settings", "grants", "ssh", "rm", "/does/not/exist"}).code, 2);
}

// E-mail.

TEST(SettingsEmail, is_three_lines) {
  Scene scene([](const FakeRequest&) {
    return answer_json({{"email_address", "a@example.org\x1b[2J"},
                        {"email_verified", true},
                        {"prefer_html_mail", false}});
  });
  EXPECT_EQ(scene.run({"settings", "email", "get"}).out,
            "Email address: a@example.org?[2J\nEmail verified: yes\nPrefer HTML mail: no\n");
  const json::object expected{{"email_address", "a@example.org\x1b[2J"},
                              {"email_verified", true},
                              {"prefer_html_mail", false}};
  EXPECT_EQ(scene.json_of({"settings", "email", "get"}), expected);
}

TEST(SettingsEmail, updates_send_what_is_given_and_html_wins) {
  Scene scene(no_content);
  const Finished finished = scene.run({"settings", "email", "update", "--email", "b@example.org"});
  EXPECT_EQ(finished.out, "Email settings updated\n");
  const json::object address{{"email_address", "b@example.org"}};
  EXPECT_EQ(scene.last().json, address);
  EXPECT_EQ(scene.last().method, "PUT");
  EXPECT_EQ(scene.run({"settings", "email", "update", "--html", "--plain"}).code, 0);
  const json::object html{{"prefer_html_mail", true}};
  EXPECT_EQ(scene.last().json, html);
  EXPECT_EQ(scene.run({"settings", "email", "update", "--plain"}).code, 0);
  const json::object plain{{"prefer_html_mail", false}};
  EXPECT_EQ(scene.last().json, plain);
}

// Tags.

TEST(SettingsTags, are_a_sorted_table_in_their_colours) {
  Scene scene([](const FakeRequest&) {
    return answer_json({{"tags", json::array{json::object{{"tag", "ci"}, {"color", "#33ff57"}},
                                             json::object{{"tag", "a"}, {"color", "0102fF"}}}}});
  });
  EXPECT_EQ(scene.run({"settings", "tags", "list"}).out,
            "┌─────────────┬─────┬─────────────┐\n"
            "│ COLOR BLOCK │ TAG │ COLOR (HEX) │\n"
            "├─────────────┼─────┼─────────────┤\n"
            "│             │ a   │ #0102FF     │\n"
            "│             │ ci  │ #33FF57     │\n"
            "└─────────────┴─────┴─────────────┘\n");
  scene.cli.environment["CLICOLOR_FORCE"] = "1";
  EXPECT_TRUE(has(scene.run({"settings", "tags", "list"}).out,
                  "│ \x1b[48;2;51;255;87m  \x1b[0m          │ \x1b[38;2;51;255;87mci\x1b[0m  │"));
  EXPECT_FALSE(has(scene.run({"settings", "tags", "list", "--no-color"}).out, "\x1b"));
  const json::object expected{
      {"tags", json::array{json::object{{"tag", "a"}, {"color", "0102fF"}},
                           json::object{{"tag", "ci"}, {"color", "#33ff57"}}}}};
  EXPECT_EQ(scene.json_of({"settings", "tags", "list"}), expected);
}

TEST(SettingsTags, are_made_changed_and_deleted) {
  Scene scene(no_content);
  EXPECT_EQ(scene.run({"settings", "tags", "create", "a b", "--color", "orange"}).out,
            "Tag 'a b' created\n");
  EXPECT_EQ(scene.last().method + " " + scene.last().path, "POST /tags/a%20b");
  const json::object colour{{"color", "FFA500"}};
  EXPECT_EQ(scene.last().json, colour);
  EXPECT_EQ(scene.run({"settings", "tags", "create", "x"}).code, 0);
  EXPECT_EQ(scene.last().json, json::object());
  EXPECT_EQ(
      scene.run({"settings", "tags", "update", "x", "--new-name", "y", "--color", "#fff"}).out,
      "Tag 'x' updated\n");
  EXPECT_EQ(scene.last().method + " " + scene.last().path, "PUT /tags/x");
  const json::object changed{{"tag", "y"}, {"color", "FFFFFF"}};
  EXPECT_EQ(scene.last().json, changed);
  for (const char* command : {"delete", "rm", "remove"}) {
    EXPECT_EQ(scene.run({"settings", "tags", command, "y"}).out, "Tag 'y' deleted\n");
    EXPECT_EQ(scene.last().method + " " + scene.last().path, "DELETE /tags/y");
  }
  const json::object renamed{{"tag", "y"}, {"updated", true}};
  EXPECT_EQ(scene.json_of({"settings", "tags", "update", "x", "--new-name", "y"}), renamed);
}

TEST(SettingsTags, W18_a_colour_that_is_none_is_not_sent) {
  Scene scene(no_content);
  for (const char* wrong : {"gggggg", "12345", "", "rouge"}) {
    EXPECT_EQ(scene.run({"settings", "tags", "create", "x", "--color", wrong}).code, 2) << wrong;
    EXPECT_EQ(scene.run({"settings", "tags", "update", "x", "--color", wrong}).code, 2) << wrong;
  }
  EXPECT_TRUE(scene.server.requests().empty());
}

TEST(MytokenTags, are_added_and_removed) {
  Scene scene(no_content);
  EXPECT_EQ(scene.run({"MT", "tags", "add", "ci"}).out, "Tag 'ci' added\n");
  EXPECT_EQ(scene.last().method + " " + scene.last().path, "POST /my/tags");
  const json::object own{{"tag", "ci"}, {"include_children", false}, {"mytoken", scene.token()}};
  EXPECT_EQ(scene.last().json, own);
  for (const char* command : {"remove", "rm", "delete"}) {
    EXPECT_EQ(scene.run({"mt", "tags", command, "ci", "--mom-id", "m", "--include-children"}).out,
              "Tag 'ci' removed\n");
    const json::object other{
        {"tag", "ci"}, {"include_children", true}, {"mom_id", "m"}, {"mytoken", scene.token()}};
    EXPECT_EQ(scene.last().json, other);
    EXPECT_EQ(scene.last().method, "DELETE");
  }
  const json::object expected{{"tag", "ci"}, {"added", true}, {"mom_id", "m"}};
  EXPECT_EQ(scene.json_of({"MT", "tags", "add", "ci", "--mom-id", "m"}), expected);
}

// What all have in common.

TEST(SettingsHints, name_the_missing_capability) {
  Scene scene([](const FakeRequest&) {
    return answer_error(403, "insufficient_capabilities", "not allowed");
  });
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"settings", "grants", "list"}, "read@settings:grants"},
      {{"settings", "grants", "enable", "ssh"}, "settings:grants"},
      {{"settings", "grants", "disable", "ssh"}, "settings:grants"},
      {{"settings", "grants", "ssh", "list"}, "read@settings:grants:ssh"},
      {{"settings", "grants", "ssh", "add", key_line}, "settings:grants:ssh"},
      {{"settings", "grants", "ssh", "rm", "SHA256:x"}, "settings:grants:ssh"},
      {{"settings", "email", "get"}, "read@settings:email"},
      {{"settings", "email", "update", "--html"}, "settings:email"},
      {{"settings", "tags", "list"}, "read@settings:tags"},
      {{"settings", "tags", "create", "x"}, "settings:tags"},
      {{"settings", "tags", "update", "x", "--color", "red"}, "settings:tags"},
      {{"settings", "tags", "delete", "x"}, "settings:tags"},
      {{"MT", "tags", "add", "x"}, "tokeninfo:tags"},
      {{"MT", "tags", "rm", "x", "--mom-id", "m"}, "manage_mytokens:tags"},
      {{"MT", "list"}, "manage_mytokens:list"},
      {{"info", "list-mytokens"}, "manage_mytokens:list"},
      {{"info", "introspect"}, "tokeninfo:introspect"},
      {{"info", "history"}, "tokeninfo:history"},
      {{"info", "history", "--mom-id", "m"}, "manage_mytokens:history"},
      {{"info", "subtokens"}, "tokeninfo:subtokens"},
      {{"info", "notifications"}, "tokeninfo:notify"},
      {{"revoke", "--mom-id", "m"}, "manage_mytokens:revoke"}};
  for (const auto& [arguments, capability] : cases) {
    const Finished finished = scene.run(arguments);
    EXPECT_EQ(finished.code, 1);
    EXPECT_EQ(finished.out, "");
    EXPECT_EQ(finished.err,
              "mytoken: error: insufficient_capabilities: not allowed\n"
              "mytoken: hint: this needs a mytoken with the capability '" +
                  capability + "'\n");
  }
}

TEST(Settings, W10_a_server_without_them_is_told_as_such) {
  Scene scene([](const FakeRequest&) { return answer_error(404, "not_found", ""); });
  scene.settings = {};
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"settings", "grants", "list"},
                                             {"settings", "grants", "ssh", "list"},
                                             {"settings", "email", "get"},
                                             {"settings", "tags", "list"}}) {
    const Finished finished = scene.run(arguments);
    EXPECT_EQ(finished.code, 1);
    EXPECT_EQ(finished.out, "");
    EXPECT_TRUE(finished.err.starts_with("mytoken: error: not supported by this server"))
        << finished.err;
  }
}

TEST(Settings, a_rotated_token_goes_back_to_its_file) {
  Scene scene([](const FakeRequest&) {
    return answer_json({{"token_update", json::object{{"mytoken", "the-successor"}}}});
  });
  const auto file = scene.cli.home / "mt";
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"settings", "grants", "list"},
                                             {"settings", "grants", "enable", "ssh"},
                                             {"settings", "tags", "create", "x"},
                                             {"settings", "email", "update", "--html"},
                                             {"settings", "grants", "ssh", "rm", "SHA256:x"},
                                             {"MT", "tags", "add", "x"},
                                             {"MT", "list"},
                                             {"revoke", "--mom-id", "m"}}) {
    write_file(file, scene.token());
    std::vector<std::string> words = arguments;
    words.insert(words.end(), {"--MT-file", file.string()});
    const Finished finished = scene.cli.run(words);
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(finished.err, "");
    EXPECT_FALSE(has(finished.out, "the-successor"));
    EXPECT_EQ(read_file(file), "the-successor\n") << arguments[1];
  }
}

}  // namespace
}  // namespace mytoken
