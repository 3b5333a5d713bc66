// What a pre-flight finds, finding by finding, and the command around it.
#include "cli/job_check.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "unit/cli/harness.h"

namespace mytoken {
namespace {

using namespace std::chrono_literals;
using cli::Finding;
using cli::JobFacts;
using cli::JobNeeds;
using test::answer_error;
using test::answer_json;
using test::Cli;
using test::fake_mytoken;
using test::FakeAnswer;
using test::FakeRequest;
using test::FakeServer;
using test::Finished;
using test::write_file;
using Level = cli::Finding::Level;

constexpr std::int64_t now = 1'780'000'000;

JobNeeds needs(Seconds length, std::optional<Seconds> every = std::nullopt) {
  JobNeeds needs;
  needs.start = from_unix(now);
  needs.length = length;
  needs.every = every;
  return needs;
}

// A confirmed token with these members and a dry run that permits everything.
JobFacts confirmed(const std::string& members,
                   const std::string& dry_run = R"({"capability":true})") {
  JobFacts facts;
  facts.token = parse_json(members)->as_object();
  facts.dry_run = parse_json(dry_run)->as_object();
  facts.is_confirmed = facts.has_counters = facts.is_stored = true;
  facts.origin = "f";
  return facts;
}

// "good expiry", … in their order.
std::vector<std::string> summary(const std::vector<Finding>& findings) {
  std::vector<std::string> list;
  for (const Finding& finding : findings) {
    const char* level = finding.level == Level::good       ? "good "
                        : finding.level == Level::doubtful ? "doubtful "
                                                           : "bad ";
    list.push_back(level + finding.about);
  }
  return list;
}

// The only finding about `about`, "" if there is none: "bad: text".
std::string about(const std::vector<Finding>& findings, const std::string& what) {
  std::string text;
  for (const Finding& finding : findings) {
    if (finding.about != what) continue;
    text += finding.level == Level::good  ? "good: "
            : finding.level == Level::bad ? "bad: "
                                          : "doubtful: ";
    text += finding.text;
  }
  return text;
}

using Findings = std::vector<std::string>;

TEST(JobCheck, a_free_token_does_everything) {
  EXPECT_EQ(
      summary(judge_job(needs(72h), confirmed("{}"))),
      (Findings{"good token", "good capability", "good expiry", "good use", "good rotation"}));
}

TEST(JobCheck, the_end_of_the_token_is_measured_against_the_job) {
  const JobFacts facts = confirmed(R"({"exp":1780003600})");
  EXPECT_EQ(about(judge_job(needs(1h), facts), "expiry"),
            "good: the mytoken expires in 1 h, after the end of the job");
  EXPECT_EQ(about(judge_job(needs(72h), facts), "expiry"),
            "bad: the mytoken expires in 1 h, but the job takes 3 d");
  EXPECT_EQ(about(judge_job(needs(0s), confirmed(R"({"exp":1779999999})")), "expiry"),
            "bad: the mytoken has expired");
}

TEST(JobCheck, the_capability_is_the_servers_word_or_else_the_tokens) {
  EXPECT_EQ(about(judge_job(needs(1h),
                            confirmed(R"({"capabilities":["AT"]})", R"({"capability":false})")),
                  "capability"),
            "bad: it has no capability AT and gives no access tokens");
  JobFacts alone = confirmed(R"({"capabilities":["tokeninfo"]})");
  alone.dry_run.reset();
  EXPECT_EQ(about(judge_job(needs(1h), alone), "capability").substr(0, 4), "bad:");
  alone.token = parse_json(R"({"capabilities":["AT","tokeninfo"]})")->as_object();
  EXPECT_EQ(about(judge_job(needs(1h), alone), "capability").substr(0, 5), "good:");
}

TEST(JobCheck, a_use_that_no_clause_permits_is_named_with_what_stands_against_it) {
  const auto findings =
      judge_job(needs(1h), confirmed(R"({"restrictions":[{"scope":"a"},{"audience":["x"]}]})",
                                     R"({"capability":true,"clauses":[
                               {"allowed":false,"refused_by":[{"claim":"scope"}]},
                               {"allowed":false,"refused_by":[{"claim":"audience"},{"claim":"exp"}]}]})"));
  EXPECT_EQ(about(findings, "use"),
            "bad: no clause of its restrictions permits this use (audience, scope)");
}

TEST(JobCheck, uses_are_counted_one_by_one) {
  const auto usages = [](Seconds length, Seconds every, int left) {
    return about(judge_job(needs(length, every),
                           confirmed(R"({"restrictions":[{"usages_AT":)" +
                                     std::to_string(left + 5) + R"(,"usages_AT_done":5}]})")),
                 "usages");
  };
  EXPECT_EQ(usages(72h, 1h, 73), "good: its uses last for 73 access tokens");
  EXPECT_EQ(usages(72h, 1h, 72),
            "bad: after 3 d (use 73 of 73) no clause permits an access token any more: the uses "
            "are spent");
  EXPECT_EQ(usages(90min, 1h, 2),
            "bad: after 1 h 30 min (use 3 of 3) no clause permits an access token any more: the "
            "uses are spent");
  EXPECT_EQ(usages(1h, 1h, 0),
            "bad: already at the beginning (use 1 of 2) no clause permits an access token any "
            "more: the uses are spent");
}

TEST(JobCheck, without_a_rhythm_the_beginning_and_the_end_count) {
  const JobFacts two = confirmed(R"({"restrictions":[{"usages_AT":2}]})");
  EXPECT_EQ(about(judge_job(needs(72h), two), "usages"), "good: its uses last for 2 access tokens");
  EXPECT_EQ(about(judge_job(needs(0s), two), "usages"), "good: its uses last for 1 access tokens");
}

TEST(JobCheck, the_first_clause_that_permits_a_use_pays_for_it) {
  // One use in the first hour, then a second clause from there on.
  const std::string clauses =
      R"({"restrictions":[{"exp":1780003600,"usages_AT":1},{"nbf":1780003601,"exp":1780090000}]})";
  EXPECT_EQ(about(judge_job(needs(5h, 3601s), confirmed(clauses)), "use"),
            "good: a clause of its restrictions permits each use");
  EXPECT_EQ(about(judge_job(needs(5h, 30min), confirmed(clauses)), "usages"),
            "bad: after 30 min (use 2 of 11) no clause permits an access token any more: the uses "
            "are spent");
  EXPECT_EQ(about(judge_job(needs(48h, 12h), confirmed(clauses)), "use"),
            "bad: after 1 d 12 h (use 4 of 5) no clause permits an access token any more: the time "
            "of the clauses is over");
}

TEST(JobCheck, a_clause_that_the_server_refuses_pays_for_nothing) {
  const auto findings =
      judge_job(needs(2h, 1h), confirmed(R"({"restrictions":[{"scope":"a"},{"usages_AT":2}]})",
                                         R"({"capability":true,"clauses":[
                                             {"allowed":false,"refused_by":[{"claim":"scope"}]},
                                             {"allowed":true}]})"));
  EXPECT_EQ(about(findings, "usages").substr(0, 12), "bad: after 2");
}

