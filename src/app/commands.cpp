// Parses the command line and runs one command.
#include "app/commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "app/keys.h"
#include "app/maintenance.h"
#include "app/profiles.h"
#include "app/serve.h"
#include "app/server.h"
#include "crypto/password.h"
#include "token/template.h"

namespace mytoken::app {
namespace {

constexpr int usage_error = 2;

void print_error(std::string_view text) {
  fmt::print(stderr, "mytoken-server: error: {}\n", text);
}

void print_problems(const std::vector<Problem>& problems, std::string_view kind) {
  for (const Problem& problem : problems)
    fmt::print(stderr, "mytoken-server: {}: {}\n", kind, problem.line());
}

// Missing folders of the file, readable by the server only.
bool make_folder_of(const std::string& file) {
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  std::error_code problem;
  if (!folder.empty()) std::filesystem::create_directories(folder, problem);
  if (problem) print_error(fmt::format("cannot make {}: {}", folder.string(), problem.message()));
  return !problem;
}

int init(const Config& config) {
  const bool embedded = config.database_url.empty();
  if (!make_folder_of(config.signing.file) ||
      !make_folder_of(embedded ? config.database_file : config.journal_file)) {
    return 1;
  }
  const auto made = make_key(config.signing, config.rsa_bits);
  if (!made) {
    print_error(made.error().cause);
    return 1;
  }
  const auto key = load_key(config.signing);
  if (!key) {
    print_error(key.error().cause);
    return 1;
  }
  fmt::print("signing key: {} ({}, {})\n", config.signing.file,
             crypto::name(config.signing.algorithm), *made ? "made" : "kept");
  std::error_code ignored;
  const bool existed = !embedded || std::filesystem::exists(config.database_file, ignored);
  Log log(2, LogLevel::warning, Log::Format::text);
  const auto database = open_database(config, log);
  if (!database) {
    print_error(database.error().cause);
    return 1;
  }
  fmt::print("database: {} ({})\n", embedded ? config.database_file : "PostgreSQL",
             existed ? "up to date" : "made");
  const auto added = install_default_templates(**database, SystemClock());
  if (!added) {
    print_error(added.error().cause);
    return 1;
  }
  fmt::print("templates: {} of the defaults added\n", *added);
  return 0;
}

int run_update(const Config& config, const std::string& directory, const std::string& group) {
  Log log(2, LogLevel::warning, Log::Format::text);
  const auto lines = update_profiles(config, directory, group, SystemClock(), log);
  if (!lines) {
    print_error(lines.error().cause);
    return 1;
  }
  for (const std::string& line : *lines)
    fmt::print("{}\n", line);
  return 0;
}

// For features.server_profiles.groups; from stdin, because others see a command's arguments.
int hash_password() {
  constexpr std::size_t longest = 1024;
  std::string text(longest + 2, '\0');
  std::cin.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::cin.gcount()));
  if (text.ends_with('\n')) text.pop_back();
  const Secret password(std::move(text));
  if (password.empty() || password.size() > longest) {
    print_error(fmt::format("stdin must hold a password of 1 to {} bytes", longest));
    return 1;
  }
  const auto hash = crypto::Password::hash(password);
  if (!hash) {
    print_error(hash.error().cause);
    return 1;
  }
  fmt::print("{}\n", *hash);
  return 0;
}

int check_config(Loaded loaded) {
  print_problems(loaded.warnings, "warning");
  if (loaded.ok()) loaded.errors = check_files(loaded.config);
  print_problems(loaded.errors, "error");
  if (!loaded.ok()) return 1;
  fmt::print("configuration ok\n");
  return 0;
}

}  // namespace

