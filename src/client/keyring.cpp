// An entry of the keyring is two lines: the mytoken, and the address of its server if that is
// known.
#include <mytoken/keyring.h>

#include <cstdlib>

#include "base/encoding.h"
#include "client/durable_file.h"
#include "client/file_lock.h"
#include "client/rescue.h"
#include "client/secret_service.h"

namespace mytoken::client {
namespace {

Outcome<void> check_name(const std::string& name) {
  if (!name.empty() && name.size() <= 128 && is_utf8(name) && sanitised(name, 128) == name)
    return {};
  return failure(ErrorKind::usage,
                 "a name in the keyring has 1 to 128 bytes and no control characters");
}

Secret content_of(const Secret& token, const std::string& server) {
  std::string content;
  content.reserve(token.size() + 1 + server.size());
  content.append(token.reveal());
  if (!server.empty()) content.append("\n").append(server);
  return Secret(std::move(content));
}

KeyringEntry entry_of(const Secret& content) {
  const std::string_view text = content.reveal();
  const std::size_t end = text.find('\n');
  KeyringEntry entry{Secret(std::string(text.substr(0, end))), ""};
  if (end != std::string_view::npos) {
    const std::string_view rest = text.substr(end + 1);
    entry.server = rest.substr(0, rest.find('\n'));
  }
  return entry;
}

// Of this user and nobody else; "" if there is no home.
std::filesystem::path state_directory() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state && state[0] == '/') return std::filesystem::path(state) / "mytoken";
  const char* home = std::getenv("HOME");
  if (home && home[0] == '/') return std::filesystem::path(home) / ".local/state/mytoken";
  return {};
}

class KeyringLease final : public TokenLease {
 public:
  KeyringLease(std::string name, std::vector<std::filesystem::path> refuges,
               std::unique_ptr<FileLock> lock, KeyringEntry entry)
      : name_(std::move(name)),
        refuges_(std::move(refuges)),
        lock_(std::move(lock)),
        entry_(std::move(entry)) {}

  const Secret& token() const override { return entry_.mytoken; }

  void refresh() override {
    if (auto entry = keyring_lookup(name_)) entry_ = std::move(*entry);
  }

  Outcome<void> commit(const Secret& successor) override {
    entry_.mytoken = successor;
    // Without the call's stop: whoever interrupts a request does not mean to lose the token.
    auto stored = keyring_store(name_, entry_);
    if (stored) return {};
    const std::string text = "cannot store the rotated mytoken: " + stored.error().description;
    const auto refuge = rescue(successor, "keyring-" + percent_encode(name_), refuges_);
    if (refuge.empty()) return failure(ErrorKind::token_source, text, token_lost);
    return failure(ErrorKind::token_source, text + "; it was saved in " + refuge.string(),
                   token_rescued);
  }

 private:
  std::string name_;
  std::vector<std::filesystem::path> refuges_;
  std::unique_ptr<FileLock> lock_;
  KeyringEntry entry_;
};

}  // namespace

Outcome<void> keyring_store(const std::string& name, const KeyringEntry& entry, const Call& call) {
  if (auto good = check_name(name); !good) return good;
  const std::string_view token = entry.mytoken.reveal();
  if (token.empty() || token.find_first_of(std::string_view("\n\0", 2)) != std::string_view::npos ||
      !is_utf8(token)) {
    return failure(ErrorKind::usage, "this is no mytoken to put into the keyring");
  }
  return secret_service::store(name, content_of(entry.mytoken, entry.server), call);
}

Outcome<KeyringEntry> keyring_lookup(const std::string& name, const Call& call) {
  if (auto good = check_name(name); !good) return failure(std::move(good.error()));
  auto content = secret_service::lookup(name, call);
  if (!content) return failure(std::move(content.error()));
  return entry_of(*content);
}

Outcome<std::vector<std::string>> keyring_list(const Call& call) {
  return secret_service::names(call);
}

Outcome<void> keyring_remove(const std::string& name, const Call& call) {
  if (auto good = check_name(name); !good) return good;
  return secret_service::remove(name, call);
}

KeyringTokenSource::KeyringTokenSource(std::string name,
                                       std::vector<std::filesystem::path> rescue_directories)
    : name_(std::move(name)), rescue_directories_(std::move(rescue_directories)) {}
KeyringTokenSource::~KeyringTokenSource() = default;

Outcome<std::unique_ptr<TokenLease>> KeyringTokenSource::acquire(const Call& call) {
  if (auto good = check_name(name_); !good) return failure(std::move(good.error()));
  const auto directory = state_directory();
  if (directory.empty())
    return failure(ErrorKind::token_source, "the user has no home directory for locks");
  std::error_code problem;
  std::filesystem::create_directories(directory.parent_path(), problem);
  if (std::filesystem::create_directory(directory, problem))
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all, problem);
  auto lock = FileLock::take(directory / ("keyring-" + percent_encode(name_) + ".lock"), {},
                             "the keyring's entry '" + name_ + "'", call);
  if (!lock) return failure(std::move(lock.error()));
  auto entry = keyring_lookup(name_, call);
  if (!entry) return failure(std::move(entry.error()));
  std::vector<std::filesystem::path> refuges{directory};
  refuges.insert(refuges.end(), rescue_directories_.begin(), rescue_directories_.end());
  return std::make_unique<KeyringLease>(name_, std::move(refuges), std::move(*lock),
                                        std::move(*entry));
}

}  // namespace mytoken::client
