// What other programs are given, each in its own protocol, and what they are not given.
#include <gtest/gtest.h>

#include "cli/security_token_service.h"
#include "unit/cli/harness.h"

namespace mytoken {
namespace {

using client::ErrorKind;
using test::answer_error;
using test::answer_json;
using test::Cli;
using test::fake_mytoken;
using test::FakeAnswer;
using test::FakeRequest;
using test::FakeServer;
using test::Finished;

struct Place {
  Place()
      : server([count = std::make_shared<int>(0)](const FakeRequest&) {
          return answer_json(
              {{"access_token", "at-" + std::to_string(++*count)}, {"expires_in", 3600}});
        }) {
    cli.environment["MYTOKEN"] = fake_mytoken(server.url());
  }
  Finished helper(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.begin(), "credential-helper");
    return cli.run(arguments, input);
  }
  Finished git(const std::string& operation, const std::string& question) {
    return helper({"git", "--host", "git.example.org,forge.example.org:8443", operation}, question);
  }
  FakeServer server;
  Cli cli;
};

constexpr const char* question = "protocol=https\nhost=git.example.org\n\n";

TEST(GitCredential, get_answers_with_a_password_and_its_end) {
  Place place;
  const Finished run = place.git("get", question);
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "username=oauth2\npassword=at-1\npassword_expiry_utc=1780003600\n");
  EXPECT_EQ(run.err, "");
}

TEST(GitCredential, a_git_that_knows_other_headers_gets_a_bearer_token) {
  Place place;
  EXPECT_EQ(place
                .git("get",
                     "capability[]=authtype\ncapability[]=state\nprotocol=https\n"
                     "host=git.example.org\nwwwauth[]=Bearer realm=\"x\"\n\n")
                .out,
            "capability[]=authtype\nauthtype=Bearer\ncredential=at-1\n"
            "password_expiry_utc=1780003600\n");
}

TEST(GitCredential, the_user_name_can_be_chosen) {
  Place place;
  const Finished run =
      place.helper({"git", "--host", "git.example.org", "--username", "x-token", "get"}, question);
  EXPECT_EQ(run.out.substr(0, 17), "username=x-token\n");
}

TEST(GitCredential, other_hosts_other_ports_and_plain_http_get_nothing) {
  Place place;
  for (const char* other :
       {"protocol=https\nhost=github.com\n\n", "protocol=http\nhost=git.example.org\n\n",
        "protocol=https\nhost=git.example.org:8443\n\n",
        "protocol=https\nhost=forge.example.org\n\n",
        "protocol=https\nhost=git.example.org.evil.org\n\n",
        "protocol=ssh\nhost=git.example.org\n\n", "\n", ""}) {
    const Finished run = place.git("get", other);
    EXPECT_EQ(run.code, 0) << other;
    EXPECT_EQ(run.out + run.err, "") << other;
  }
  EXPECT_EQ(place.server.requests().size(), 0U);
  EXPECT_NE(place.git("get", "protocol=https\nhost=FORGE.example.org:8443\n\n").out, "");
}

TEST(GitCredential, without_hosts_it_answers_nobody_and_says_why) {
  Place place;
  EXPECT_EQ(place.helper({"git", "get"}, question).code, 2);
  EXPECT_EQ(place.helper({"git", "--host", "git.example.org"}, question).code, 2);
  EXPECT_EQ(place.git("get", "nonsense\n").code, 2);
}

TEST(GitCredential, store_does_nothing_and_erase_drops_the_cached_token) {
  Place place;
  EXPECT_NE(place.git("get", question).out.find("at-1"), std::string::npos);
  EXPECT_EQ(place.git("store", question).code, 0);
  EXPECT_NE(place.git("get", question).out.find("at-1"), std::string::npos);
  const Finished run = place.git("erase", question);
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "");
  EXPECT_NE(place.git("get", question).out.find("at-2"), std::string::npos);
}

TEST(GitCredential, operations_of_later_versions_are_ignored) {
  Place place;
  const Finished run = place.git("capability", question);
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "");
}