TEST(JobCheck, a_server_without_the_dry_run_is_judged_for_and_that_is_said) {
  JobFacts facts = confirmed(
      R"({"capabilities":["AT"],"restrictions":[{"scope":"a b","audience":["x"],"usages_AT":3,"usages_AT_done":1}]})");
  facts.dry_run.reset();
  JobNeeds want = needs(1h);
  want.scope = {"a"};
  want.audience = {"x"};
  const auto findings = judge_job(want, facts);
  EXPECT_EQ(summary(findings),
            (Findings{"good token", "doubtful token", "good capability", "good expiry", "good use",
                      "good usages", "good rotation"}));
  EXPECT_EQ(about(findings, "token"),
            "good: the server knows the mytoken from fdoubtful: the server has no dry run; what "
            "follows is judged here, and places are not judged");
  want.scope = {"c"};
  EXPECT_EQ(about(judge_job(want, facts), "use"),
            "bad: no clause of its restrictions permits this use (scope)");
  want.scope = {};
  want.audience = {"y"};
  EXPECT_EQ(about(judge_job(want, facts), "use"),
            "bad: no clause of its restrictions permits this use (audience)");
}

TEST(JobCheck, places_are_the_servers_to_judge) {
  const std::string token = R"({"restrictions":[{"hosts":["192.0.2.0/24"]}]})";
  EXPECT_EQ(about(judge_job(needs(1h), confirmed(token)), "hosts").substr(0, 5), "good:");
  const auto elsewhere = judge_job(
      needs(1h),
      confirmed(
          token,
          R"({"capability":true,"clauses":[{"allowed":false,"refused_by":[{"claim":"hosts"}]}]})"));
  EXPECT_EQ(about(elsewhere, "use"), "bad: no clause of its restrictions permits this use (hosts)");
  JobFacts alone = confirmed(token);
  alone.dry_run.reset();
  EXPECT_EQ(about(judge_job(needs(1h), alone), "hosts").substr(0, 9), "doubtful:");
}

