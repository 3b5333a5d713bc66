// Access tokens that are still good, kept for the next command (spec cli.md §4.6): one private file
// each, found by a digest of the mytoken's text, the server, the scopes and the audiences. Whoever
// has no mytoken finds nothing, and a rotated mytoken takes its access tokens along.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <mytoken/answers.h>
#include "base/clock.h"
#include "cli/context.h"

namespace mytoken::cli {

// An access token with its life as points in time.
struct FreshToken {
  client::AccessToken token;
  Time obtained{};
  std::optional<Time> expires{};  // nullopt: the server does not say, nor the token itself

  // What is left of its life, 0 if it is over.
  std::optional<Seconds> rest(Time now) const;
};

class AccessTokenCache {
 public:
  // $XDG_RUNTIME_DIR/mytoken/at, $XDG_CACHE_HOME/mytoken/at, or ~/.cache/mytoken/at. Without any of
  // the variables nothing is kept.
  explicit AccessTokenCache(const Context& context);

  // Order and repetition of scopes and audiences do not matter.
  static std::string key(const Secret& mytoken, std::string_view server_url,
                         std::vector<std::string> scope, std::vector<std::string> audience);

  // nullopt: nothing there, unusable, or of the future (a clock was set back).
  std::optional<FreshToken> find(const std::string& key, Time now) const;
  // Tokens without a known end are not kept. Failures are silent: a cache may be missing. Expired
  // ones are removed on the way.
  void store(const std::string& key, const FreshToken& token, Time now) const;
  void forget(const std::string& key) const;

 private:
  bool prepare() const;
  void sweep(Time now) const;

  std::filesystem::path directory_;  // "" = none
};

}  // namespace mytoken::cli
