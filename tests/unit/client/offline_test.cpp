// The helpers that ask nobody: discovery of tokens, times, restrictions, capabilities.
#include <mytoken/discovery.h>
#include <mytoken/restrictions.h>

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "base/clock.h"
#include "unit/client/harness.h"

namespace mytoken::client {
namespace {

namespace fs = std::filesystem;

// Places of the test's own.
class Discovery : public ::testing::Test {
 protected:
  Discovery() {
    fs::create_directory(folder.path / "run");
    fs::create_directory(folder.path / "tmp");
    variables["XDG_RUNTIME_DIR"] = (folder.path / "run").string();
    places.temporary_directory = folder.path / "tmp";
    places.variable = [this](const char* name) { return variables[name]; };
    places.on_warning = [this](std::string_view text) { warnings.emplace_back(text); };
  }
  void put(const fs::path& path, const std::string& content, mode_t mode = 0600) {
    std::ofstream(folder.path / path) << content;
    ::chmod((folder.path / path).c_str(), mode);
  }
  // "token from origin", "none", or "error".
  std::string found() {
    const auto outcome = discover_token(places);
    if (!outcome) return "error";
    if (!*outcome) return "none";
    std::string origin = (**outcome).origin;
    const std::string root = folder.path.string() + "/";
    if (origin.rfind(root, 0) == 0) origin.erase(0, root.size());
    return std::string((**outcome).token.reveal()) + " from " + origin +
           ((**outcome).may_be_replaced ? ", replaceable" : "");
  }

  Folder folder;
  std::map<std::string, std::string> variables;
  std::vector<std::string> warnings;
  DiscoveryPlaces places;
  const std::string uid = std::to_string(::geteuid());
};

TEST_F(Discovery, goes_from_the_variable_to_the_temporary_directory) {
  EXPECT_EQ(found(), "none");
  put("tmp/bt_u" + uid, "t6");
  EXPECT_EQ(found(), "t6 from tmp/bt_u" + uid);
  put("tmp/mt_u" + uid, "t5");
  EXPECT_EQ(found(), "t5 from tmp/mt_u" + uid + ", replaceable");
  put("run/bt_u" + uid, "t4");
  EXPECT_EQ(found(), "t4 from run/bt_u" + uid);
  put("run/mt_u" + uid, " t3\r\n");
  EXPECT_EQ(found(), "t3 from run/mt_u" + uid + ", replaceable");
  put("file", "t2\n");
  variables["BEARER_TOKEN_FILE"] = (folder.path / "file").string();
  EXPECT_EQ(found(), "t2 from $BEARER_TOKEN_FILE");
  variables["BEARER_TOKEN"] = " t1 ";
  EXPECT_EQ(found(), "t1 from $BEARER_TOKEN");
  EXPECT_TRUE(warnings.empty());
}

TEST_F(Discovery, W21_files_that_others_planted_or_can_read_are_passed_over_with_a_warning) {
  put("tmp/mt_u" + uid, "open", 0644);
  fs::create_symlink(folder.path / "elsewhere", folder.path / ("run/mt_u" + uid));
  put("elsewhere", "linked");
  EXPECT_EQ(found(), "none");
  ASSERT_EQ(warnings.size(), 2U);
  for (const std::string& warning : warnings)
    EXPECT_EQ(warning.rfind("ignoring ", 0), 0U) << warning;
}

TEST_F(Discovery, what_is_no_token_stops_the_search_and_what_is_empty_does_not) {
  put("run/mt_u" + uid, " \n");
  put("tmp/mt_u" + uid, "fine");
  EXPECT_EQ(found(), "fine from tmp/mt_u" + uid + ", replaceable");
  variables["BEARER_TOKEN"] = "two words";
  EXPECT_EQ(found(), "error");
}

TEST(Offline, discovery_takes_the_environment_of_the_process_by_itself) {
  const Variable variable("BEARER_TOKEN", "from-the-environment");
  const auto outcome = discover_token();
  ASSERT_TRUE(outcome.has_value() && *outcome);
  EXPECT_EQ((**outcome).token.reveal(), "from-the-environment");
}

TEST(Offline, times_are_read_as_people_write_them) {
  const auto now = from_unix(1'780'000'000);
  const auto read = [&](const char* text) {
    const auto time = parse_time(text, now);
    return time ? to_unix(*time) : -1;
  };
  EXPECT_EQ(read("1790000000"), 1'790'000'000);
  EXPECT_EQ(read("+60"), 1'780'000'060);
  EXPECT_EQ(read("+1d12h"), 1'780'129'600);
  EXPECT_EQ(read("tomorrow"), -1);
  EXPECT_EQ(read(""), -1);
}

TEST(Offline, restrictions_become_what_a_request_takes) {
  const auto now = from_unix(1'780'000'000);
  EXPECT_EQ(*parse_restrictions(R"({"exp":"+1h","hosts":"this","usages_AT":2})", now),
            R"([{"exp":1780003600,"hosts":["this"],"usages_AT":2}])");
  for (const char* bad : {R"({"usage_AT":1})", R"({"exp":"soon"})", "[1]", "nonsense", "1"}) {
    const auto parsed = parse_restrictions(bad, now);
    ASSERT_FALSE(parsed.has_value()) << bad;
    EXPECT_EQ(parsed.error().kind, ErrorKind::usage);
  }
}

TEST(Offline, a_capability_permits_what_is_below_it_and_reading_permits_no_more) {
  EXPECT_TRUE(permits({"AT", "settings"}, "settings:grants:ssh"));
  EXPECT_TRUE(permits({"settings"}, "read@settings:tags"));
  EXPECT_TRUE(permits({"read@settings"}, "read@settings:tags"));
  EXPECT_FALSE(permits({"read@settings"}, "settings:tags"));
  EXPECT_FALSE(permits({"settings:grants"}, "settings"));
  EXPECT_FALSE(permits({"set"}, "settings"));
  EXPECT_FALSE(permits({}, "AT"));
}

}  // namespace
}  // namespace mytoken::client
