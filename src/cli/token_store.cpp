// Each fact is a file of its own that is replaced as a whole, so that processes need no lock and a
// crash leaves at most a token without description, which `add` replaces.
#include "cli/token_store.h"

#include <algorithm>

#include <mytoken/client.h>
#include <mytoken/keyring.h>
#include "base/encoding.h"
#include "base/json.h"
#include "client/durable_file.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

constexpr std::size_t longest_name = 64;
constexpr std::size_t longest_file = 1 << 16;

bool is_name(const std::string& name) {
  constexpr std::string_view first =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  return !name.empty() && name.size() <= longest_name &&
         first.find(name.front()) != std::string_view::npos &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return first.find(c) != std::string_view::npos || c == '-' || c == '.' || c == '@';
         });
}

client::Outcome<void> require_name(const std::string& name) {
  if (is_name(name)) return {};
  return failure(ErrorKind::usage, "'" + client::sanitised(name) +
                                       "' cannot be the name of a token; letters, digits and "
                                       "-_.@ can, up to 64 of them");
}

client::Failure store_failed(const std::string& problem) {
  return failure(ErrorKind::token_source, "cannot store the mytoken: " + problem, not_in_store);
}

// Private, and durable before anybody relies on it. "" or why not.
std::string write(const std::filesystem::path& file, std::string_view content) {
  std::error_code problem;
  std::filesystem::create_directories(file.parent_path(), problem);
  if (problem) return file.parent_path().string() + ": " + problem.message();
  std::filesystem::permissions(file.parent_path(), std::filesystem::perms::owner_all, problem);
  return client::replace_file(file, content, client::Durability::full);
}

std::string without_slash(std::string server) {
  while (server.ends_with('/'))
    server.pop_back();
  return server;
}

}  // namespace

std::string_view to_string(Storage storage) {
  return storage == Storage::file ? "file" : "keyring";
}

client::Outcome<Storage> parse_storage(const std::string& text, const std::string& what) {
  if (text == "file") return Storage::file;
  if (text == "keyring") return Storage::keyring;
  return failure(ErrorKind::usage,
                 what + ": '" + client::sanitised(text) + "' is neither keyring nor file");
}

client::Outcome<std::optional<Storage>> choose_storage(const Config& config,
                                                       const std::optional<std::string>& flag) {
  if (!flag && config.token_storage.empty()) return std::optional<Storage>();
  auto storage = flag ? parse_storage(*flag, "--storage")
                      : parse_storage(config.token_storage, "token_storage");
  if (!storage) return failure(std::move(storage.error()));
  return std::optional<Storage>(*storage);
}

TokenStore::TokenStore(const Context& context,
                       std::vector<std::filesystem::path> rescue_directories)
    : rescue_directories_(std::move(rescue_directories)) {
  const std::string data = context.variable("XDG_DATA_HOME");
  const std::string home = context.variable("HOME");
  if (data.starts_with('/')) {
    folder_ = std::filesystem::path(data) / "mytoken/tokens";
  } else if (home.starts_with('/')) {
    folder_ = std::filesystem::path(home) / ".local/share/mytoken/tokens";
  }
}

std::filesystem::path TokenStore::description(const std::string& name) const {
  return folder_ / (name + ".json");
}
std::filesystem::path TokenStore::token_file(const std::string& name) const {
  return folder_ / (name + ".token");
}
std::filesystem::path TokenStore::default_file(const std::string& server) const {
  return folder_ / "defaults" / percent_encode(without_slash(server));
}

