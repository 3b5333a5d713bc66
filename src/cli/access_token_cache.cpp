// A file is a JSON object {"access_token","token_type","scope","audience":[…],"obtained_at",
// "expires_at"}; its name is 64 hexadecimal digits. Only files of the user's own in a directory
// that nobody else can enter are believed.
#include "cli/access_token_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/encoding.h"
#include "base/json.h"
#include "client/durable_file.h"
#include "client/reading.h"
#include "crypto/hash.h"

namespace mytoken::cli {
namespace {

constexpr std::size_t longest_file = 1 << 17;
constexpr int most_swept = 1000;  // files looked at per command

std::filesystem::path directory_of(const Context& context) {
  for (const char* name : {"XDG_RUNTIME_DIR", "XDG_CACHE_HOME"}) {
    if (const std::string base = context.variable(name); base.starts_with('/'))
      return std::filesystem::path(base) / "mytoken/at";
  }
  const std::string home = context.variable("HOME");
  if (!home.starts_with('/')) return {};
  return std::filesystem::path(home) / ".cache/mytoken/at";
}

std::optional<FreshToken> parse(std::string_view text) {
  const auto value = parse_json(text);
  const auto* object = value ? value->if_object() : nullptr;
  if (!object) return std::nullopt;
  const auto obtained = client::integer_member(*object, "obtained_at");
  const auto expires = client::integer_member(*object, "expires_at");
  const std::string_view access_token = string_member(*object, "access_token");
  if (!obtained || !expires || access_token.empty()) return std::nullopt;
  FreshToken token;
  token.token.access_token = Secret(std::string(access_token));
  token.token.token_type = string_member(*object, "token_type");
  token.token.scope = string_member(*object, "scope");
  token.token.audience = client::text_members(*object, "audience");
  token.obtained = from_unix(*obtained);
  token.expires = from_unix(*expires);
  return token;
}

Secret text_of(const FreshToken& token) {
  json::object object;
  object["access_token"] = token.token.access_token.reveal();
  object["token_type"] = token.token.token_type;
  object["scope"] = token.token.scope;
  object["audience"] = client::array_of(token.token.audience);
  object["obtained_at"] = to_unix(token.obtained);
  object["expires_at"] = to_unix(*token.expires);
  return Secret(json::serialize(object));
}

void append(std::string& text, std::string_view part) {
  text += std::to_string(part.size());
  text += ':';
  text += part;
}

}  // namespace

std::optional<Seconds> FreshToken::rest(Time now) const {
  if (!expires) return std::nullopt;
  return std::max(*expires - now, Seconds(0));
}

AccessTokenCache::AccessTokenCache(const Context& context) : directory_(directory_of(context)) {}

std::string AccessTokenCache::key(const Secret& mytoken, std::string_view server_url,
                                  std::vector<std::string> scope,
                                  std::vector<std::string> audience) {
  // Each part with its length, so that no two sets of parts read the same.
  std::string text;
  append(text, mytoken.reveal());
  append(text, server_url);
  for (std::vector<std::string>* list : {&scope, &audience}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
    text += std::to_string(list->size()) + ";";
    for (const std::string& entry : *list)
      append(text, entry);
  }
  const Secret wiped(std::move(text));
  return hex(crypto::sha256(wiped.reveal()));
}

// Creates what is missing; true if the directory is private.
bool AccessTokenCache::prepare() const {
  if (directory_.empty()) return false;
  std::error_code problem;
  std::filesystem::create_directories(directory_.parent_path(), problem);
  ::mkdir(directory_.c_str(), 0700);
  struct stat info {};
  return ::lstat(directory_.c_str(), &info) == 0 && S_ISDIR(info.st_mode) &&
         info.st_uid == ::geteuid() && (info.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

std::optional<FreshToken> AccessTokenCache::find(const std::string& key, Time now) const {
  if (!prepare()) return std::nullopt;
  const auto content = client::read_own_file(directory_ / key, longest_file);
  if (!content) return std::nullopt;
  auto token = parse(content->reveal());
  if (!token || token->obtained > now || *token->expires <= now) return std::nullopt;
  return token;
}

void AccessTokenCache::store(const std::string& key, const FreshToken& token, Time now) const {
  if (!token.expires || *token.expires <= now || !prepare()) return;
  sweep(now);
  (void)client::replace_file(directory_ / key, text_of(token).reveal(), client::Durability::none);
}

void AccessTokenCache::forget(const std::string& key) const {
  if (!directory_.empty()) ::unlink((directory_ / key).c_str());
}

void AccessTokenCache::sweep(Time now) const {
  std::error_code problem;
  int looked_at = 0;
  for (std::filesystem::directory_iterator entry(directory_, problem), end;
       !problem && entry != end && looked_at < most_swept; entry.increment(problem), ++looked_at) {
    const std::string name = entry->path().filename().string();
    if (name.size() != 64 || !decode_hex(name)) continue;
    const auto content = client::read_own_file(entry->path(), longest_file);
    const auto token = content ? parse(content->reveal()) : std::nullopt;
    if (!token || *token->expires <= now) ::unlink(entry->path().c_str());
  }
}

}  // namespace mytoken::cli
