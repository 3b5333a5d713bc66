// The configuration of one server: read once, checked as a whole, immutable afterwards. The
// reference's config.yaml is accepted as it is; every key with an effect is described in
// config/config.yaml.example. Sources: spec operations.md §§2.1, 18; oidc.md §§1, 19.2.
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "api/api.h"
#include "app/config_source.h"
#include "base/log.h"
#include "base/secret.h"
#include "crypto/jose.h"
#include "http/server.h"
#include "net/geoip.h"
#include "oidc/provider.h"
#include "service/context.h"
#include "web/web.h"

namespace mytoken::app {

struct SigningKeyFile {
  crypto::Algorithm algorithm = crypto::Algorithm::es512;
  std::string file;
};

struct LogTarget {
  std::string directory;  // "" = no file
  bool to_stderr = false;
};

struct Config {
  service::Settings service;
  http::ServerSettings http;  // error_page is set when the server is put together
  api::Settings api;
  web::Settings web;
  net::GeoIpSettings geoip;
  std::vector<oidc::ProviderSettings> providers;  // as configured, without built-in quirks

  SigningKeyFile signing;                         // the active key
  int rsa_bits = 2048;                            // of a key made by init
  std::vector<SigningKeyFile> verification_keys;  // further keys of state next or verify

  Secret database_url;        // of a PostgreSQL database; empty: the embedded one
  std::string database_file;  // of the embedded one
  std::string journal_file;
  // Listening sockets of a former process or of a supervisor; see app/handover.h. Empty:
  // http.listen.
  std::vector<int> health_sockets;
  std::string handover;       // path of the local socket where a successor asks; "" = none
  bool accept_clock = false;  // of the command line: stored times in the future are no obstacle

  LogTarget internal_log;
  LogTarget access_log;
  LogLevel log_level = LogLevel::error;
  Log::Format log_format = Log::Format::text;

  std::string health_listen;  // "host:port"; "" = no health check listener
  std::chrono::milliseconds drain_timeout{30'000};
  std::vector<std::string> files;  // what was read
};

struct LoadOptions {
  std::vector<std::string> files;  // later ones overlay earlier ones; empty: see find_config
  bool allow_unknown_keys = false;
  Environment environment;
};

struct Loaded {
  Config config;                // only to be used if errors is empty
  std::vector<Problem> errors;  // in the order of the files' lines
  std::vector<Problem> warnings;
  bool ok() const { return errors.empty(); }
};

// $MYTOKEN_CONFIG, ./config/config.yaml, /etc/mytoken/config.yaml; "" if there is none.
std::string find_config(const Environment& environment);

// Reads, overlays, checks. Never throws; nothing beyond the files and what they refer to is
// touched.
Loaded load_config(const LoadOptions& options);

// Parts of load_config (config_providers.cpp, config_server.cpp).
class Values;
// `none_is_fine`: there is a provider of our own.
void read_providers(Values& values, bool none_is_fine,
                    std::vector<oidc::ProviderSettings>& providers);
void read_server(Values& values, Config& config);
void read_features(Values& values, Config& config);

}  // namespace mytoken::app
