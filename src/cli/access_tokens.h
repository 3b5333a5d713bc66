// Access tokens of one mytoken for the commands that need them more than once or quickly: from the
// cache if one there is good for long enough, else from the server.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/access_token_cache.h"
#include "cli/session.h"

namespace mytoken::cli {

inline constexpr Seconds default_min_valid{60};

// Flags that choose an access token.
struct AccessTokenFlags {
  TokenFlags token;
  std::vector<std::string> scope;
  std::vector<std::string> audience;
  std::optional<std::string> min_valid;
  bool cache = false;     // only where it is not the rule
  bool no_cache = false;  // only where the cache is the rule

  enum class Cache { on_request, by_default };
  // `has_target` = false: no --scope and --audience.
  void declare(Command& command, Cache cache, bool has_target = true);

  // --min-valid as "90" (seconds) or "5m". Error usage.
  client::Outcome<Seconds> least_rest() const;
};

// What to ask for.
struct Wish {
  std::vector<std::string> scope;
  std::vector<std::string> audience;
  std::string comment;
  bool uses_cache = true;
  Seconds min_valid = default_min_valid;  // of a token from the cache
  // A token from the cache has half of its life before it; for those who keep a token fresh.
  bool is_young = false;
};

// Not thread-safe. Refers to the context.
class AccessTokens {
 public:
  // Finds the configuration and the mytoken. Errors as open_session_with_token().
  static client::Outcome<AccessTokens> open(Context& context, const TokenFlags& flags);

  // Waits for others who use the same mytoken, and profits from what they got. Errors as
  // Client::access_token(); protocol if the access token holds more than RFC 6750 lets a bearer
  // token have (it is going to be written into headers and line protocols).
  client::Outcome<FreshToken> get(const Wish& wish);
  // Drops what get() would find in the cache.
  client::Outcome<void> forget(const Wish& wish);

  // The mytoken as it is now.
  client::Outcome<Secret> mytoken();
  // Where the mytoken is from.
  const FoundToken& found() const { return found_; }

 private:
  AccessTokens(Context& context, Config config, FoundToken found);

  Context* context_;
  Config config_;
  FoundToken found_;
  AccessTokenCache cache_;
};

// Whether the mytoken (a JWT; nobody knows it of others) says that it is replaced each time.
bool rotates_with_access_tokens(const Secret& mytoken);

// {"access_token","token_type","expires_in","expires_at","scope","audience"}
json::object to_json(const FreshToken& token, Time now);

// "2026-01-31T12:00:00Z"
std::string rfc3339(Time time);

}  // namespace mytoken::cli
