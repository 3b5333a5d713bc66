// The configuration file of the command (spec cli.md §1.3): YAML, all keys optional, unknown keys
// ignored.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"

namespace mytoken::cli {

struct Config {
  std::string instance = "https://mytoken.data.kit.edu";
  bool names_instance = false;  // the file does
  std::string default_provider;
  std::vector<std::string> default_token_capabilities{"AT", "tokeninfo"};
  std::string token_name_prefix = "<hostname>";
  bool use_wlcg_token_discovery = true;
  bool use_environment_tokens = true;  // MYTOKEN and MYTOKEN_FILE
  std::string token_storage;           // "keyring" or "file"; "" = the keyring if there is one
  std::map<std::string, std::string> providers;  // short name -> issuer
};

// Reads --config, $MYTOKEN_CONFIG, $MYTOKEN_CONF, or the first existing of
// $XDG_CONFIG_HOME/mytoken, ~/.config/mytoken and
// ~/.mytoken (config.yaml). No file: defaults. Errors (usage): a named file that does not exist,
// bad YAML, a wrong type.
client::Outcome<Config> load_config(const Context& context);

// What --url or $MYTOKEN_URL says, "" if nothing.
std::string explicit_url(const Context& context);
// The server of tokens that do not say theirs: explicit_url(), else `instance` of the file.
std::string configured_server(const Context& context, const Config& config);

// `text` as configuration; `file` is for messages.
client::Outcome<Config> parse_config(const std::string& text, const std::string& file);

// `name` with the configured prefix, "<hostname>" replaced ("host:name"); "" stays "".
std::string prefixed_name(const Config& config, const std::string& host_name,
                          const std::string& name);

}  // namespace mytoken::cli
