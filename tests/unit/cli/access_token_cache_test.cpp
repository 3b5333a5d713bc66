// Which access tokens are used again, by whom, and what the files look like.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "unit/cli/harness.h"

namespace mytoken {
namespace {

using test::answer_json;
using test::Cli;
using test::fake_mytoken;
using test::FakeAnswer;
using test::FakeRequest;
using test::FakeServer;
using test::Finished;
using test::read_file;
using test::write_file;

// Counts its access tokens: at-1, at-2, …
struct Counting {
  FakeAnswer operator()(const FakeRequest&) {
    json::object answer{{"access_token", "at-" + std::to_string(++*count)},
                        {"token_type", "Bearer"},
                        {"expires_in", lifetime}};
    if (!successor.empty()) answer["token_update"] = {{"mytoken", successor}};
    return answer_json(answer);
  }
  std::shared_ptr<int> count = std::make_shared<int>(0);
  int lifetime = 3600;
  std::string successor{};
};

struct Place {
  explicit Place(Counting counting = {}) : server(counting) {
    cli.environment["MYTOKEN"] = fake_mytoken(server.url());
    cli.environment["XDG_RUNTIME_DIR"] = (cli.home / "run").string();
    std::filesystem::create_directory(cli.home / "run");
  }
  std::string at(std::vector<std::string> flags) {
    flags.insert(flags.begin(), "AT");
    const Finished run = cli.run(flags);
    EXPECT_EQ(run.code, 0) << run.err;
    return run.out;
  }
  std::filesystem::path cached_file() const {
    for (const auto& entry : std::filesystem::directory_iterator(cli.home / "run/mytoken/at"))
      return entry.path();
    return {};
  }
  FakeServer server;
  Cli cli;
};

TEST(AccessTokenCache, without_a_request_for_it_each_call_gets_a_new_token) {
  Place place;
  EXPECT_EQ(place.at({}), "at-1\n");
  EXPECT_EQ(place.at({}), "at-2\n");
  EXPECT_EQ(place.at({"--cache", "--no-cache"}), "at-3\n");
  EXPECT_FALSE(std::filesystem::exists(place.cli.home / "run/mytoken"));
}

TEST(AccessTokenCache, the_same_wish_is_answered_without_the_server) {
  Place place;
  EXPECT_EQ(place.at({"--cache", "-s", "a,b", "--aud", "x"}), "at-1\n");
  EXPECT_EQ(place.at({"--cache", "-s", "b,a,b", "--aud", "x"}), "at-1\n");
  EXPECT_EQ(place.server.count("/at"), 1U);
  EXPECT_EQ(place.at({"--cache", "-s", "a,b"}), "at-2\n");
  EXPECT_EQ(place.at({"--cache", "-s", "a", "--aud", "b,x"}), "at-3\n");
  EXPECT_EQ(place.at({"--cache", "-s", "a,b,x"}), "at-4\n");
}

TEST(AccessTokenCache, another_mytoken_finds_nothing) {
  Place place;
  EXPECT_EQ(place.at({"--cache"}), "at-1\n");
  place.cli.environment["MYTOKEN"] = fake_mytoken(place.server.url(), 2);
  EXPECT_EQ(place.at({"--cache"}), "at-2\n");
}

TEST(AccessTokenCache, a_rotated_mytoken_takes_its_access_tokens_along) {
  Counting rotating;
  rotating.successor = fake_mytoken("http://127.0.0.1:1", 2);
  FakeServer server([rotating, &server](const FakeRequest& request) mutable {
    rotating.successor = fake_mytoken(server.url(), 2);
    return rotating(request);
  });
  Cli cli;
  write_file(cli.home / "mt", fake_mytoken(server.url(), 1) + "\n");
  const std::vector<std::string> command{"AT", "--cache", "--MT-file", (cli.home / "mt").string()};
  EXPECT_EQ(cli.run(command).out, "at-1\n");
  EXPECT_EQ(read_file(cli.home / "mt"), fake_mytoken(server.url(), 2) + "\n");
  EXPECT_EQ(cli.run(command).out, "at-1\n");
  EXPECT_EQ(server.count("/at"), 1U);
}

TEST(AccessTokenCache, a_token_that_does_not_last_long_enough_is_replaced) {
  Counting short_lived;
  short_lived.lifetime = 100;
  Place place(short_lived);
  EXPECT_EQ(place.at({"--cache"}), "at-1\n");
  EXPECT_EQ(place.at({"--cache", "--min-valid", "100"}), "at-1\n");
  EXPECT_EQ(place.at({"--cache", "--min-valid", "101"}), "at-2\n");
  EXPECT_EQ(place.at({"--cache", "--min-valid", "2m"}), "at-3\n");
  EXPECT_EQ(place.cli.run({"AT", "--min-valid", "soon"}).code, 2);
  EXPECT_EQ(place.cli.run({"AT", "--min-valid", "-1"}).code, 2);
}

TEST(AccessTokenCache, by_default_a_minute_must_be_left) {
  Counting short_lived;
  short_lived.lifetime = 59;
  Place place(short_lived);
  EXPECT_EQ(place.at({"--cache"}), "at-1\n");
  EXPECT_EQ(place.at({"--cache"}), "at-2\n");
}

TEST(AccessTokenCache, the_rest_of_the_life_is_told_not_the_whole) {
  Place place;
  place.at({"--cache"});
  const auto file = place.cached_file();
  std::string text = read_file(file);
  text.replace(text.find("1780003600"), 10, "1780000600");
  write_file(file, text);
  const Finished run = place.cli.run({"AT", "--cache", "--json"});
  const json::object expected{{"access_token", "at-1"},
                              {"token_type", "Bearer"},
                              {"expires_in", 600},
                              {"expires_at", 1'780'000'600}};
  EXPECT_EQ(parse_json(run.out)->as_object(), expected);
}

TEST(AccessTokenCache, files_are_private_and_hold_no_mytoken) {
  Place place;
  place.at({"--cache"});
  const auto file = place.cached_file();
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat(file.parent_path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  EXPECT_EQ(read_file(file).find(place.cli.environment["MYTOKEN"]), std::string::npos);
}

TEST(AccessTokenCache, a_directory_or_file_open_to_others_is_not_believed) {
  Place place;
  place.at({"--cache"});
  const auto file = place.cached_file();
  ::chmod(file.c_str(), 0620);
  EXPECT_EQ(place.at({"--cache"}), "at-2\n");
  ::chmod(file.parent_path().c_str(), 0755);
  EXPECT_EQ(place.at({"--cache"}), "at-3\n");
  ::chmod(file.parent_path().c_str(), 0700);
  EXPECT_EQ(place.at({"--cache"}), "at-2\n");
}

TEST(AccessTokenCache, what_is_expired_broken_or_of_the_future_is_not_used_and_goes) {
  Place place;
  place.at({"--cache"});
  const auto file = place.cached_file();
  const std::string good = read_file(file);
  std::string future = good;
  future.replace(future.find("1780000000"), 10, "1780000001");
  for (const std::string& bad : {std::string("{"), std::string("[]"), future}) {
    write_file(file, bad);
    EXPECT_NE(place.at({"--cache"}), "at-1\n");
  }
  const auto old = file.parent_path() / std::string(64, '0');
  write_file(old, R"({"access_token":"x","obtained_at":1,"expires_at":1780000000})");
  const auto other = file.parent_path() / "notes";
  write_file(other, "not ours");
  place.at({"--cache", "-s", "another"});
  EXPECT_FALSE(std::filesystem::exists(old));
  EXPECT_TRUE(std::filesystem::exists(other));
}

TEST(AccessTokenCache, a_token_whose_end_nobody_knows_is_not_kept) {
  int count = 0;
  FakeServer server([&count](const FakeRequest&) {
    return answer_json({{"access_token", "at-" + std::to_string(++count)}});
  });
  Cli cli;
  cli.environment["MYTOKEN"] = fake_mytoken(server.url());
  EXPECT_EQ(cli.run({"AT", "--cache"}).out, "at-1\n");
  EXPECT_EQ(cli.run({"AT", "--cache"}).out, "at-2\n");
}

TEST(AccessToken, as_a_header_line) {
  Place place;
  EXPECT_EQ(place.at({"--header"}), "Authorization: Bearer at-1\n");
  EXPECT_EQ(place.cli.run({"AT", "--header", "--json"}).code, 2);
}

TEST(AccessToken, one_that_could_break_out_of_a_line_is_refused) {
  for (const char* bad : {"a\nX-Evil: 1", "a b", "a\"b", "a\\b", "\x7f"}) {
    FakeServer server([bad](const FakeRequest&) { return answer_json({{"access_token", bad}}); });
    Cli cli;
    cli.environment["MYTOKEN"] = fake_mytoken(server.url());
    const Finished run = cli.run({"AT"});
    EXPECT_EQ(run.code, 3) << bad;
    EXPECT_EQ(run.out, "");
  }
}

}  // namespace
}  // namespace mytoken