TEST(JobCheck, a_rotating_token_needs_its_file_and_its_rhythm) {
  const std::string token = R"({"rotation":{"on_AT":true,"lifetime":3600}})";
  EXPECT_EQ(about(judge_job(needs(5h, 1h), confirmed(token)), "rotation").substr(0, 9),
            "doubtful:");
  EXPECT_EQ(about(judge_job(needs(5h, 2h), confirmed(token)), "rotation"),
            "bad: it must be used at least every 1 h, or it expires; see --every");
  EXPECT_EQ(about(judge_job(needs(5h), confirmed(token)), "rotation").substr(0, 4), "bad:");
  JobFacts nowhere = confirmed(token);
  nowhere.is_stored = false;
  EXPECT_EQ(about(judge_job(needs(1h), nowhere), "rotation"),
            "bad: it is replaced at each use, and f is no place for its successor; use --MT-file");
  JobFacts read_only = confirmed(token);
  read_only.why_not_writable = "/d: Permission denied";
  EXPECT_EQ(about(judge_job(needs(1h), read_only), "rotation"),
            "bad: it is replaced at each use, and its file cannot be: /d: Permission denied");
}

TEST(JobCheck, of_an_opaque_token_that_nobody_explains_nothing_can_be_said) {
  JobFacts facts;
  facts.why_not_asked = "nobody says anything";
  EXPECT_EQ(summary(judge_job(needs(1h), facts)), Findings{"bad token"});
}

TEST(JobCheck, durations_are_spoken) {
  EXPECT_EQ(cli::spoken(0s), "0 s");
  EXPECT_EQ(cli::spoken(59s), "59 s");
  EXPECT_EQ(cli::spoken(3660s), "1 h 1 min");
  EXPECT_EQ(cli::spoken(72h + 5min), "3 d 5 min");
  EXPECT_EQ(cli::spoken(24h + 1h + 1min), "1 d 1 h");
}

// Answers an introspection with these members besides `valid`.
FakeServer::Handler introspection(json::object members) {
  members["valid"] = true;
  return [members](const FakeRequest&) { return answer_json(members); };
}