std::vector<Problem> check_files(const Config& config) {
  std::vector<Problem> problems;
  const Origin origin{0, config.files.empty() ? "configuration" : config.files.front(), 0};
  std::vector<SigningKeyFile> keys{config.signing};
  keys.insert(keys.end(), config.verification_keys.begin(), config.verification_keys.end());
  for (const SigningKeyFile& file : keys) {
    if (auto key = load_key(file); !key) {
      problems.push_back({origin, "signing.mytoken", key.error().cause});
    } else if (is_exposed(file.file)) {
      problems.push_back(
          {origin, "signing.mytoken", fmt::format("others may read {}; chmod 600 it", file.file)});
    }
  }
  if (config.http.tls) {
    for (const std::string& file : {config.http.tls->certificate_file, config.http.tls->key_file}) {
      if (auto text = read_text_file(file); !text)
        problems.push_back({origin, "server.tls", text.error().cause});
    }
    if (is_exposed(config.http.tls->key_file)) {
      problems.push_back(
          {origin, "server.tls.key",
           fmt::format("others may read {}; chmod 600 it", config.http.tls->key_file)});
    }
  }
  return problems;
}

int run(std::vector<std::string> arguments, const Environment& environment) {
  CLI::App app("OpenID Connect refresh tokens as restricted, revocable mytokens", "mytoken-server");
  LoadOptions options;
  options.environment = environment;
  app.fallthrough();
  app.require_subcommand(0, 1);
  app.add_option("-c,--config", options.files,
                 "configuration file; may be repeated, later files overlay earlier ones")
      ->allow_extra_args(false);
  app.add_flag("--allow-unknown-keys", options.allow_unknown_keys,
               "warn of unknown keys instead of refusing them");
  bool accept_clock = false;
  app.add_flag("--accept-clock", accept_clock,
               "serve although the database holds times in the future of this server's clock");
  bool take_over = false;
  CLI::App* serve_command = app.add_subcommand("serve", "run the server (default)");
  serve_command->add_flag("--take-over", take_over,
                          "follow the running server (server.handover) without closing its port");
  const CLI::App* init_command =
      app.add_subcommand("init",
                         "make the signing key, the database and the default templates if they are "
                         "missing");
  const CLI::App* check_command =
      app.add_subcommand("check-config", "check the configuration without the network");
  MaintenanceCommands maintenance(app);
  CLI::App* profiles_command = app.add_subcommand("profiles", "templates and profiles");
  profiles_command->require_subcommand(1);
  CLI::App* update_command = profiles_command->add_subcommand(
      "update", "write a folder of templates into a group of the database");
  std::string directory;
  std::string group(token::default_template_group);
  update_command->add_option("DIR", directory,
                             "its files <kind>/<name> are the templates; left out: the defaults");
  update_command->add_option("--group", group, "the group that owns them")->capture_default_str();
  const CLI::App* hash_command = profiles_command->add_subcommand(
      "hash-password", "make the hash of a group's password, which it reads from stdin");
  const CLI::App* version_command = app.add_subcommand("version", "show the version");
  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    app.parse(arguments);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ExtrasError&) {
    const std::string first = app.remaining(true).empty() ? "" : app.remaining(true).front();
    print_error(fmt::format("unknown argument '{}'; see mytoken-server --help", first));
    return usage_error;
  } catch (const CLI::ParseError& error) {
    print_error(error.what());
    return usage_error;
  }
  if (version_command->parsed()) {
    fmt::print("mytoken-server {}\n", MYTOKEN_VERSION);
    return 0;
  }
  harden_process();
  if (hash_command->parsed()) return hash_password();
  Loaded loaded = load_config(options);
  if (check_command->parsed()) return check_config(std::move(loaded));
  if (!loaded.ok()) {
    print_problems(loaded.errors, "error");
    return 1;
  }
  if (init_command->parsed()) return init(loaded.config);
  if (update_command->parsed()) return run_update(loaded.config, directory, group);
  loaded.config.accept_clock = accept_clock;
  if (maintenance.parsed()) return maintenance.run(loaded.config, environment);
  // Not to the log, whose level may hide them.
  print_problems(loaded.warnings, "warning");
  return serve(std::move(loaded.config), environment, take_over);
}

}  // namespace mytoken::app
