// Commands with --ssh: the same output as over HTTPS, without a mytoken and without any server
// address (spec cli.md §1.10 and §1.13).
#include <gtest/gtest.h>

#include "unit/cli/program.h"
#include "unit/client/stand_in_ssh.h"

namespace mytoken {
namespace {

using test::Cli;
using test::fake_mytoken;
using test::Finished;
using test::Program;
using test::read_file;
using test::StandInSsh;

constexpr const char* access_token = "abcdefghijklmnop-QRST.123";

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Scene {
  Finished run(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.end(), {"--ssh", "mt-host"});
    return cli.run(arguments, input);
  }
  StandInSsh ssh;
  Cli cli;
};

TEST(OverSsh, W8_an_access_token_needs_no_mytoken_no_server_address_and_may_go_to_a_file) {
  Scene it;
  it.ssh.answers(std::string(access_token) + "\n");
  const Finished run = it.run({"AT", "-s", "a,b", "it's mine"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, std::string(access_token) + "\n");
  EXPECT_EQ(run.err, "");
  EXPECT_EQ(it.ssh.request(), "AT");
  EXPECT_EQ(it.ssh.payload(), (json::object{{"scope", "a b"}, {"comment", "it's mine"}}));
  const Finished file = it.run({"AT", "--out", (it.cli.home / "at").string()});
  EXPECT_EQ(file.code, 0) << file.err;
  EXPECT_EQ(file.out, "");
  EXPECT_EQ(read_file(it.cli.home / "at"), std::string(access_token) + "\n");
}

TEST(OverSsh, W7_an_error_of_the_server_is_not_printed_as_a_token) {
  Scene it;
  it.ssh.answers("usage_restricted: no usage left\n");
  const Finished run = it.run({"AT"});
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(run.out, "");
  EXPECT_TRUE(run.err.starts_with("mytoken: error: usage_restricted: no usage left\n")) << run.err;
  it.ssh.answers("", 255);
  const Finished failed = it.run({"AT"});
  EXPECT_EQ(failed.code, 3);
  EXPECT_EQ(failed.err,
            "mytoken: error: ssh mt-host AT failed with exit status 255\n"
            "mytoken: hint: its messages are above; 'ssh -v' with this host tells more\n");
}

TEST(OverSsh, W8_a_mytoken_is_made_without_discovery) {
  Scene it;
  const std::string token = fake_mytoken("https://mt.example.org");
  it.ssh.answers(token + "\n");
  const Finished run = it.run({"MT", "--name", "n", "--capability", "AT"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, token + "\n");
  const json::object payload = it.ssh.payload();
  EXPECT_EQ(string_member(payload, "name"), "host.example.org:n");
  EXPECT_FALSE(payload.contains("grant_type"));
  EXPECT_FALSE(payload.contains("mytoken"));
  it.ssh.answers("xkcdWvQz\n");
  EXPECT_EQ(it.run({"MT", "--token-type", "transfer"}).out, "xkcdWvQz\n");
}

TEST(OverSsh, W8_a_recursive_revocation_stays_recursive) {
  Scene it;
  it.ssh.answers("OK\n");
  EXPECT_EQ(it.run({"revoke", "--recursive"}).out, "Token revoked\n");
  EXPECT_EQ(it.ssh.payload(), (json::object{{"recursive", true}}));
  EXPECT_EQ(it.run({"revoke", "--mom-id", "m"}).code, 0);
  EXPECT_EQ(it.ssh.payload(), (json::object{{"mom_id", "m"}}));
}

TEST(OverSsh, W8_notifications_and_calendars_are_created_without_a_mytoken) {
  Scene it;
  it.ssh.answers("{\"management_code\":\"m\"}\n");
  const Finished run =
      it.run({"notifications", "create", "--type", "mail", "--classes", "expiration"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "Management code: m\n");
  it.ssh.answers("{\"id\":\"c1\",\"ics_path\":\"https://mt.example.org/calendars/c1\"}\n");
  EXPECT_TRUE(has(it.run({"calendars", "create"}).out, "https://mt.example.org/calendars/c1"));
}

TEST(OverSsh, answers_look_as_over_https) {
  Scene it;
  it.ssh.answers("{\"valid\":true,\"mom_id\":\"m\"}\n");
  EXPECT_EQ(it.run({"info", "introspect"}).out, "{\n  \"valid\": true,\n  \"mom_id\": \"m\"\n}\n");
  it.ssh.answers("{\"notifications\":[{\"management_code\":\"m\"}]}\n");
  EXPECT_TRUE(has(it.run({"notifications", "list"}).out, "MANAGEMENT CODE"));
  it.ssh.answers("{\"tags\":[{\"tag\":\"ci\",\"color\":\"#33ff57\"}]}\n");
  EXPECT_TRUE(has(it.run({"settings", "tags", "list"}).out, "#33FF57"));
  it.ssh.answers("OK\n");
  EXPECT_EQ(it.run({"calendars", "unsubscribe", "c1"}).out, "Mytoken removed from the calendar\n");
  EXPECT_EQ(it.ssh.request(), "calendar-remove-mytoken");
  EXPECT_EQ(it.run({"MT", "tags", "add", "t"}).code, 0);
  EXPECT_EQ(it.ssh.request(), "add-tag");
}

TEST(OverSsh, what_is_not_available_says_so_and_starts_nothing) {
  Scene it;
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"info"},
                                             {"info", "history", "--mom-id", "x"},
                                             {"settings", "grants", "list"},
                                             {"settings", "grants", "ssh", "list"},
                                             {"transfer", "create"},
                                             {"MT", "--TC", "xkcdWvQz"},
                                             {"MT", "--oidc"}}) {
    const Finished run = it.run(words);
    EXPECT_EQ(run.code, 2) << words.back();
    EXPECT_EQ(run.out, "");
    EXPECT_TRUE(has(run.err, "not available over ssh")) << run.err;
  }
  EXPECT_FALSE(it.ssh.was_called());
}

TEST(OverSsh, another_mytoken_cannot_be_meant) {
  Scene it;
  const Finished run = it.run({"AT", "--MT", fake_mytoken("https://mt.example.org")});
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(it.cli.run({"AT", "--ssh", ""}).code, 2);
  EXPECT_FALSE(it.ssh.was_called());
}

TEST(OverSsh, what_the_program_says_to_people_reaches_them) {
  Scene it;
  it.ssh.runs("echo 'banner of the host' >&2; echo abcdefghijklmnop-QRST.123");
  it.cli.environment["PATH"] = it.ssh.path;
  Program program(it.cli, {"AT", "--ssh", "mt-host"});
  EXPECT_EQ(program.finish(), 0) << program.shown;
  EXPECT_TRUE(has(program.shown, "banner of the host")) << program.shown;
  EXPECT_EQ(program.out(), std::string(access_token) + "\n");
}

TEST(OverSsh, control_c_ends_the_waiting) {
  Scene it;
  it.ssh.runs("echo waiting >&2; exec sleep 60");
  it.cli.environment["PATH"] = it.ssh.path;
  Program program(it.cli, {"AT", "--ssh", "mt-host"});
  ASSERT_TRUE(program.wait_for("waiting")) << program.shown;
  program.type("\x03");
  EXPECT_EQ(program.finish(), 4) << program.shown;
  EXPECT_EQ(program.out(), "");
}

}  // namespace
}  // namespace mytoken
