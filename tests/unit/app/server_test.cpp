// Whole servers inside the test's process: start, answers, health, drain, and the commands around
// them.
#include "app/server.h"

#include <sys/stat.h>

#include <iostream>
#include <sstream>

#include "app/commands.h"
#include "app/keys.h"
#include "config_fixture.h"
#include "crypto/password.h"
#include "support/postgres_cluster.h"
#include "unit/app/one_request.h"

namespace mytoken::app {
namespace {

using test::contains;
using test::get;
using test::post;

// The answer to an introspection, which looks the token up.
std::string introspect(std::uint16_t port, const std::string& token) {
  return post(port, "/mt/api/v0/tokeninfo",
              R"({"action":"introspect","mytoken":")" + token + "\"}");
}

class SilentLog final : public Log {
 public:
  SilentLog() : Log(2, LogLevel::error, Format::text) {}

 protected:
  void emit(std::string_view) override {}
};

class Server : public testing::Test {
 protected:
  std::string write_config(const std::string& more = {}) {
    return folder.write("config.yaml",
                        "issuer: http://127.0.0.1:8000/mt\n"
                        "service_operator: {name: Tests, mail_contact: tests@example.org}\n"
                        "signing: {mytoken: {alg: ES256, key_file: " +
                            folder.file("keys/key.pem") +
                            "}}\n"
                            "database: {url: 'sqlite://" +
                            folder.file("data/db") +
                            "'}\n"
                            "logging: {internal: {level: error}}\n"
                            "providers:\n"
                            "  - {issuer: 'http://127.0.0.1:1', client_id: a, client_secret: b, "
                            "scopes: [openid]}\n" +
                            more);
  }
  Config config() {
    Loaded loaded = load_config(
        {{write_config("server: {listen: ['127.0.0.1:0'], threads: 2, healthcheck: true}\n")},
         false,
         {}});
    EXPECT_EQ(test::lines(loaded.errors), "");
    return loaded.config;
  }
  int run_program(const std::vector<std::string>& arguments) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = run(arguments, {});
    out = testing::internal::GetCapturedStdout();
    err = testing::internal::GetCapturedStderr();
    return code;
  }

  test::Folder folder;
  SilentLog log;
  std::string out, err;
};

