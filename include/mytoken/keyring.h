// Mytokens in the keyring of the desktop (the Secret Service of freedesktop.org: GNOME Keyring,
// KWallet, KeePassXC), encrypted with the user's login. libsecret is loaded when it is needed. An
// entry is a mytoken under a name; it may say of which server it is, which a short token does not
// tell by itself. All functions are thread-safe, may make the keyring ask the user for its
// password, and end early as any other call does. Errors: token_source with code no_keyring (no
// libsecret, no session bus, or no service on it), no_token (no such entry), keyring (anything else
// the keyring says); timeout, cancelled. Source: spec cli.md §2.2 and §4.5.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <mytoken/token_source.h>

namespace mytoken::client {

struct KeyringEntry {
  Secret mytoken;
  std::string server;  // "" = not said
};

// Adds the entry `name` or replaces it.
MYTOKEN_API Outcome<void> keyring_store(const std::string& name, const KeyringEntry& entry,
                                        const Call& call = {});
MYTOKEN_API Outcome<KeyringEntry> keyring_lookup(const std::string& name, const Call& call = {});
// The names of all entries, sorted. Nothing is unlocked for this.
MYTOKEN_API Outcome<std::vector<std::string>> keyring_list(const Call& call = {});
MYTOKEN_API Outcome<void> keyring_remove(const std::string& name, const Call& call = {});

// The entry `name` as a source. A lease holds an exclusive lock on a file of that name in
// $XDG_STATE_HOME/mytoken (~/.local/state/mytoken), so that processes take turns; the entry is read
// with the lock held. A successor that cannot be stored goes to the first of the directories that
// takes it; the directory of the lock is tried before them.
class MYTOKEN_API KeyringTokenSource final : public TokenSource {
 public:
  explicit KeyringTokenSource(std::string name,
                              std::vector<std::filesystem::path> rescue_directories = {});
  ~KeyringTokenSource() override;
  Outcome<std::unique_ptr<TokenLease>> acquire(const Call& call) override;

 private:
  std::string name_;
  std::vector<std::filesystem::path> rescue_directories_;
};

// `code` of an error: there is no keyring here; or it refused.
inline constexpr const char* no_keyring = "no_keyring";
inline constexpr const char* keyring_refused = "keyring";

}  // namespace mytoken::client
