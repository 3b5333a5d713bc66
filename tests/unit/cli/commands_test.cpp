// Whole commands inside the test process against a scripted server: requests, streams, exit codes.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "unit/cli/harness.h"

namespace mytoken {
namespace {

using test::answer_error;
using test::answer_json;
using test::at_answer;
using test::Cli;
using test::fake_mytoken;
using test::FakeAnswer;
using test::FakeRequest;
using test::FakeServer;
using test::Finished;
using test::has;
using test::read_file;
using test::write_file;

TEST(AccessToken, stdout_is_the_token_and_stderr_is_silent) {
  FakeServer server(at_answer);
  Cli cli;
  write_file(cli.home / "mt", fake_mytoken(server.url()) + "\n");
  const Finished run =
      cli.run({"AT", "--MT-file", (cli.home / "mt").string(), "-s", "a,b", "-aud", "x", "why"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "the-at\n");
  EXPECT_EQ(run.err, "");
  const json::object expected{{"grant_type", "mytoken"},
                              {"mytoken", fake_mytoken(server.url())},
                              {"scope", "a b"},
                              {"audience", "x"},
                              {"comment", "why"}};
  EXPECT_EQ(server.last_json(), expected);
}

TEST(AccessToken, one_request_is_enough_when_the_server_is_known) {
  FakeServer server(at_answer);
  Cli cli;
  cli.environment["MYTOKEN"] = fake_mytoken(server.url());
  EXPECT_EQ(cli.run({"AT"}).code, 0);
  EXPECT_EQ(cli.run({"AT"}).code, 0);
  EXPECT_EQ(server.count("/at"), 2U);
  EXPECT_EQ(server.requests().size(), 3U);
}

TEST(AccessToken, json_has_the_expiry_as_a_time) {
  FakeServer server(at_answer);
  Cli cli;
  cli.environment["T"] = fake_mytoken(server.url());
  const Finished run = cli.run({"AT", "--MT-env", "T", "--json"});
  const json::object expected{{"access_token", "the-at"},
                              {"token_type", "Bearer"},
                              {"expires_in", 3600},
                              {"expires_at", 1'780'003'600}};
  EXPECT_EQ(parse_json(run.out)->as_object(), expected);
}

TEST(AccessToken, an_out_file_is_private_and_stdout_stays_empty) {
  FakeServer server(at_answer);
  Cli cli;
  cli.environment["T"] = fake_mytoken(server.url());
  const auto file = cli.home / "at";
  const Finished run = cli.run({"AT", "--MT-env", "T", "-o", file.string()});
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(read_file(file), "the-at\n");
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST(AccessToken, an_out_file_that_cannot_be_written_is_not_success) {
  FakeServer server(at_answer);
  Cli cli;
  cli.environment["T"] = fake_mytoken(server.url());
  EXPECT_EQ(cli.run({"AT", "--MT-env", "T", "-o", (cli.home / "missing/at").string()}).code, 5);
}

TEST(ExitCodes, refusals_are_1_and_name_the_missing_capability) {
  FakeServer server([](const FakeRequest&) {
    return answer_error(403, "insufficient_capabilities", "not allowed");
  });
  Cli cli;
  cli.environment["T"] = fake_mytoken(server.url());
  const Finished run = cli.run({"AT", "--MT-env", "T"});
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(run.err,
            "mytoken: error: insufficient_capabilities: not allowed\n"
            "mytoken: hint: this needs a mytoken with the capability 'AT'\n");
}

TEST(ExitCodes, usage_is_2) {
  Cli cli;
  EXPECT_EQ(cli.run({"AT"}).code, 2);
  EXPECT_EQ(cli.run({"nonsense"}).code, 2);
  EXPECT_EQ(cli.run({"AT", "--MT", "too-short"}).code, 2);
  EXPECT_EQ(cli.run({"AT", "--MT-file", "/does/not/exist"}).code, 2);
  EXPECT_EQ(cli.run({"AT", "--config", "/does/not/exist"}).code, 2);
  EXPECT_EQ(cli.run({"MT", "--url", "http://mt.example.org", "-i", "https://op.example.org"}).code,
            2);
  EXPECT_EQ(
      cli.run({"revoke", "--mom-id", "", "--MT", fake_mytoken("https://mt.example.org")}).code, 2);
}

TEST(ExitCodes, an_unreachable_or_failing_server_is_3) {
  Cli cli;
  std::string url;
  {
    FakeServer server([](const FakeRequest&) { return FakeAnswer{503, "<html>", "", false}; });
    url = server.url();
    cli.environment["T"] = fake_mytoken(url);
    EXPECT_EQ(cli.run({"AT", "--MT-env", "T"}).code, 3);
  }
  const Finished run = cli.run({"AT", "--MT-env", "T"});
  EXPECT_EQ(run.code, 3);
  EXPECT_EQ(run.out, "");
  EXPECT_TRUE(has(run.err, "mytoken: error: cannot reach " + url)) << run.err;
}

TEST(ExitCodes, an_interruption_is_4) {
  FakeServer server(at_answer);
  Cli cli;
  cli.environment["T"] = fake_mytoken(server.url());
  cli.stop.request_stop();
  EXPECT_EQ(cli.run({"AT", "--MT-env", "T"}).code, 4);
}

TEST(ExitCodes, help_and_version_are_0_on_stdout) {
  Cli cli;
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {}, {"--help"}, {"MT", "-h"}, {"--version"}, {"info", "help"}}) {
    const Finished run = cli.run(words);
    EXPECT_EQ(run.code, 0);
    EXPECT_FALSE(run.out.empty());
    EXPECT_EQ(run.err, "");
  }
}

// Rotation.

FakeAnswer rotating_answer(const FakeRequest&) {
  return answer_json(
      {{"access_token", "the-at"},
       {"token_update", json::object{{"mytoken", "the-successor"}, {"mytoken_type", "token"}}}});
}

TEST(RotatedToken, goes_back_to_its_file) {
  FakeServer server(rotating_answer);
  Cli cli;
  const auto file = cli.home / "mt";
  write_file(file, fake_mytoken(server.url()) + "\r\n# note\n");
  const Finished run = cli.run({"AT", "--MT-file", file.string()});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "the-at\n");
  EXPECT_EQ(run.err, "");
  EXPECT_EQ(read_file(file), "the-successor\n# note\n");
}

TEST(RotatedToken, is_shown_on_stderr_if_it_came_from_elsewhere) {
  FakeServer server(rotating_answer);
  Cli cli;
  cli.environment["T"] = fake_mytoken(server.url());
  const Finished run = cli.run({"AT", "--MT-env", "T"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "the-at\n");
  EXPECT_TRUE(has(run.err, "mytoken: notice: the mytoken from $T was replaced"));
  EXPECT_TRUE(has(run.err, "\nthe-successor\n"));
}

TEST(RotatedToken, that_cannot_be_stored_is_rescued_and_the_result_still_printed) {
  Cli cli;
  const auto directory = cli.home / "d";
  FakeServer server([&directory](const FakeRequest& request) {
    std::filesystem::remove_all(directory);
    return rotating_answer(request);
  });
  std::filesystem::create_directory(directory);
  write_file(directory / "mt", fake_mytoken(server.url()));
  const Finished run = cli.run({"AT", "--MT-file", (directory / "mt").string()});
  EXPECT_EQ(run.code, 5);
  EXPECT_EQ(run.out, "the-at\n");
  EXPECT_FALSE(has(run.err, "the-successor"));
  EXPECT_TRUE(has(run.err, "mytoken: hint: "));
  std::vector<std::filesystem::path> rescues;
  for (const auto& entry : std::filesystem::directory_iterator(cli.home)) {
    if (entry.path().filename().string().starts_with("mt.rescue-")) rescues.push_back(entry.path());
  }
  ASSERT_EQ(rescues.size(), 1U);
  EXPECT_EQ(read_file(rescues[0]), "the-successor\n");
}

// Getting mytokens.

TEST(MytokenCommand, a_sub_token_request_has_the_published_members) {
  FakeServer server([](const FakeRequest&) {
    return answer_json({{"mytoken", "child"}, {"mytoken_type", "short_token"}});
  });
  Cli cli;
  cli.environment["T"] = fake_mytoken(server.url());
  const Finished run = cli.run({"MT", "--MT-env", "T", "-n", "ci", "--usages-AT", "5",
                                "--geo-ip-disallow", "xx", "--capability", "AT", "--token-type",
                                "short", "--rotation-on-AT", "--max-token-len", "100"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "child\n");
  const json::object expected{
      {"restrictions",
       json::array{json::object{{"geoip_disallow", json::array{"xx"}}, {"usages_AT", 5}}}},
      {"capabilities", json::array{"AT"}},
      {"name", "host.example.org:ci"},
      {"response_type", "short_token"},
      {"rotation", json::object{{"on_AT", true}}},
      {"max_token_len", 100},
      {"application_name", "mytoken client on host.example.org"},
      {"grant_type", "mytoken"},
      {"mytoken", fake_mytoken(server.url())},
      {"error_on_restrictions", true}};
  EXPECT_EQ(server.last_json(), expected);
}

TEST(MytokenCommand, a_transfer_code_is_a_result) {
  FakeServer server([](const FakeRequest&) {
    return answer_json(
        {{"transfer_code", "abcdefgh"}, {"mytoken_type", "transfer_code"}, {"expires_in", 300}});
  });
  Cli cli;
  cli.environment["T"] = fake_mytoken(server.url());
  EXPECT_EQ(cli.run({"MT", "--MT-env", "T", "--token-type", "transfer"}).out, "abcdefgh\n");
  EXPECT_EQ(cli.run({"transfer", "create", "--MT-env", "T"}).out, "abcdefgh\n");
  EXPECT_EQ(server.requests().back().path, "/transfer");
}

TEST(MytokenCommand, a_transfer_code_can_be_redeemed_without_a_mytoken) {
  FakeServer server([](const FakeRequest&) {
    return answer_json({{"mytoken", "moved"}, {"mytoken_type", "token"}});
  });
  Cli cli;
  const Finished run = cli.run({"MT", "--TC", "abcdefgh", "--url", server.url()});
  EXPECT_EQ(run.out, "moved\n");
  const json::object expected{{"grant_type", "transfer_code"}, {"transfer_code", "abcdefgh"}};
  EXPECT_EQ(server.last_json(), expected);
}

TEST(MytokenCommand, a_declined_login_is_1_an_expired_one_4) {
  std::string reason;
  FakeServer server([&reason](const FakeRequest& request) {
    if (string_member(request.json, "grant_type") == "polling_code")
      return answer_error(401, reason);
    return answer_json({{"consent_uri", "https://mt.example.org/c/x"},
                        {"polling_code", "p"},
                        {"expires_in", 1},
                        {"interval", 1}});
  });
  Cli cli;
  reason = "access_denied";
  EXPECT_EQ(cli.run({"MT", "--url", server.url(), "-i", "https://op.example.org"}).code, 1);
  reason = "expired_token";
  const Finished run = cli.run({"MT", "--url", server.url()});  // the only provider is taken
  EXPECT_EQ(run.code, 4);
  EXPECT_EQ(run.out, "");
  EXPECT_TRUE(has(run.err, "  https://mt.example.org/c/x\n"));
  EXPECT_FALSE(has(run.err, "\x1b"));
  EXPECT_FALSE(has(run.err, "\u2588"));  // no picture without a terminal
}

TEST(MytokenCommand, a_login_request_has_the_published_members) {
  FakeServer server([](const FakeRequest&) { return answer_error(400, "invalid_request"); });
  Cli cli;
  cli.environment["BEARER_TOKEN"] = test::fake_access_token();
  write_file(cli.home / "c.yaml", "providers: {op: https://named.example.org}\n");
  const Finished run = cli.run(
      {"MT", "--url", server.url(), "-i", "op", "--config", (cli.home / "c.yaml").string()});
  EXPECT_EQ(run.code, 1);
  EXPECT_TRUE(has(run.err, "mytoken: warning: $BEARER_TOKEN holds an access token"));
  const json::object expected{{"oidc_issuer", "https://named.example.org"},
                              {"capabilities", json::array{"AT", "tokeninfo"}},
                              {"application_name", "mytoken client on host.example.org"},
                              {"grant_type", "oidc_flow"},
                              {"oidc_flow", "authorization_code"},
                              {"client_type", "native"}};
  EXPECT_EQ(server.last_json(), expected);
}

// The rest.

TEST(Info, decodes_the_token_without_asking_anybody) {
  FakeServer server(at_answer);
  Cli cli;
  const Finished run = cli.run({"tokeninfo", "--MT", fake_mytoken(server.url(), 7)});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(parse_json(run.out)->at("seq_no").as_int64(), 7);
  EXPECT_TRUE(server.requests().empty());
  EXPECT_EQ(cli.run({"info", "--MT", "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNOP"}).code, 2);
}

TEST(Info, sub_commands_ask_the_server_and_hide_the_successor) {
  FakeServer server([](const FakeRequest&) {
    return answer_json(
        {{"events", json::array()}, {"token_update", json::object{{"mytoken", "the-successor"}}}});
  });
  Cli cli;
  write_file(cli.home / "mt", fake_mytoken(server.url()));
  const Finished run = cli.run({"info", "--MT-file", (cli.home / "mt").string(), "history",
                                "--mom-id", "this,children", "--json"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "{\n  \"events\": []\n}\n");
  EXPECT_EQ(read_file(cli.home / "mt"), "the-successor\n");
  const json::object expected{{"action", "event_history"},
                              {"mytoken", fake_mytoken(server.url())},
                              {"mom_ids", json::array{"this", "children"}}};
  EXPECT_EQ(server.last_json(), expected);
}

TEST(Revoke, prints_what_scripts_look_for) {
  FakeServer server([](const FakeRequest&) { return FakeAnswer{204, "", "", false}; });
  Cli cli;
  const Finished run = cli.run({"revoke", "--MT", fake_mytoken(server.url()), "-r"});
  EXPECT_EQ(run.out, "Token revoked\n");
  const json::object expected{{"token", fake_mytoken(server.url())}, {"recursive", true}};
  EXPECT_EQ(server.last_json(), expected);
  EXPECT_EQ(cli.run({"revoke", "--MT", fake_mytoken(server.url()), "--json"}).out,
            "{\n  \"revoked\": true\n}\n");
}

TEST(Errors, a_server_cannot_write_control_characters_to_the_terminal) {
  FakeServer server(
      [](const FakeRequest&) { return answer_error(400, "bad\x1b[2J", "line\nbreak"); });
  Cli cli;
  const Finished run = cli.run({"revoke", "--MT", fake_mytoken(server.url())});
  EXPECT_EQ(run.err, "mytoken: error: bad?[2J: line?break\n");
}

TEST(MytokenCommand, a_transfer_code_is_not_spent_if_its_token_could_not_be_written) {
  FakeServer server([](const FakeRequest&) {
    return answer_json({{"mytoken", "moved"}, {"mytoken_type", "token"}});
  });
  Cli cli;
  for (const auto& file : {cli.home / "missing/token", cli.home}) {
    const Finished run =
        cli.run({"MT", "--TC", "abcdefgh", "--url", server.url(), "-o", file.string()});
    EXPECT_EQ(run.code, 2);
    EXPECT_TRUE(has(run.err, "cannot write to " + file.string())) << run.err;
  }
  EXPECT_TRUE(server.requests().empty());
  const auto file = cli.home / "token";
  EXPECT_EQ(cli.run({"MT", "--TC", "abcdefgh", "--url", server.url(), "-o", file.string()}).code,
            0);
  EXPECT_EQ(read_file(file), "moved\n");
}

TEST(HostileServer, json_as_deep_as_an_answer_may_be_does_not_end_the_command) {
  const std::string deep = std::string(500, '[') + std::string(500, ']');
  FakeServer server([&deep](const FakeRequest&) {
    return FakeAnswer{200, R"({"mytoken":"moved","restrictions":)" + deep + "}", "", false};
  });
  Cli cli;
  const Finished made = cli.run({"MT", "--TC", "abcdefgh", "--url", server.url(), "--json"});
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_TRUE(has(made.out, "moved"));
}

TEST(StoreCommand, a_token_of_what_is_no_server_is_not_stored) {
  Cli cli;
  for (const char* issuer :
       {"$(touch owned)", "http://mt.example.org", "https://mt.example.org\n"}) {
    cli.environment["T"] = fake_mytoken(issuer);
    EXPECT_EQ(cli.run({"store", "add", "x", "--MT-env", "T", "--storage", "file"}).code, 2)
        << issuer;
  }
  EXPECT_EQ(cli.run({"store", "list", "--json"}).out, "[]\n");
  cli.environment["T"] = fake_mytoken("https://mt.example.org");
  EXPECT_EQ(cli.run({"store", "add", "x", "--MT-env", "T", "--storage", "file"}).code, 0);
}

}  // namespace
}  // namespace mytoken
