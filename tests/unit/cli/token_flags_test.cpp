// Which mytoken a command takes, and where its successor goes (spec cli.md §1.4, §1.5).
#include <gtest/gtest.h>

#include "unit/cli/harness.h"

namespace mytoken {
namespace {

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

FakeAnswer rotating_answer(const FakeRequest&) {
  return answer_json(
      {{"access_token", "the-at"},
       {"token_update", json::object{{"mytoken", "the-successor"}, {"mytoken_type", "token"}}}});
}

TEST(TokenSources, standard_input_is_a_source) {
  FakeServer server(at_answer);
  Cli cli;
  EXPECT_EQ(cli.run({"AT", "--MT-file", "-"}, fake_mytoken(server.url()) + "\r\nmore\n").out,
            "the-at\n");
}

TEST(TokenSources, earlier_sources_win) {
  FakeServer server(at_answer);
  Cli cli;
  write_file(cli.home / "file", fake_mytoken(server.url(), 3));
  cli.environment["T"] = fake_mytoken(server.url(), 2);
  cli.environment["MYTOKEN"] = fake_mytoken(server.url(), 4);
  const std::string file = (cli.home / "file").string();
  const auto used = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "AT");
    EXPECT_EQ(cli.run(words).code, 0);
    return std::string(string_member(server.last_json(), "mytoken"));
  };
  EXPECT_EQ(used({"--MT", fake_mytoken(server.url(), 1), "--MT-env", "T", "--MT-file", file}),
            fake_mytoken(server.url(), 1));
  EXPECT_EQ(used({"--MT-env", "T", "--MT-file", file}), fake_mytoken(server.url(), 2));
  EXPECT_EQ(used({"--MT-env", "UNSET", "--MT-file", file}), fake_mytoken(server.url(), 3));
  EXPECT_EQ(used({}), fake_mytoken(server.url(), 4));
}

TEST(TokenSources, a_discovered_file_of_ours_is_used_and_rotated_but_not_one_for_access_tokens) {
  FakeServer server(rotating_answer);
  const std::string uid = std::to_string(::geteuid());
  Cli ours;
  write_file(ours.home / "tmp" / ("mt_u" + uid), fake_mytoken(server.url()));
  EXPECT_EQ(ours.run({"AT"}).code, 0);
  EXPECT_EQ(read_file(ours.home / "tmp" / ("mt_u" + uid)), "the-successor\n");
  Cli theirs;
  const auto file = theirs.home / "tmp" / ("bt_u" + uid);
  write_file(file, fake_mytoken(server.url()));
  const Finished run = theirs.run({"AT"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(read_file(file), fake_mytoken(server.url()));
  EXPECT_TRUE(has(run.err, "\nthe-successor\n"));
}

TEST(TokenSources, a_discovered_file_that_others_can_read_is_passed_over_with_a_warning) {
  FakeServer server(at_answer);
  Cli cli;
  const auto file = cli.home / "tmp" / ("mt_u" + std::to_string(::geteuid()));
  write_file(file, fake_mytoken(server.url()));
  std::filesystem::permissions(file, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  const Finished run = cli.run({"AT"});
  EXPECT_EQ(run.code, 2);
  EXPECT_TRUE(has(run.err, "mytoken: warning: ignoring " + file.string()));
  EXPECT_TRUE(server.requests().empty());
}

TEST(TokenSources, a_discovered_access_token_is_named_as_such) {
  FakeServer server(at_answer);
  Cli cli;
  cli.environment["BEARER_TOKEN"] = test::fake_access_token();
  const Finished run = cli.run({"AT", "--url", server.url()});
  EXPECT_EQ(run.code, 2);
  EXPECT_TRUE(has(run.err, "the token from $BEARER_TOKEN is not a mytoken")) << run.err;
  EXPECT_FALSE(has(run.err, test::fake_access_token()));
  EXPECT_TRUE(server.requests().empty());
}

TEST(TokenSources, discovery_can_be_switched_off) {
  FakeServer server(at_answer);
  Cli cli;
  cli.environment["BEARER_TOKEN"] = fake_mytoken(server.url());
  write_file(cli.home / "c.yaml", "use_wlcg_token_discovery: false\n");
  EXPECT_EQ(cli.run({"AT", "--config", (cli.home / "c.yaml").string()}).code, 2);
  EXPECT_EQ(cli.run({"AT"}).code, 0);
}

TEST(TokenSources, the_issuer_of_the_token_is_asked_and_a_different_url_warned_about) {
  FakeServer server(at_answer);
  Cli cli;
  cli.environment["T"] = fake_mytoken(server.url());
  const Finished run = cli.run({"AT", "--MT-env", "T", "--url", "https://other.example.org"});
  EXPECT_EQ(run.code, 0);
  EXPECT_TRUE(has(run.err, "mytoken: warning: "));
  EXPECT_EQ(cli.run({"AT", "--MT-env", "T", "--url", server.url() + "/"}).err, "");
}

}  // namespace
}  // namespace mytoken
