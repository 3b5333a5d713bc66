// The lease is taken before the cache is read: of many commands that start together one asks the
// server, the others find its answer.
#include "cli/access_tokens.h"

#include <mytoken/inspect.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/duration.h"
#include "client/reading.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

// RFC 6750 §2.1, b64token, and a few characters more that harm nowhere.
bool is_bearer_text(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '\'';
  });
}

std::optional<Time> expiry_of(const client::AccessToken& token, Time now) {
  if (token.expires_in) return now + *token.expires_in;
  const auto jwt = client::decode_jwt(token.access_token.reveal());
  const auto payload = jwt ? parse_json(jwt->payload) : Result<json::value>(json::value());
  if (!payload || !payload->is_object()) return std::nullopt;
  const auto exp = client::integer_member(payload->get_object(), "exp");
  if (!exp || *exp <= to_unix(now)) return std::nullopt;
  return from_unix(*exp);
}

}  // namespace

void AccessTokenFlags::declare(Command& command, Cache where, bool has_target) {
  token.declare(command);
  if (has_target) {
    command.list("-s,--scope,--scopes", scope, "scopes to ask for");
    command.list("--aud,--audience,--audiences", audience, "audiences to ask for");
  }
  command.text("--min-valid", min_valid,
               "least life of an access token from the cache, such as 90 or 5m (default 60)");
  if (where == Cache::on_request) {
    command.toggle("--cache", cache, "use an access token of an earlier call if it lasts");
  }
  command.toggle("--no-cache", no_cache, "always ask the server for a new access token");
}

client::Outcome<Seconds> AccessTokenFlags::least_rest() const {
  if (!min_valid) return default_min_valid;
  std::int64_t number = 0;
  const char* end = min_valid->data() + min_valid->size();
  const auto [parsed, problem] = std::from_chars(min_valid->data(), end, number);
  constexpr std::int64_t longest = 366LL * 24 * 3600;
  if (problem == std::errc() && parsed == end && number >= 0 && number <= longest)
    return Seconds(number);
  const auto duration = parse_duration(*min_valid);
  if (duration && *duration <= Seconds(longest)) return *duration;
  return failure(ErrorKind::usage, "--min-valid '" + *min_valid +
                                       "' is neither a number of seconds nor a duration as 5m");
}

AccessTokens::AccessTokens(Context& context, Config config, FoundToken found)
    : context_(&context), config_(std::move(config)), found_(std::move(found)), cache_(context) {}

client::Outcome<AccessTokens> AccessTokens::open(Context& context, const TokenFlags& flags) {
  auto config = load_config(context);
  if (!config) return failure(std::move(config.error()));
  auto found = find_access(context, *config, flags, false);
  if (!found) return failure(std::move(found.error()));
  if (!found->source) return failure(no_token());
  return AccessTokens(context, std::move(*config), std::move(*found));
}

client::Outcome<FreshToken> AccessTokens::get(const Wish& wish) {
  auto session = open_session(*context_, config_, found_);
  if (!session) return failure(std::move(session.error()));
  const auto key = [&] {
    return AccessTokenCache::key(session->lease->token(), session->client->server_url(), wish.scope,
                                 wish.audience);
  };
  if (wish.uses_cache) {
    const Time now = context_->clock->now();
    if (auto cached = cache_.find(key(), now)) {
      const Seconds rest = *cached->rest(now);
      const Seconds whole = *cached->expires - cached->obtained;
      if (rest >= wish.min_valid && (!wish.is_young || rest * 2 >= whole)) {
        cached->token.expires_in = rest;
        return std::move(*cached);
      }
    }
  }
  client::AccessTokenRequest request;
  request.scope = wish.scope;
  request.audience = wish.audience;
  request.comment = wish.comment;
  // Its life begins before the answer arrives, rather a little too early than too late.
  const Time asked = context_->clock->now();
  auto answer = session->client->access_token(*session->lease, request, session->call);
  if (!answer) return failure(std::move(answer.error()));
  if (!is_bearer_text(answer->access_token.reveal()))
    return failure(ErrorKind::protocol, "the server sent an access token with unusable characters");
  FreshToken token;
  token.obtained = asked;
  token.expires = expiry_of(*answer, asked);
  token.token = std::move(*answer);
  if (wish.uses_cache) cache_.store(key(), token, asked);
  return token;
}

client::Outcome<void> AccessTokens::forget(const Wish& wish) {
  auto session = open_session(*context_, config_, found_);
  if (!session) return failure(std::move(session.error()));
  cache_.forget(AccessTokenCache::key(session->lease->token(), session->client->server_url(),
                                      wish.scope, wish.audience));
  return {};
}

client::Outcome<Secret> AccessTokens::mytoken() {
  auto lease = found_.source->acquire({context_->interruption(), {}});
  if (!lease) return failure(std::move(lease.error()));
  return (*lease)->token();
}

bool rotates_with_access_tokens(const Secret& mytoken) {
  const auto jwt = client::decode_jwt(mytoken.reveal());
  const auto payload = jwt ? parse_json(jwt->payload) : Result<json::value>(json::value());
  if (!payload || !payload->is_object()) return false;
  const auto* rotation = client::member(payload->get_object(), "rotation");
  return rotation && rotation->is_object() && client::bool_member(rotation->get_object(), "on_AT");
}

json::object to_json(const FreshToken& fresh, Time now) {
  const client::AccessToken& token = fresh.token;
  json::object object;
  object["access_token"] = token.access_token.reveal();
  object["token_type"] = token.token_type.empty() ? "Bearer" : token.token_type;
  if (const auto rest = fresh.rest(now)) {
    object["expires_in"] = rest->count();
    object["expires_at"] = to_unix(*fresh.expires);
  }
  if (!token.scope.empty()) object["scope"] = token.scope;
  if (!token.audience.empty()) object["audience"] = client::array_of(token.audience);
  return object;
}

std::string rfc3339(Time time) {
  const std::time_t seconds = static_cast<std::time_t>(to_unix(time));
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::string text(32, '\0');
  text.resize(std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts));
  return text;
}

}  // namespace mytoken::cli
