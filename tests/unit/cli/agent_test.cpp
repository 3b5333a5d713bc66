// The parts of agent and exec that need no signals: outputs, claims, messages to the service
// manager, environments of children, and agents that write once.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>

#include "cli/agent_outputs.h"
#include "cli/child_process.h"
#include "cli/file_claim.h"
#include "cli/service_manager.h"
#include "unit/cli/harness.h"

namespace mytoken {
namespace {

using test::answer_error;
using test::answer_json;
using test::Cli;
using test::fake_access_token;
using test::fake_mytoken;
using test::FakeAnswer;
using test::FakeRequest;
using test::FakeServer;
using test::Finished;
using test::read_file;
using test::write_file;

FakeAnswer at_for_scope(const FakeRequest& request) {
  std::string scope(string_member(request.json, "scope"));
  std::replace(scope.begin(), scope.end(), ' ', '+');
  return answer_json({{"access_token", "at-" + scope}, {"expires_in", 3600}});
}

using Variables = std::map<std::string, std::string>;

struct Surroundings {
  explicit Surroundings(Variables variables = {}) : environment(std::move(variables)) {
    context.environment = [this](const char* name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      if (found == environment.end()) return std::nullopt;
      return found->second;
    };
  }
  Variables environment;
  cli::Console console{{-1, -1, -1}};
  cli::Context context{console};
};

TEST(ChildEnvironment, W11_holds_the_access_token_and_no_mytoken) {
  const std::string mytoken = fake_mytoken("https://mt.example.org");
  const std::string other = fake_mytoken("https://other.example.org");
  const std::string short_token(64, 'a');
  const auto environment = cli::child_environment(
      {"PATH=/bin", "MYTOKEN=x", "MYTOKEN_FILE=/f", "JOB_TOKEN=" + mytoken,
       "OTHER= " + other + "\n", "ARGS=--MT " + short_token, "AT=" + fake_access_token(),
       "BEARER_TOKEN_FILE=/old", "EMPTY=", "ODD"},
      {"MYTOKEN", "MYTOKEN_FILE"}, {Secret(short_token), Secret(mytoken), Secret()},
      "BEARER_TOKEN_FILE=/new");
  EXPECT_EQ(environment, (std::vector<std::string>{"PATH=/bin", "AT=" + fake_access_token(),
                                                   "EMPTY=", "ODD", "BEARER_TOKEN_FILE=/new"}));
}

TEST(AgentOutputs, are_read_from_a_file) {
  Surroundings here(Variables{{"HOME", "/home/a"}, {"XDG_RUNTIME_DIR", "/run/user/7"}});
  const auto outputs = cli::parse_outputs(here.context, R"(
outputs:
  - file: $XDG_RUNTIME_DIR/bt_storage
    scope: storage.read:/ openid
    audience: [https://se.example.org, "b c"]
  - file: ~/compute.token
    scope: [compute.read]
  - file: /srv/token
)",
                                          "o.yaml");
  ASSERT_TRUE(outputs);
  ASSERT_EQ(outputs->size(), 3U);
  EXPECT_EQ((*outputs)[0].path, "/run/user/7/bt_storage");
  EXPECT_EQ((*outputs)[0].scope, (std::vector<std::string>{"storage.read:/", "openid"}));
  EXPECT_EQ((*outputs)[0].audience, (std::vector<std::string>{"https://se.example.org", "b c"}));
  EXPECT_EQ((*outputs)[1].path, "/home/a/compute.token");
  EXPECT_EQ((*outputs)[1].scope, std::vector<std::string>{"compute.read"});
  EXPECT_TRUE((*outputs)[2].scope.empty());
}

TEST(AgentOutputs, mistakes_are_named_with_their_place) {
  Surroundings here;
  const auto reason = [&](const std::string& text) {
    const auto outputs = cli::parse_outputs(here.context, text, "o.yaml");
    return outputs ? "" : outputs.error().text();
  };
  EXPECT_EQ(reason("outputs: []"), "o.yaml has no list 'outputs' of 1 to 100 entries");
  EXPECT_EQ(reason("file: /a"), "o.yaml has no list 'outputs' of 1 to 100 entries");
  EXPECT_EQ(reason("outputs: [/a]"), "o.yaml, output 1 has no 'file: …'");
  EXPECT_EQ(reason("outputs: [{scope: a}]"), "o.yaml, output 1: 'file' must be an absolute path");
  EXPECT_EQ(reason("outputs: [{file: a}]"), "o.yaml, output 1: 'file' must be an absolute path");
  EXPECT_EQ(reason("outputs: [{file: /a}, {file: /b/../a}]"),
            "o.yaml, output 2: the same file twice");
  EXPECT_EQ(reason("outputs: [{file: /a, scopes: b}]"), "o.yaml, output 1: unknown key 'scopes'");
  EXPECT_NE(reason("outputs: [").find("o.yaml, line "), std::string::npos);
}

TEST(AgentOutputs, by_default_go_where_other_programs_look) {
  const std::string name = "bt_u" + std::to_string(::geteuid());
  EXPECT_EQ(cli::default_output(Surroundings(Variables{{"BEARER_TOKEN_FILE", "/x/y"}}).context),
            "/x/y");
  EXPECT_EQ(
      cli::default_output(Surroundings(Variables{{"XDG_RUNTIME_DIR", "/run/user/7"}}).context),
      "/run/user/7/" + name);
  EXPECT_EQ(cli::default_output(Surroundings().context), "/tmp/" + name);
}

TEST(FileClaim, two_cannot_keep_one_file) {
  Cli cli;
  const auto file = cli.home / "at";
  {
    const auto first = cli::FileClaim::take(file);
    ASSERT_TRUE(first);
    const auto second = cli::FileClaim::take(file);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().text(), file.string() + " is kept fresh by another agent (process " +
                                         std::to_string(::getpid()) + ")");
  }
  EXPECT_FALSE(std::filesystem::exists(cli.home / "at.agent"));
  EXPECT_TRUE(cli::FileClaim::take(file));
}

TEST(FileClaim, a_link_laid_by_somebody_is_not_followed) {
  Cli cli;
  std::filesystem::create_symlink(cli.home / "elsewhere", cli.home / "at.agent");
  EXPECT_FALSE(cli::FileClaim::take(cli.home / "at"));
  EXPECT_FALSE(std::filesystem::exists(cli.home / "elsewhere"));
}

class Manager {
 public:
  explicit Manager(const std::string& name) {
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&address), length) != 0) std::abort();
  }
  ~Manager() { ::close(socket_); }
  std::string heard() const {
    char text[512];
    const ssize_t length = ::recv(socket_, text, sizeof text, MSG_DONTWAIT);
    return length < 0 ? "" : std::string(text, static_cast<std::size_t>(length));
  }

 private:
  int socket_;
};

