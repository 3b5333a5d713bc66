// Files, overlays, environment and references; and that no secret is ever shown.
#include "app/config_source.h"

#include "config_fixture.h"

namespace mytoken::app {
namespace {

using test::contains;
using test::lines;
using test::load;
using test::smallest;
using test::Texts;

TEST(ConfigFiles, later_files_merge_maps_and_replace_lists) {
  const Loaded loaded =
      load({smallest, "server: {listen: ['127.0.0.1:1', '127.0.0.1:2'], drain_timeout: 3}\n",
            "server: {listen: ['127.0.0.1:4']}\n"});
  EXPECT_EQ(lines(loaded.errors), "");
  EXPECT_EQ(loaded.config.http.listen, (Texts{"127.0.0.1:4"}));
  EXPECT_EQ(loaded.config.drain_timeout, std::chrono::seconds(3));
}

TEST(ConfigFiles, errors_of_all_files_come_in_order) {
  EXPECT_EQ(
      lines(load({smallest + "server:\n  port: x\n  prot: 1\n", "retention: {event: 1}\n"}).errors),
      "part0.yaml:10: server.port: must be a whole number\n"
      "part0.yaml:11: server.prot: unknown key; did you mean server.port?\n"
      "part1.yaml:1: retention.event: unknown key; did you mean retention.events?\n");
}

TEST(ConfigFiles, broken_yaml_is_reported_with_its_line) {
  EXPECT_TRUE(contains(lines(load({"issuer: a\nserver: [\n"}).errors), "not valid YAML"));
  EXPECT_EQ(lines(load({"- a\n"}).errors), "part0.yaml:1: not a list of `key: value`\n");
  EXPECT_EQ(lines(load({smallest + "issuer: https://b.example\n"}).errors),
            "part0.yaml:9: a key of this mapping is given twice; remove one\n");
}

TEST(ConfigFiles, a_missing_file_is_named) {
  LoadOptions options;
  options.files = {"/nonexistent/config.yaml"};
  EXPECT_EQ(lines(load_config(options).errors),
            "config.yaml: cannot read /nonexistent/config.yaml: No such file or directory\n");
}

TEST(ConfigFiles, repeated_aliases_cannot_exhaust_the_memory) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j)
      bomb += before + " ,";
    bomb += "]\n";
  }
  EXPECT_TRUE(contains(lines(load({bomb}).errors), "too large or nested too deeply"));
}

TEST(ConfigFiles, merge_keys_fill_what_is_not_given) {
  const Loaded loaded = load(
      {"base: &b {port: 1}\n" + smallest + "server: {<<: {port: 7, drain_timeout: 4}, port: 9}\n"},
      {}, true);
  EXPECT_EQ(loaded.config.drain_timeout, std::chrono::seconds(4));
  EXPECT_EQ(loaded.config.http.listen, (Texts{"[::]:9"}));
}

TEST(ConfigEnvironment, variables_override_files) {
  const Loaded loaded =
      load({smallest + "server: {port: 1}\n"}, {{"MYTOKEN__SERVER__PORT", "8080"},
                                                {"MYTOKEN__FEATURES__SHORT_TOKENS", "off"},
                                                {"MYTOKEN__PROVIDERS__0__CLIENT_SECRET", "changed"},
                                                {"UNRELATED", "x"}});
  EXPECT_EQ(lines(loaded.errors), "");
  EXPECT_EQ(loaded.config.http.listen, (Texts{"[::]:8080"}));
  EXPECT_FALSE(loaded.config.service.representations.short_tokens);
  EXPECT_EQ(loaded.config.providers.at(0).client_secret.reveal(), "changed");
}

TEST(ConfigEnvironment, mistakes_name_the_variable) {
  EXPECT_EQ(lines(load({smallest}, {{"MYTOKEN__SERVER__PROT", "8080"},
                                    {"MYTOKEN__SERVER__LISTEN", "x"},
                                    {"MYTOKEN__PROVIDERS__7__NAME", "x"}})
                      .errors),
            "environment variable MYTOKEN__PROVIDERS__7__NAME: names an entry of a list that does "
            "not exist\n"
            "environment variable MYTOKEN__SERVER__LISTEN: server.listen: must be a list; begin "
            "each entry with `- `\n"
            "environment variable MYTOKEN__SERVER__PROT: server.prot: unknown key; did you mean "
            "server.port?\n");
}

