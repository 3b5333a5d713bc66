// Which mytoken a command uses (spec cli.md §1.4, §1.5, §4.13): flags, environment, token
// discovery. What was found is a TokenSource, so that a rotated token goes back to where it came
// from.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <mytoken/token_source.h>
#include "cli/command_line.h"
#include "cli/config.h"
#include "cli/token_store.h"

namespace mytoken::cli {

struct TokenFlags {
  bool prompt = false;
  std::optional<std::string> token;
  std::optional<std::string> variable;
  std::optional<std::string> file;
  std::optional<std::string> name;
  std::optional<std::string> ssh;

  void declare(Command& command);
};

struct FoundToken {
  std::shared_ptr<client::TokenSource> source;  // null: nothing found
  std::string origin;                           // "--MT-file f", for messages
  bool is_stored = false;                       // a successor goes back to where it came from
  std::string ssh_host{};                       // not empty: the server holds the token
  std::string server{};                         // of a stored token, "" = not known
  std::filesystem::path file{};                 // where a successor goes; "" = to stderr
};

// Whether `out` (--out) is the very file that the mytoken came from.
bool is_file_of(const Context& context, const FoundToken& found,
                const std::optional<std::string>& out);

// In this order: --MT-prompt, --MT, --MT-env, --MT-file, --MT-name, $MYTOKEN, $MYTOKEN_FILE,
// $MYTOKEN_NAME, the stored default token of the configured server, WLCG discovery. A token from a
// file of the user's own or from the store goes back there when it rotates, others are shown on
// stderr. `may_be_absent`: the default is not used, and a discovered access token is passed over
// with a warning. Errors: usage and token_source; also if the token is no mytoken.
client::Outcome<FoundToken> find_token(Context& context, const Config& config,
                                       const TokenFlags& flags, bool may_be_absent);

// The same, but with --ssh the one that is bound to the user's ssh key: for commands that only ask
// the server. find_token() refuses --ssh. Error usage: --ssh and another source.
client::Outcome<FoundToken> find_access(Context& context, const Config& config,
                                        const TokenFlags& flags, bool may_be_absent);

// The named tokens; where their successors go that cannot be stored is decided here.
TokenStore token_store(const Context& context);

// Error token_source, naming `origin`: `token` is no mytoken.
client::Outcome<void> require_mytoken(const Secret& token, const std::string& origin);

// "No mytoken provided", with a hint printed by the caller through report().
client::ClientError no_token();

}  // namespace mytoken::cli
