// Puts the parts of reading a configuration together, and reads who we are: issuer, operator, keys,
// database, logs.
#include "app/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/url.hpp>
#include <filesystem>

#include "app/config_keys.h"
#include "app/config_values.h"
#include "sql/postgres.h"

namespace mytoken::app {
namespace {

constexpr std::string_view default_database = "/var/lib/mytoken/mytoken.db";
constexpr std::string_view default_journal = "/var/lib/mytoken/mytoken.journal";

void read_identity(Values& values, Config& config) {
  const std::string issuer =
      values.required("issuer", "give the public address of this server, https://…");
  config.service.issuer = issuer;
  config.http.issuer = issuer;
  const auto url = boost::urls::parse_uri(issuer);
  if (!issuer.empty()) {
    const bool web = url && (url->scheme_id() == boost::urls::scheme::https ||
                             url->scheme_id() == boost::urls::scheme::http);
    if (!web || url->encoded_host().empty() || url->has_query() || url->has_fragment() ||
        url->has_userinfo()) {
      values.error(
          "issuer",
          "must be an address like https://mytoken.example.org, without query and fragment");
    }
  }
  config.web.service_name =
      values.required("service_operator.name", "pages show who runs the service");
  config.web.contact = values.required("service_operator.mail_contact", "pages show whom to ask");
  config.api.service_documentation = values.text("service_documentation");

  const bool https = issuer.starts_with("https://");
  const bool secure = values.boolean("server.secure", https);
  if (https && !secure)
    values.warning("server.secure", "cookies will be sent over unencrypted connections too");
  config.api.secure_cookies = config.web.secure_cookies = secure;
  if (!secure) config.http.hsts_max_age = std::chrono::seconds(0);
}

crypto::Algorithm read_algorithm(Values& values, std::string_view path,
                                 crypto::Algorithm otherwise) {
  if (!values.has(path)) return otherwise;
  const auto algorithm = crypto::parse_algorithm(values.text(path));
  if (algorithm) return *algorithm;
  values.error(path,
               "must be one of ES256, ES384, ES512, RS256, RS384, RS512, PS256, PS384, PS512");
  return otherwise;
}

void read_signing(Values& values, Config& config) {
  // Before version 0.9 of the reference these stood at the top of `signing`.
  const bool old_form = !values.has("signing.mytoken") && values.has("signing");
  const std::string at = old_form ? "signing." : "signing.mytoken.";
  if (!old_form) {
    for (const std::string name : {"signing.alg", "signing.key_file", "signing.rsa_key_len"}) {
      if (values.has(name)) values.error(name, "given beside signing.mytoken; remove the old form");
    }
  }
  config.signing.algorithm = read_algorithm(values, at + "alg", crypto::Algorithm::es512);
  config.signing.file = values.required(
      at + "key_file", "name a file; `mytoken-server init` makes the key if there is none");
  config.rsa_bits = static_cast<int>(values.integer(at + "rsa_key_len", 2048, 2048, 8192));

  const Node* keys = values.find("signing.mytoken.keys");
  for (std::size_t i = 0; keys && i < keys->items.size(); ++i) {
    Values key = values.entry("signing.mytoken.keys", i);
    SigningKeyFile file{read_algorithm(key, "alg", config.signing.algorithm),
                        key.required("key_file", "name the file of the key")};
    enum { active, next, verify, retired };
    const std::size_t state = key.choice("state", verify, {"active", "next", "verify", "retired"});
    if (state == active && file.file != config.signing.file) {
      key.error("state", "the active key is signing.mytoken.key_file; name it there");
    }
    if (state == next || state == verify) config.verification_keys.push_back(std::move(file));
  }
}

void read_database(Values& values, Config& config) {
  enum { sqlite, postgresql, by_url };
  const std::size_t driver = values.choice("database.driver", by_url, {"sqlite", "postgresql"});
  config.database_file = default_database;
  std::string url = values.text("database.url");
  if (sql::is_postgres_url(url)) {
    if (driver == sqlite) values.error("database.driver", "database.url is of PostgreSQL");
    config.database_url = Secret(std::move(url));
    config.database_file.clear();
    config.journal_file = values.text("database.journal", default_journal);
    return;
  }
  if (driver == postgresql) {
    values.error("database.url", "must be postgresql://user:password@host/database");
  } else if (url.starts_with("sqlite:///")) {
    config.database_file = url.substr(std::string_view("sqlite://").size());
  } else if (url.starts_with("sqlite:") && !url.starts_with("sqlite://") && url.size() > 7) {
    config.database_file = url.substr(7);
  } else if (values.has("database.url")) {
    values.error("database.url",
                 "must be sqlite:///path/of/file, sqlite:relative/path or "
                 "postgresql://user:password@host/database");
  }
  config.journal_file = values.text("database.journal", config.database_file + ".journal");
}

void read_logging(Values& values, Config& config) {
  config.internal_log.directory = values.text("logging.internal.dir");
  // Without a file there is at least standard error: a silent server helps nobody.
  config.internal_log.to_stderr =
      config.internal_log.directory.empty() || values.boolean("logging.internal.stderr", false);
  config.access_log.directory = values.text("logging.access.dir");
  config.access_log.to_stderr = values.boolean("logging.access.stderr", false);
  enum { debug, trace, info, warn, warning, error, fatal, panic };
  switch (values.choice("logging.internal.level", error,
                        {"debug", "trace", "info", "warn", "warning", "error", "fatal", "panic"})) {
    case debug:
    case trace:
      config.log_level = LogLevel::debug;
      break;
    case info:
      config.log_level = LogLevel::info;
      break;
    case warn:
    case warning:
      config.log_level = LogLevel::warning;
      break;
    default:
      config.log_level = LogLevel::error;
  }
  const std::size_t format = values.choice("logging.format", 0, {"text", "json", "journald"});
  config.log_format = format == 1 ? Log::Format::json : Log::Format::text;
}

void sort_by_place(std::vector<Problem>& problems) {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.origin.order, a.origin.line) < std::pair(b.origin.order, b.origin.line);
  });
}

}  // namespace