std::string with_secret(const std::string& secret) {
  std::string text = smallest;
  const std::string given = "client_secret: canary-secret-4711";
  text.replace(text.find(given), given.size(), secret);
  return text;
}

TEST(ConfigReferences, secrets_come_from_files_environment_and_credentials) {
  const test::Folder folder;
  const std::string file = folder.write("secret", "from a file\n\n");
  const auto secret_of = [](const Loaded& loaded) {
    EXPECT_EQ(lines(loaded.errors), "");
    return std::string(loaded.config.providers.at(0).client_secret.reveal());
  };
  EXPECT_EQ(secret_of(load({with_secret("client_secret: ${file:" + file + "}")})), "from a file\n");
  EXPECT_EQ(secret_of(load({with_secret("client_secret_file: " + file)})), "from a file\n");
  EXPECT_EQ(secret_of(load({with_secret("client_secret: ${env:OP_SECRET}")},
                           {{"OP_SECRET", "from env"}})),
            "from env");
  EXPECT_EQ(secret_of(load({with_secret("client_secret: ${cred:secret}")},
                           {{"CREDENTIALS_DIRECTORY", std::filesystem::path(file).parent_path()}})),
            "from a file\n");
  EXPECT_EQ(secret_of(load({with_secret("client_secret: '${literal}'")})), "${literal}");
}

TEST(ConfigReferences, what_cannot_be_resolved_stops_the_start) {
  const auto error_of = [](const std::string& secret, Environment environment = {}) {
    return lines(load({with_secret(secret)}, std::move(environment)).errors);
  };
  EXPECT_TRUE(contains(error_of("client_secret: ${env:MISSING}"),
                       "part0.yaml:7: providers[0].client_secret: the environment variable MISSING "
                       "is not set"));
  for (const char* secret : {"client_secret: ${env:MISSING}", "client_secret_file: /nonexistent/s"})
    EXPECT_EQ(load({with_secret(secret)}).errors.size(), 1u) << secret;
  EXPECT_TRUE(
      contains(error_of("client_secret_file: /nonexistent/s"),
               "providers[0].client_secret_file: cannot read /nonexistent/s: No such file"));
  EXPECT_TRUE(contains(error_of("client_secret: ${cred:a}"), "CREDENTIALS_DIRECTORY is not set"));
  EXPECT_TRUE(
      contains(error_of("client_secret: '${cred:../a}'", {{"CREDENTIALS_DIRECTORY", "/tmp"}}),
               "not the name of a credential"));
  EXPECT_TRUE(contains(error_of("client_secret: a\n    client_secret_file: b"),
                       "given beside client_secret"));
}

// A secret at every place where a slip of the pen may put it.
TEST(ConfigReferences, no_message_shows_a_value) {
  const std::string canary = "canary-secret-4711";
  const std::string slips[] = {
      "client_secret: [" + canary + "]",
      "client_secret: {a: " + canary + "}",
      "client_secret: *" + canary,
      "client_secret: \"" + canary + "\\q\"",
      "client_secret:" + canary + ": x",
      "client_secret: " + canary + "\n    client_secret_file: x",
      "scopes2: " + canary,
      "mytokens_max_lifetime: " + canary,
      "client_secret: a\n    quirks: {token_auth_method: " + canary + "}",
      "client_secret: a\n    quirks: " + canary,
  };
  for (const std::string& slip : slips) {
    const Loaded loaded = load({with_secret(slip)});
    EXPECT_FALSE(loaded.errors.empty()) << slip;
    EXPECT_FALSE(contains(lines(loaded.errors) + lines(loaded.warnings), canary)) << slip;
  }
}

}  // namespace
}  // namespace mytoken::app