std::vector<StoredToken> TokenStore::list() const {
  std::vector<StoredToken> tokens;
  std::error_code problem;
  for (std::filesystem::directory_iterator entry(folder_, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    const auto& path = entry->path();
    if (path.extension() != ".json") continue;
    if (auto token = find(path.stem().string())) tokens.push_back(std::move(*token));
  }
  std::sort(tokens.begin(), tokens.end(),
            [](const StoredToken& a, const StoredToken& b) { return a.name < b.name; });
  return tokens;
}

client::Outcome<StoredToken> TokenStore::find(const std::string& name) const {
  if (auto valid = require_name(name); !valid) return failure(std::move(valid.error()));
  const auto text =
      folder_.empty() ? std::nullopt : client::read_own_file(description(name), longest_file);
  if (!text)
    return failure(ErrorKind::token_source,
                   "there is no stored token '" + name + "', see 'mytoken store list'");
  const auto value = parse_json(text->reveal());
  const auto* object = value ? value->if_object() : nullptr;
  const std::string_view kind = object ? string_member(*object, "storage") : "";
  if (kind != "file" && kind != "keyring")
    return failure(ErrorKind::token_source, description(name).string() + " is damaged");
  StoredToken token{name, kind == "file" ? Storage::file : Storage::keyring,
                    std::string(string_member(*object, "server")), false};
  token.is_default = default_of(token.server) == name;
  return token;
}

client::Outcome<void> TokenStore::require_free(const std::string& name) const {
  if (auto valid = require_name(name); !valid) return failure(std::move(valid.error()));
  std::error_code ignored;
  if (!folder_.empty() && !std::filesystem::exists(description(name), ignored)) return {};
  if (folder_.empty()) return failure(ErrorKind::usage, "there is no home directory to store in");
  return failure(ErrorKind::usage, "there is a stored token '" + name + "' already");
}

client::Outcome<Storage> TokenStore::put(const std::string& name, const Secret& token,
                                         const std::string& server, std::optional<Storage> storage,
                                         const client::Call& call) {
  if (storage != Storage::file) {
    auto stored = client::keyring_store(name, {token, server}, call);
    if (stored) return Storage::keyring;
    if (storage || stored.error().code != client::no_keyring)
      return failure(std::move(stored.error()));
  }
  const Secret line(std::string(token.reveal()) + "\n");
  if (const std::string problem = write(token_file(name), line.reveal()); !problem.empty())
    return store_failed(problem);
  return Storage::file;
}

client::Outcome<void> TokenStore::take_away(const std::string& name, Storage storage,
                                            const client::Call& call) {
  if (storage == Storage::keyring) {
    auto removed = client::keyring_remove(name, call);
    if (!removed && removed.error().code != "no_token") return removed;
    return {};
  }
  std::error_code problem;
  std::filesystem::remove(token_file(name), problem);
  if (problem)
    return failure(ErrorKind::token_source, token_file(name).string() + ": " + problem.message());
  std::filesystem::remove(token_file(name) += ".lock", problem);
  return {};
}

client::Outcome<StoredToken> TokenStore::add(const std::string& name, const Secret& token,
                                             const std::string& server,
                                             std::optional<Storage> storage, bool may_replace,
                                             const client::Call& call) {
  std::optional<Storage> before;
  if (auto is_free = require_free(name); !is_free) {
    auto old = find(name);
    if (!may_replace || !old) return failure(std::move(is_free.error()));
    before = old->storage;
  }
  auto where = put(name, token, server, storage, call);
  if (!where) return failure(std::move(where.error()));
  const std::string address = without_slash(server);
  const json::object content{{"storage", to_string(*where)}, {"server", address}};
  if (const auto problem = write(description(name), json::serialize(content) + "\n");
      !problem.empty()) {
    return store_failed(problem);
  }
  if (before && *before != *where) {
    if (auto taken = take_away(name, *before, call); !taken)
      return failure(std::move(taken.error()));
  }
  StoredToken stored{name, *where, address, default_of(address) == name};
  if (default_of(address).empty()) {
    if (auto made = make_default(stored); !made) return failure(std::move(made.error()));
    stored.is_default = true;
  }
  return stored;
}

client::Outcome<void> TokenStore::remove(const StoredToken& token, const client::Call& call) {
  if (auto taken = take_away(token.name, token.storage, call); !taken) return taken;
  std::error_code problem;
  if (token.is_default) std::filesystem::remove(default_file(token.server), problem);
  std::filesystem::remove(description(token.name), problem);
  if (problem)
    return failure(ErrorKind::token_source,
                   description(token.name).string() + ": " + problem.message());
  // The only one that is left for the server needs no name, either.
  auto rest = list();
  std::erase_if(rest, [&](const StoredToken& other) {
    return !client::same_issuer(other.server, token.server);
  });
  if (token.is_default && rest.size() == 1) return make_default(rest.front());
  return {};
}

client::Outcome<void> TokenStore::make_default(const StoredToken& token) {
  if (const auto problem = write(default_file(token.server), token.name + "\n"); !problem.empty())
    return failure(ErrorKind::token_source, "cannot store the default: " + problem, not_in_store);
  return {};
}

std::string TokenStore::default_of(const std::string& server) const {
  if (folder_.empty()) return "";
  const auto text = client::read_own_file(default_file(server), longest_file);
  if (!text) return "";
  const std::string_view view = text->reveal();
  std::string name(view.substr(0, view.find('\n')));
  std::error_code problem;
  return is_name(name) && std::filesystem::exists(description(name), problem) ? name : "";
}

std::unique_ptr<client::TokenSource> TokenStore::open(const StoredToken& token) const {
  if (token.storage == Storage::keyring)
    return std::make_unique<client::KeyringTokenSource>(token.name, rescue_directories_);
  return std::make_unique<client::FileTokenSource>(token_file(token.name), rescue_directories_);
}

}  // namespace mytoken::cli