TEST_F(Server, init_makes_key_and_database_once) {
  const std::string file = write_config();
  ASSERT_EQ(run_program({"init", "--config", file}), 0) << err;
  EXPECT_TRUE(contains(out, "key.pem (ES256, made)\n"));
  EXPECT_TRUE(contains(out, "/data/db (made)\n"));
  EXPECT_TRUE(contains(out, "templates: 22 of the defaults added\n"));
  struct stat status {};
  ASSERT_EQ(stat(folder.file("keys/key.pem").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  const auto key = read_text_file(folder.file("keys/key.pem"));
  ASSERT_TRUE(key.has_value());

  ASSERT_EQ(run_program({"--config", file, "init"}), 0) << err;
  EXPECT_TRUE(contains(out, "key.pem (ES256, kept)\n"));
  EXPECT_TRUE(contains(out, "/data/db (up to date)\n"));
  EXPECT_TRUE(contains(out, "templates: 0 of the defaults added\n"));
  EXPECT_EQ(*read_text_file(folder.file("keys/key.pem")), *key);
}

TEST_F(Server, profiles_update_brings_a_folder_of_templates_into_a_group) {
  const std::string unconfigured =
      "group dteam is not in features.server_profiles.groups: only this command writes to it\n";
  const std::string file = write_config();
  ASSERT_EQ(run_program({"init", "--config", file}), 0) << err;
  const std::filesystem::path templates = folder.file("templates");
  std::filesystem::create_directories(templates / "restrictions");
  std::filesystem::create_directories(templates / "profiles");
  folder.write("templates/README", "not a template");
  folder.write("templates/restrictions/.hidden", "not a template");
  folder.write("templates/restrictions/hour", R"({"exp":"+1h"})");
  folder.write("templates/profiles/job", R"({"restrictions":"dteam/hour"})");
  const auto update = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"profiles", "update", "--config", file};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  ASSERT_EQ(update({"--group", "dteam", templates.string()}), 0) << err;
  EXPECT_EQ(out, "profiles/job: added\nrestrictions/hour: added\n" + unconfigured);
  folder.write("templates/restrictions/hour", R"({"exp":"+60m"})");
  ASSERT_EQ(update({"--group", "dteam", templates.string()}), 0) << err;
  EXPECT_EQ(out, "profiles/job: kept\nrestrictions/hour: changed\n" + unconfigured);

  // One that is wrong keeps all of them out.
  folder.write("templates/profiles/job", "{}");
  folder.write("templates/restrictions/hour", R"({"exp":"tomorrow"})");
  EXPECT_EQ(update({"--group", "dteam", templates.string()}), 1);
  EXPECT_TRUE(contains(err, "restrictions/hour: "));
  folder.write("templates/restrictions/hour", R"({"exp":"+60m"})");
  ASSERT_EQ(update({"--group", "dteam", templates.string()}), 0) << err;
  EXPECT_EQ(out, "profiles/job: changed\nrestrictions/hour: kept\n" + unconfigured);

  folder.write("templates/restrictions/hour", "{");
  EXPECT_EQ(update({templates.string()}), 1);
  EXPECT_TRUE(contains(err, "restrictions/hour: this is not valid JSON"));
  EXPECT_EQ(update({folder.file("keys")}), 1);
  EXPECT_TRUE(contains(err, "has no folder profiles, capabilities, restrictions or rotation"));

  ASSERT_EQ(update({}), 0) << err;
  EXPECT_TRUE(contains(out, "profiles/web-default: kept\n"));
}

TEST_F(Server, profiles_hash_password_makes_what_the_configuration_takes) {
  const auto hash = [&](const std::string& input) {
    std::istringstream in(input);
    std::streambuf* const before = std::cin.rdbuf(in.rdbuf());
    const int code = run_program({"profiles", "hash-password"});
    std::cin.rdbuf(before);
    std::cin.clear();
    return code;
  };
  ASSERT_EQ(hash("dteam password\n"), 0) << err;
  ASSERT_TRUE(out.ends_with('\n'));
  out.pop_back();
  const auto password = crypto::Password::parse(Secret(out));
  ASSERT_TRUE(password) << out;
  EXPECT_TRUE(password->is_hashed());
  EXPECT_TRUE(*password->matches(Secret("dteam password")));
  EXPECT_EQ(hash(std::string(1024, 'x')), 0);
  for (const std::string& wrong : {std::string(), std::string("\n"), std::string(1025, 'x')}) {
    EXPECT_EQ(hash(wrong), 1);
    EXPECT_EQ(out, "");
    EXPECT_TRUE(contains(err, "stdin must hold a password of 1 to 1024 bytes"));
  }
}

TEST_F(Server, check_config_tells_what_stands_in_the_way) {
  const std::string file = write_config();
  EXPECT_EQ(run_program({"check-config", "--config", file}), 1);
  EXPECT_TRUE(contains(err, "mytoken-server: error: " + file + ": signing.mytoken: signing key " +
                                folder.file("keys/key.pem") +
                                ": there is no such file; `mytoken-server init` makes it"));
  ASSERT_EQ(run_program({"init", "--config", file}), 0) << err;
  EXPECT_EQ(run_program({"check-config", "--config", file}), 0);
  EXPECT_EQ(out, "configuration ok\n");
  ASSERT_EQ(chmod(folder.file("keys/key.pem").c_str(), 0640), 0);
  EXPECT_EQ(run_program({"check-config", "--config", file}), 1);
  EXPECT_TRUE(contains(err, "others may read"));
  EXPECT_EQ(run_program({"check-config", "--config", file, "--config",
                         folder.write("over.yaml", "signing: {mytoken: {alg: ES384}}\n")}),
            1);
  EXPECT_TRUE(contains(err, "signing.mytoken"));
}

TEST_F(Server, wrong_usage_is_told_apart) {
  EXPECT_EQ(run_program({"--no-such-option"}), 2);
  EXPECT_TRUE(contains(err, "mytoken-server: error: "));
  EXPECT_EQ(run_program({"check-config", "--config", "/nonexistent"}), 1);
  EXPECT_EQ(run_program({"version"}), 0);
  EXPECT_EQ(out, "mytoken-server " MYTOKEN_VERSION "\n");
}

TEST_F(Server, without_its_key_it_does_not_start) {
  const auto instance = Instance::start(config(), {nullptr, nullptr, nullptr, &log});
  ASSERT_FALSE(instance.has_value());
  EXPECT_TRUE(contains(instance.error().cause, "`mytoken-server init`"));
}

TEST_F(Server, starts_answers_and_ends_although_its_provider_is_down) {
  ASSERT_EQ(run_program({"init", "--config", write_config()}), 0) << err;
  auto instance = Instance::start(config(), {nullptr, nullptr, nullptr, &log});
  ASSERT_TRUE(instance.has_value()) << instance.error().cause;
  Instance& server = **instance;
  EXPECT_EQ(server.address(), "127.0.0.1:" + std::to_string(server.port()));
  const std::string document = get(server.port(), "/mt/.well-known/mytoken-configuration");
  EXPECT_TRUE(contains(document, "HTTP/1.1 200 "));
  EXPECT_TRUE(contains(document, "\"http://127.0.0.1:8000/mt"));
  EXPECT_TRUE(contains(get(server.port(), "/.well-known/mytoken-configuration"), "HTTP/1.1 404 "));
  EXPECT_TRUE(contains(get(server.health_port(), "/"), "\"database_up\":true"));
  EXPECT_TRUE(contains(get(server.health_port(), "/readyz"), "HTTP/1.1 200 "));

  // The database belongs to one server.
  auto second = Instance::start(config(), {nullptr, nullptr, nullptr, &log});
  EXPECT_FALSE(second.has_value());

  server.stop();
  auto again = Instance::start(config(), {nullptr, nullptr, nullptr, &log});
  EXPECT_TRUE(again.has_value());
}

// Status and answer of a try of a transfer code.
std::string redeem(std::uint16_t port, const std::string& code) {
  const std::string body = R"({"grant_type":"transfer_code","transfer_code":")" + code + "\"}";
  return post(port, "/mt/api/v0/token/my", body);
}