std::string find_config(const Environment& environment) {
  const auto named = environment.find("MYTOKEN_CONFIG");
  if (named != environment.end() && !named->second.empty()) return named->second;
  for (const char* candidate : {"config/config.yaml", "/etc/mytoken/config.yaml"}) {
    std::error_code problem;
    if (std::filesystem::exists(candidate, problem)) return candidate;
  }
  return {};
}

Loaded load_config(const LoadOptions& options) {
  Loaded loaded;
  std::vector<std::string> files = options.files;
  if (files.empty()) {
    if (std::string file = find_config(options.environment); !file.empty())
      files.push_back(std::move(file));
  }
  if (files.empty()) {
    loaded.errors.push_back(
        {{0, "configuration", 0},
         "",
         "none found as config/config.yaml or /etc/mytoken/config.yaml; name one with --config"});
    return loaded;
  }

  Node root{Node::Kind::map, {0, files.front(), 1}, {}, {}, {}};
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto text = read_text_file(files[i]);
    if (!text) {
      loaded.errors.push_back({{i, files[i], 0}, "", text.error().cause});
      continue;
    }
    Node upper = parse_yaml(*text, {i, files[i], 0}, loaded.errors);
    expand_switches(upper);
    overlay(root, std::move(upper));
  }
  // What is missing in a file that cannot be read is no help.
  if (!loaded.errors.empty()) return loaded;
  apply_environment(root, options.environment, files.size(), loaded.errors);
  expand_switches(root);
  check_keys(root, {options.allow_unknown_keys, options.environment}, loaded.errors,
             loaded.warnings);

  Values values(root, "", loaded.errors, loaded.warnings);
  Config& config = loaded.config;
  config.files = files;
  read_identity(values, config);
  read_signing(values, config);
  read_database(values, config);
  read_logging(values, config);
  read_server(values, config);
  read_features(values, config);
  read_providers(values, config.api.guest_mode, config.providers);
  sort_by_place(loaded.errors);
  sort_by_place(loaded.warnings);
  return loaded;
}

}  // namespace mytoken::app