TEST(ServiceManager, hears_datagrams_at_a_path_or_an_abstract_name) {
  Cli cli;
  const std::string path = (cli.home / "notify").string();
  const std::string name = "@mytoken-test-" + std::to_string(::getpid());
  for (const std::string& address : {path, name}) {
    const Manager manager(address);
    const cli::ServiceManager service(Surroundings(Variables{{"NOTIFY_SOCKET", address}}).context);
    service.notify("READY=1\nSTATUS=well");
    EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=well");
    EXPECT_FALSE(service.watchdog());
  }
}

TEST(ServiceManager, the_watchdog_is_fed_at_half_its_time_if_it_means_this_process) {
  const std::string own = std::to_string(::getpid());
  const auto watchdog = [](Variables variables) {
    variables["NOTIFY_SOCKET"] = "/nowhere";
    return cli::ServiceManager(Surroundings(std::move(variables)).context).watchdog();
  };
  EXPECT_EQ(watchdog({{"WATCHDOG_USEC", "60000000"}}), std::chrono::seconds(30));
  EXPECT_EQ(watchdog({{"WATCHDOG_USEC", "60000000"}, {"WATCHDOG_PID", own}}),
            std::chrono::seconds(30));
  EXPECT_FALSE(watchdog({{"WATCHDOG_USEC", "60000000"}, {"WATCHDOG_PID", "1"}}));
  EXPECT_FALSE(watchdog({{"WATCHDOG_USEC", "0"}}));
  EXPECT_FALSE(watchdog({{"WATCHDOG_USEC", "soon"}}));
}