TEST(KubernetesCredential, speaks_the_version_that_is_asked_for) {
  Place place;
  for (const char* version :
       {"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"}) {
    const json::object info{
        {"apiVersion", version}, {"kind", "ExecCredential"}, {"spec", {{"interactive", false}}}};
    place.cli.environment["KUBERNETES_EXEC_INFO"] = json::serialize(info);
    const Finished run = place.helper({"kubernetes"});
    const json::object expected{
        {"apiVersion", version},
        {"kind", "ExecCredential"},
        {"status", {{"token", "at-1"}, {"expirationTimestamp", "2026-05-28T21:26:40Z"}}}};
    EXPECT_EQ(parse_json(run.out)->as_object(), expected);
  }
}

TEST(KubernetesCredential, without_a_question_it_speaks_v1_and_others_are_refused) {
  Place place;
  EXPECT_NE(place.helper({"kube"}).out.find("\"client.authentication.k8s.io/v1\""),
            std::string::npos);
  for (const char* info :
       {"{", "[]", "{}", R"({"apiVersion":"client.authentication.k8s.io/v1alpha1"})"}) {
    place.cli.environment["KUBERNETES_EXEC_INFO"] = info;
    const Finished run = place.helper({"kubernetes"});
    EXPECT_EQ(run.code, 2) << info;
    EXPECT_EQ(run.out, "");
  }
}

TEST(KubernetesCredential, nobody_is_asked_where_nobody_sits) {
  Place place;
  place.cli.environment["KUBERNETES_EXEC_INFO"] =
      R"({"apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}})";
  EXPECT_EQ(place.helper({"kubernetes", "--MT-prompt"}, "x\n").code, 2);
}

TEST(RcloneCredential, is_the_token_alone_and_comes_from_the_cache) {
  Place place;
  EXPECT_EQ(place.helper({"rclone"}).out, "at-1\n");
  const Finished again = place.helper({"rclone"});
  EXPECT_EQ(again.out, "at-1\n");
  EXPECT_EQ(again.err, "");
  EXPECT_EQ(place.helper({"rclone", "--no-cache"}).out, "at-2\n");
}

TEST(CurlCredential, is_a_line_of_a_configuration) {
  Place place;
  EXPECT_EQ(place.helper({"curl", "-s", "a"}).out, "header = \"Authorization: Bearer at-1\"\n");
}

TEST(CredentialHelpers, a_refusal_leaves_stdout_empty) {
  FakeServer server([](const FakeRequest&) { return answer_error(403, "usage_restricted"); });
  Cli cli;
  cli.environment["MYTOKEN"] = fake_mytoken(server.url());
  for (const std::string which : {"kubernetes", "rclone", "curl"}) {
    const Finished run = cli.run({"credential-helper", which});
    EXPECT_EQ(run.code, 1);
    EXPECT_EQ(run.out, "");
  }
}

constexpr const char* sts_answer = R"(<?xml version="1.0" encoding="UTF-8"?>
<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>alice</SubjectFromWebIdentityToken>
    <Credentials>
      <AccessKeyId>AK1</AccessKeyId>
      <SecretAccessKey>s/k+&#49;</SecretAccessKey>
      <SessionToken>st==</SessionToken>
      <Expiration>2026-06-01T00:00:00Z</Expiration>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>)";

