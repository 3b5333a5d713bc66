// Wishes for sub-tokens are completed by what the parent's fence says.
#include "cli/parent_clause.h"

#include <gtest/gtest.h>

#include "unit/cli/harness.h"

namespace mytoken::cli {
namespace {

using test::answer_json;
using test::Cli;
using test::FakeRequest;
using test::FakeServer;

std::string parent_of(const std::string& issuer, const std::string& restrictions) {
  json::object payload{
      {"token_type", "mytoken"}, {"iss", issuer}, {"restrictions", json::parse(restrictions)}};
  return base64url(R"({"alg":"ES512","typ":"MT+JWT"})") + "." +
         base64url(json::serialize(payload)) + "." + base64url("signature");
}

TEST(ParentClause, is_there_for_a_jwt_with_one_clause_only) {
  const std::string issuer = "https://mt.example.org";
  EXPECT_TRUE(only_clause(Secret(parent_of(issuer, R"([{"exp":1}])"))));
  EXPECT_FALSE(only_clause(Secret(parent_of(issuer, R"([{"exp":1},{"exp":2}])"))));
  EXPECT_FALSE(only_clause(Secret(parent_of(issuer, "[]"))));
  EXPECT_FALSE(only_clause(Secret(std::string(64, 'a'))));
}

TEST(ParentClause, what_a_wish_leaves_open_is_taken_over) {
  const json::object parent =
      json::parse(R"({"exp":9,"hosts":["192.0.2.1"],"scope":"a b","usages_AT":7})").get_object();
  EXPECT_EQ(completed(R"([{"usages_AT":1}])", parent),
            R"([{"usages_AT":1,"exp":9,"scope":"a b","hosts":["192.0.2.1"]}])");
  EXPECT_EQ(completed(R"([{"exp":5,"ip":["192.0.2.1"]}])", parent),
            R"([{"exp":5,"ip":["192.0.2.1"],"scope":"a b"}])");
  EXPECT_EQ(completed(R"([{"include":["12h"]},"ip-this"])", parent),
            R"([{"include":["12h"]},"ip-this"])");
}

TEST(ParentClause, a_sub_token_with_a_number_of_uses_keeps_the_end_of_its_parent) {
  FakeServer server([](const FakeRequest&) {
    return answer_json({{"mytoken", "new-token"}, {"mytoken_type", "token"}});
  });
  Cli cli;
  test::write_file(cli.home / "parent", parent_of(server.url(), R"([{"exp":1900000000}])"));
  const auto done =
      cli.run({"MT", "--MT-file", (cli.home / "parent").string(), "--usages-AT", "50"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(json::serialize(server.last_json().at("restrictions")),
            R"([{"usages_AT":50,"exp":1900000000}])");
}

TEST(ParentClause, the_file_of_the_parent_is_not_overwritten_by_its_child) {
  FakeServer server([](const FakeRequest&) {
    return answer_json({{"mytoken", "new-token"}, {"mytoken_type", "token"}});
  });
  Cli cli;
  const auto file = cli.home / "parent";
  test::write_file(file, parent_of(server.url(), "[]"));
  const std::string before = test::read_file(file);
  const auto done = cli.run({"MT", "--MT-file", file.string(), "-o", file.string()});
  EXPECT_EQ(done.code, 2);
  EXPECT_EQ(cli.run({"AT", "--MT-file", file.string(), "-o", file.string()}).code, 2);
  EXPECT_EQ(test::read_file(file), before);
}

TEST(DefaultServer, is_named_before_it_is_asked_for_want_of_another) {
  Cli cli;
  cli.environment["HTTPS_PROXY"] = "http://127.0.0.1:1";  // nothing goes out
  const auto done = cli.run({"MT", "--TC", "abcdefgh"});
  EXPECT_EQ(done.code, 3);
  EXPECT_NE(done.err.find("no server is named, so https://mytoken.data.kit.edu is asked"),
            std::string::npos)
      << done.err;
}

}  // namespace
}  // namespace mytoken::cli