TEST(AgentOnce, writes_each_output_privately_and_says_nothing) {
  FakeServer server(at_for_scope);
  Cli cli;
  cli.environment["MYTOKEN"] = fake_mytoken(server.url());
  write_file(cli.home / "o.yaml", "outputs:\n- {file: ~/a, scope: x}\n- {file: ~/b, scope: y z}\n");
  const Finished run = cli.run({"agent", "--once", "--outputs", "~/o.yaml", "--pid-file", "~/pid"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out + run.err, "");
  EXPECT_EQ(read_file(cli.home / "a"), "at-x\n");
  EXPECT_EQ(read_file(cli.home / "b"), "at-y+z\n");
  struct stat info {};
  ASSERT_EQ(::stat((cli.home / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_FALSE(std::filesystem::exists(cli.home / "pid"));
  EXPECT_FALSE(std::filesystem::exists(cli.home / "a.agent"));
}

TEST(AgentOnce, as_json_tells_each_file_and_its_end) {
  FakeServer server(at_for_scope);
  Cli cli;
  cli.environment["MYTOKEN"] = fake_mytoken(server.url());
  const std::string file = (cli.home / "a").string();
  const Finished run = cli.run({"agent", "--json", "--once", "-o", file, "-s", "x"});
  const json::object expected{{"event", "stored"}, {"file", file}, {"expires_at", 1'780'003'600}};
  EXPECT_EQ(parse_json(run.out)->as_object(), expected);
}

TEST(AgentOnce, a_refusal_is_1_a_server_that_is_away_3_a_disk_that_is_full_5) {
  FakeServer refusing(
      [](const FakeRequest&) { return answer_error(401, "invalid_token", "revoked"); });
  FakeServer broken([](const FakeRequest&) { return answer_error(503, "internal", "later"); });
  FakeServer good(at_for_scope);
  Cli cli;
  const std::string file = (cli.home / "a").string();
  cli.environment["MYTOKEN"] = fake_mytoken(refusing.url());
  EXPECT_EQ(cli.run({"agent", "--once", "-o", file}).code, 1);
  cli.environment["MYTOKEN"] = fake_mytoken(broken.url());
  EXPECT_EQ(cli.run({"agent", "--once", "-o", file}).code, 3);
  EXPECT_FALSE(std::filesystem::exists(file));
  cli.environment["MYTOKEN"] = fake_mytoken(good.url());
  std::filesystem::create_directory(cli.home / "full");
  EXPECT_EQ(cli.run({"agent", "--once", "-o", "/proc/self/at"}).code, 2);  // no lock there
}

TEST(Agent, never_writes_over_the_mytoken_itself) {
  FakeServer server(at_for_scope);
  Cli cli;
  const std::string file = (cli.home / "mt").string();
  write_file(file, fake_mytoken(server.url()) + "\n");
  const Finished run = cli.run({"agent", "--MT-file", file, "-o", file});
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(run.err, "mytoken: error: " + file + " holds the mytoken; choose another --out\n");
  EXPECT_EQ(read_file(file), fake_mytoken(server.url()) + "\n");
}

TEST(Agent, a_rotating_mytoken_must_come_from_a_file) {
  json::object payload{{"token_type", "mytoken"},
                       {"iss", "https://mt.example.org"},
                       {"rotation", {{"on_AT", true}}}};
  Cli cli;
  cli.environment["MYTOKEN"] = base64url(R"({"typ":"MT+JWT"})") + "." +
                               base64url(json::serialize(payload)) + "." + base64url("s");
  const Finished run = cli.run({"agent", "-o", (cli.home / "a").string()});
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(run.err,
            "mytoken: error: the mytoken rotates, and $MYTOKEN is no place for its successor; use "
            "--MT-file\n");
}

TEST(Agent, flags_that_contradict_each_other_are_refused) {
  Cli cli;
  write_file(cli.home / "o.yaml", "outputs: [{file: /a}]\n");
  EXPECT_EQ(cli.run({"agent", "--outputs", "~/o.yaml", "-o", "/b"}).code, 2);
  EXPECT_EQ(cli.run({"agent", "--outputs", "~/o.yaml", "-s", "x"}).code, 2);
  EXPECT_EQ(cli.run({"agent", "--outputs", "~/missing"}).code, 2);
  EXPECT_EQ(cli.run({"agent", "-o", cli.home.string()}).code, 2);
}

TEST(Exec, needs_a_command_and_a_proper_name_for_a_variable) {
  Cli cli;
  EXPECT_EQ(cli.run({"exec"}).code, 2);
  EXPECT_EQ(cli.run({"exec", "--"}).code, 2);
  EXPECT_EQ(cli.run({"exec", "--env", "1A", "--", "true"}).code, 2);
  EXPECT_EQ(cli.run({"exec", "--env", "A=B", "--", "true"}).code, 2);
}

TEST(Exec, without_an_access_token_nothing_is_run) {
  FakeServer server([](const FakeRequest&) { return answer_error(403, "usage_restricted"); });
  Cli cli;
  cli.environment["MYTOKEN"] = fake_mytoken(server.url());
  EXPECT_EQ(cli.run({"exec", "--", "touch", (cli.home / "ran").string()}).code, 1);
  EXPECT_FALSE(std::filesystem::exists(cli.home / "ran"));
}

}  // namespace
}  // namespace mytoken
