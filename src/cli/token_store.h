// The user's mytokens by name (spec cli.md §4.5). A token is in the keyring of the desktop, or in a
// file of the user's alone; what is known about it, and which one is the default of a server, is
// always in files below $XDG_DATA_HOME/mytoken/tokens (~/.local/share):
//   NAME.json         {"storage": "keyring" | "file", "server": "https://…"}
//   NAME.token        the token, if its storage is "file"
//   defaults/SERVER   the name of the default token of a server (its address, percent-encoded)
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <mytoken/token_source.h>
#include "cli/config.h"
#include "cli/context.h"

namespace mytoken::cli {

enum class Storage { file, keyring };
std::string_view to_string(Storage storage);
// "file" or "keyring". Error usage: anything else, as a value of `what`.
client::Outcome<Storage> parse_storage(const std::string& text, const std::string& what);

// --storage, else `token_storage` of the configuration file; nullopt: automatic. Error usage.
client::Outcome<std::optional<Storage>> choose_storage(const Config& config,
                                                       const std::optional<std::string>& flag);

struct StoredToken {
  std::string name;
  Storage storage = Storage::file;
  std::string server;
  bool is_default = false;  // of its server
};

class TokenStore {
 public:
  // `rescue_directories`: for successors that cannot be stored, see FileTokenSource.
  TokenStore(const Context& context, std::vector<std::filesystem::path> rescue_directories);

  // Errors: usage (a name that is none), token_source.

  std::vector<StoredToken> list() const;  // sorted by name; unreadable entries are left out
  client::Outcome<StoredToken> find(const std::string& name) const;
  // Puts `token` into `storage`; without one into the keyring, and where there is none into a file.
  // The first token of a server becomes its default. An existing one is replaced only if
  // `may_replace`.
  client::Outcome<StoredToken> add(const std::string& name, const Secret& token,
                                   const std::string& server, std::optional<Storage> storage,
                                   bool may_replace, const client::Call& call);
  // Error usage: the name is taken, or none.
  client::Outcome<void> require_free(const std::string& name) const;
  // If it was the default and one other is left for its server, that becomes the default.
  client::Outcome<void> remove(const StoredToken& token, const client::Call& call);
  client::Outcome<void> make_default(const StoredToken& token);
  // The name of the default token of `server`, "" if there is none.
  std::string default_of(const std::string& server) const;

  // The token itself; its successors go back to where it is.
  std::unique_ptr<client::TokenSource> open(const StoredToken& token) const;

 private:
  std::filesystem::path description(const std::string& name) const;
  std::filesystem::path token_file(const std::string& name) const;
  std::filesystem::path default_file(const std::string& server) const;
  client::Outcome<Storage> put(const std::string& name, const Secret& token,
                               const std::string& server, std::optional<Storage> storage,
                               const client::Call& call);
  client::Outcome<void> take_away(const std::string& name, Storage storage,
                                  const client::Call& call);

  std::filesystem::path folder_;  // "" without a home directory
  std::vector<std::filesystem::path> rescue_directories_;
};

}  // namespace mytoken::cli