// `text` with the first `from` replaced.
std::string with(std::string text, const std::string& from, const std::string& to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

TEST(SecurityTokenService, its_credentials_are_read) {
  const auto credentials = cli::parse_sts_answer(200, sts_answer);
  ASSERT_TRUE(credentials);
  EXPECT_EQ(credentials->access_key_id, "AK1");
  EXPECT_EQ(credentials->secret_access_key.reveal(), "s/k+1");
  EXPECT_EQ(credentials->session_token.reveal(), "st==");
  EXPECT_EQ(credentials->expiration, "2026-06-01T00:00:00Z");
}

TEST(SecurityTokenService, its_refusals_are_read_in_both_forms) {
  const std::string inner =
      "<Error><Code>ExpiredTokenException</Code><Message>too\x1b old</Message></Error>";
  for (const std::string xml :
       {"<Error><Code>AccessDenied</Code><Message>no</Message></Error>",
        "<x:ErrorResponse xmlns:x='urn:x'><x:Error><x:Code>AccessDenied</x:Code>"
        "<x:Message>no</x:Message></x:Error></x:ErrorResponse>"}) {
    const auto refused = cli::parse_sts_answer(403, xml);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::server);
    EXPECT_EQ(refused.error().text(), "AccessDenied: no");
    EXPECT_EQ(refused.error().http_status, 403);
  }
  EXPECT_EQ(cli::parse_sts_answer(403, inner).error().kind, ErrorKind::protocol);  // no XML
}

TEST(SecurityTokenService, anything_else_is_not_believed) {
  const std::string good = sts_answer;
  const std::string doctype = with(good, "<AssumeRoleWithWebIdentityResponse",
                                   "<!DOCTYPE a [<!ENTITY b \"c\">]>\n"
                                   "<AssumeRoleWithWebIdentityResponse");
  std::string deep;
  for (int i = 0; i < 40; ++i)
    deep += "<a>";
  for (const std::string& bad :
       {std::string(), std::string("<html>"), std::string("{}"), deep, doctype, good + "<more/>",
        good.substr(0, good.size() - 3), with(good, "AK1", ""), with(good, "AK1", "A K"),
        with(good, "<Expiration>2026-06-01T00:00:00Z</Expiration>", ""),
        with(good, "<AccessKeyId>AK1</AccessKeyId>",
             "<AccessKeyId>AK1</AccessKeyId><AccessKeyId>AK2</AccessKeyId>"),
        with(good, "<Credentials>", "<Credential>"), std::string(1 << 18, ' ')}) {
    const auto refused = cli::parse_sts_answer(200, bad);
    ASSERT_FALSE(refused) << bad.substr(0, 300);
    EXPECT_EQ(refused.error().kind, ErrorKind::protocol);
  }
  EXPECT_FALSE(cli::parse_sts_answer(500, good));
}

TEST(AwsCredential, is_asked_for_with_the_access_token_as_a_form) {
  Place place;
  FakeServer service([](const FakeRequest&) { return FakeAnswer{200, sts_answer, "", false}; });
  const Finished run = place.helper({"aws", "--endpoint", service.url(), "--role-arn",
                                     "arn:aws:iam::1:role/r", "--duration", "3600"});
  EXPECT_EQ(run.code, 0) << run.err;
  const json::object expected{{"Version", 1},
                              {"AccessKeyId", "AK1"},
                              {"SecretAccessKey", "s/k+1"},
                              {"SessionToken", "st=="},
                              {"Expiration", "2026-06-01T00:00:00Z"}};
  EXPECT_EQ(parse_json(run.out)->as_object(), expected);
  EXPECT_EQ(service.requests().back().method, "POST");
  EXPECT_EQ(service.requests().back().body,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3A"
            "role%2Fr&RoleSessionName=mytoken&DurationSeconds=3600&WebIdentityToken=at-1");
}

TEST(AwsCredential, mistakes_and_refusals_leave_stdout_empty) {
  Place place;
  FakeServer service([](const FakeRequest&) {
    return FakeAnswer{403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>", "",
                      false};
  });
  const auto code = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> arguments{"aws"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Finished run = place.helper(arguments);
    EXPECT_EQ(run.out, "");
    return run.code;
  };
  EXPECT_EQ(code({"--endpoint", service.url()}), 1);
  EXPECT_EQ(code({}), 2);
  EXPECT_EQ(code({"--endpoint", "http://sts.example.org"}), 2);
  EXPECT_EQ(code({"--endpoint", service.url(), "--duration", "60"}), 2);
  EXPECT_EQ(code({"--endpoint", service.url(), "--session-name", "a b"}), 2);
}

}  // namespace
}  // namespace mytoken