TEST(Check, says_one_line_for_each_finding_and_asks_about_the_described_use) {
  FakeServer server(
      introspection({{"token", {{"exp", now + 3600}}}, {"use", {{"capability", true}}}}));
  Cli cli;
  write_file(cli.home / "mt", fake_mytoken(server.url()) + "\n");
  const Finished run = cli.run({"check", "--MT-file", (cli.home / "mt").string(), "--for", "30m",
                                "-s", "a,b", "--audience", "x", "--ip", "192.0.2.7"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(run.err,
            "mytoken: notice: token: the server knows the mytoken from " +
                (cli.home / "mt").string() +
                "\n"
                "mytoken: notice: capability: it may be used for access tokens\n"
                "mytoken: notice: expiry: the mytoken expires in 1 h, after the end of the job\n"
                "mytoken: notice: use: it has no restrictions\n"
                "mytoken: notice: rotation: it stays the same when it is used\n");
  const json::object use{
      {"scope", {"a", "b"}}, {"audience", json::array{"x"}}, {"ip", "192.0.2.7"}};
  EXPECT_EQ(server.last_json().at("use"), use);
  EXPECT_EQ(server.last_json().at("action"), "introspect");
}

TEST(Check, what_will_not_do_is_1_and_in_the_report) {
  FakeServer server(
      introspection({{"token", {{"exp", now + 3600}}}, {"use", {{"capability", true}}}}));
  Cli cli;
  cli.environment["MYTOKEN"] = fake_mytoken(server.url());
  const Finished run = cli.run({"--json", "check", "--for", "72h"});
  EXPECT_EQ(run.code, 1);
  const auto report = parse_json(run.out)->as_object();
  EXPECT_EQ(report.at("will_do"), false);
  const json::object expected{{"about", "expiry"},
                              {"level", "problem"},
                              {"text", "the mytoken expires in 1 h, but the job takes 3 d"}};
  EXPECT_EQ(report.at("findings").as_array().at(2), expected);
  EXPECT_NE(run.err.find("mytoken: error: expiry: "), std::string::npos);
}

TEST(Check, a_revoked_mytoken_is_a_finding_a_missing_server_none) {
  FakeServer server(
      [](const FakeRequest&) { return answer_error(401, "invalid_token", "revoked"); });
  Cli cli;
  cli.environment["MYTOKEN"] = fake_mytoken(server.url());
  const Finished run = cli.run({"check", "--json"});
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(parse_json(run.out)->at("findings").as_array().size(), 1U);
  FakeServer broken([](const FakeRequest&) { return answer_error(503, "internal", "later"); });
  cli.environment["MYTOKEN"] = fake_mytoken(broken.url());
  const Finished unreachable = cli.run({"check", "--json"});
  EXPECT_EQ(unreachable.code, 3);
  EXPECT_EQ(unreachable.out, "");
}

TEST(Check, without_the_capability_to_ask_the_token_speaks_for_itself) {
  FakeServer server(
      [](const FakeRequest&) { return answer_error(403, "insufficient_capabilities", "no"); });
  Cli cli;
  cli.environment["MYTOKEN"] = fake_mytoken(server.url());
  const Finished run = cli.run({"check", "--for", "1h"});
  EXPECT_EQ(run.code, 1);  // this one has no capabilities at all
  EXPECT_NE(run.err.find("warning: token: the server does not say anything about it (no capability "
                         "tokeninfo:introspect); what follows is what the mytoken says itself\n"),
            std::string::npos);
  cli.environment["MYTOKEN"] = std::string(64, 'a');
  const Finished opaque = cli.run({"check", "--url", server.url()});
  EXPECT_EQ(opaque.code, 1);
  EXPECT_NE(
      opaque.err.find("error: token: the server does not say anything about it (no capability "
                      "tokeninfo:introspect), and it is opaque\n"),
      std::string::npos);
}

TEST(Check, nonsense_is_2) {
  Cli cli;
  cli.environment["MYTOKEN"] = fake_mytoken("https://mt.example.org");
  EXPECT_EQ(cli.run({"check", "--for", "long"}).code, 2);
  EXPECT_EQ(cli.run({"check", "--for", "0s"}).code, 2);
  EXPECT_EQ(cli.run({"check", "--every", "often"}).code, 2);
  EXPECT_EQ(cli.run({"check", "--for", "10y", "--every", "1s"}).code, 2);
}

}  // namespace
}  // namespace mytoken