TEST_F(Server, wrong_codes_have_a_limit_of_their_own) {
  const std::string overlay = folder.write(
      "over.yaml",
      "server: {listen: ['127.0.0.1:0'], threads: 1, request_limits: {always_allow: [], "
      "max_requests: 1000, max_wrong_codes: 3}}\n");
  ASSERT_EQ(run_program({"init", "--config", write_config()}), 0) << err;
  Loaded loaded = load_config({{write_config(), overlay}, false, {}});
  EXPECT_EQ(test::lines(loaded.errors), "");
  auto instance = Instance::start(std::move(loaded.config), {nullptr, nullptr, nullptr, &log});
  ASSERT_TRUE(instance) << instance.error().cause;
  const std::uint16_t port = (*instance)->port();
  const auto page = [&](const std::string& code) {
    return get(port, "/mt/c/" + code).substr(9, 3);
  };
  EXPECT_TRUE(contains(redeem(port, "AbCdEfGh"), "HTTP/1.1 401 "));
  EXPECT_EQ(page("a-consent-code-that-nobody-has"), "404");
  EXPECT_TRUE(
      contains(post(port, "/mt/api/v0/token/revoke", R"({"token":"AbCdEfGh"})"), "HTTP/1.1 204 "));
  const std::string refused = redeem(port, "AbCdEfGi");
  EXPECT_TRUE(contains(refused, "HTTP/1.1 429 "));
  EXPECT_TRUE(contains(refused, "Retry-After: "));
  EXPECT_TRUE(contains(refused, "too many wrong codes"));
  EXPECT_EQ(page("a-consent-code-that-nobody-has"), "429");
  EXPECT_TRUE(
      contains(post(port, "/mt/api/v0/token/revoke", R"({"token":"AbCdEfGh"})"), "HTTP/1.1 429 "));
  // What is no code is not concerned.
  EXPECT_TRUE(contains(introspect(port, std::string(64, 'x')), "HTTP/1.1 401 "));
}

using ServerOnPostgresql = Server;

TEST_F(ServerOnPostgresql, a_database_that_is_silent_is_noticed_within_a_second) {
  auto& cluster = mytoken::test::PostgresCluster::shared();
  const std::string overlay =
      folder.write("postgres.yaml",
                   "server: {listen: ['127.0.0.1:0'], threads: 1, healthcheck: true}\n"
                   "database: {url: '" +
                       cluster.fresh_schema() + "', journal: " + folder.file("journal") + "}\n");
  ASSERT_EQ(run_program({"init", "--config", write_config(), "--config", overlay}), 0) << err;
  Loaded loaded = load_config({{write_config(), overlay}, false, {}});
  auto started = Instance::start(std::move(loaded.config), {nullptr, nullptr, nullptr, &log});
  ASSERT_TRUE(started) << started.error().cause;
  Instance& server = **started;
  EXPECT_TRUE(contains(get(server.health_port(), "/readyz"), "HTTP/1.1 200 "));
  cluster.pause();
  std::this_thread::sleep_for(std::chrono::milliseconds(250));  // what was known before is over
  const auto asked = std::chrono::steady_clock::now();
  const std::string silent = get(server.health_port(), "/readyz");
  const auto waited = std::chrono::steady_clock::now() - asked;
  EXPECT_TRUE(contains(get(server.health_port(), "/livez"), "HTTP/1.1 200 "));
  EXPECT_TRUE(contains(get(server.port(), "/mt/native"), "HTTP/1.1 200 "));
  cluster.resume();
  EXPECT_TRUE(contains(silent, "HTTP/1.1 503 "));
  EXPECT_TRUE(contains(silent, "\"database_up\":false"));
  EXPECT_LT(waited, std::chrono::seconds(3));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!contains(get(server.health_port(), "/readyz"), "HTTP/1.1 200 ") &&
         std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_TRUE(contains(get(server.health_port(), "/readyz"), "HTTP/1.1 200 "));
}

TEST_F(ServerOnPostgresql, wrong_codes_at_one_count_at_the_other) {
  const std::string overlay = folder.write(
      "over.yaml",
      "server: {listen: ['127.0.0.1:0'], threads: 1, request_limits: {always_allow: [], "
      "max_requests: 1000, max_wrong_codes: 3}}\ndatabase: {url: '" +
          mytoken::test::PostgresCluster::shared().fresh_schema() + "'}\n");
  ASSERT_EQ(run_program({"init", "--config", write_config()}), 0) << err;
  const auto start = [&](const std::string& journal) {
    Loaded loaded = load_config({{write_config(), overlay}, false, {}});
    loaded.config.journal_file = folder.file(journal);
    return Instance::start(std::move(loaded.config), {nullptr, nullptr, nullptr, &log});
  };
  auto one = start("journal-1");
  auto two = start("journal-2");
  ASSERT_TRUE(one && two) << (one ? two.error().cause : one.error().cause);
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(contains(redeem((*one)->port(), "AbCdEfGh"), "HTTP/1.1 401 "));
  // The second one hears of it with its next exchange; a try before that would count there.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  std::string answer;
  int tries = 0;
  while (!answer.starts_with("HTTP/1.1 429 ") && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    answer = redeem((*two)->port(), "AbCdEfGh");
    ++tries;
  }
  EXPECT_TRUE(contains(answer, "HTTP/1.1 429 "));
  EXPECT_LE(tries, 3);
}

TEST_F(ServerOnPostgresql, two_run_side_by_side_answer_503_without_their_database_and_heal) {
  auto& cluster = mytoken::test::PostgresCluster::shared();
  const std::string overlay =
      folder.write("postgres.yaml",
                   "server: {listen: ['127.0.0.1:0'], threads: 1, healthcheck: true}\n"
                   "database: {url: '" +
                       cluster.fresh_schema() + "', journal: " + folder.file("journal") + "}\n");
  const std::string base = write_config();
  ASSERT_EQ(run_program({"init", "--config", base, "--config", overlay}), 0) << err;
  EXPECT_TRUE(contains(out, "database: PostgreSQL (up to date)\n"));
  const auto start = [&](const std::string& journal) {
    Loaded loaded = load_config({{base, overlay}, false, {}});
    EXPECT_EQ(test::lines(loaded.errors), "");
    loaded.config.journal_file = folder.file(journal);
    return Instance::start(std::move(loaded.config), {nullptr, nullptr, nullptr, &log});
  };
  auto one = start("journal-1");
  auto two = start("journal-2");
  ASSERT_TRUE(one && two) << (one ? two.error().cause : one.error().cause);
  const auto ready = [&] {
    return contains(get((*two)->health_port(), "/readyz"), "HTTP/1.1 200 ");
  };
  EXPECT_TRUE(contains(get((*one)->health_port(), "/readyz"), "HTTP/1.1 200 "));
  EXPECT_TRUE(ready());
  cluster.kill();
  const auto noticed = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (ready() && std::chrono::steady_clock::now() < noticed)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(ready());
  // A short token must be looked up.
  const std::string token(64, 'x');
  const std::string answer = introspect((*two)->port(), token);
  EXPECT_TRUE(contains(answer, "HTTP/1.1 503 ")) << answer;
  EXPECT_TRUE(contains(answer, "Retry-After: ")) << answer;
  cluster.start();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!ready() && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_TRUE(ready());
  EXPECT_TRUE(contains(introspect((*two)->port(), token), "HTTP/1.1 401 "));
}

}  // namespace
}  // namespace mytoken::app
