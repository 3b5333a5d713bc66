// Codes and tokens of the guest provider; see guests.h.
#include "service/guests.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/json.h"
#include "base/random.h"
#include "crypto/envelope.h"
#include "crypto/hash.h"
#include "store/guest_codes.h"

namespace mytoken::service {
namespace {

constexpr Seconds code_lifetime{120};  // the browser brings it back at once
constexpr std::size_t token_length = 64;
constexpr std::string_view code_context = "guest_code";

std::string new_subject() {
  return "guest-" + random_text(32, base62_letters);
}

Error bad_code() {
  return invalid_grant("the code is unknown, expired or used");
}

bool is_own_refresh_token(const Secret& token) {
  const std::string_view text = token.reveal();
  return text.size() == token_length && std::all_of(text.begin(), text.end(), [](char c) {
           return base62_letters.find(c) != std::string_view::npos;
         });
}

// An unsecured JWS (RFC 7515 appendix A.5).
Secret id_token(const Context& context, const std::string& subject, Seconds lifetime) {
  const std::int64_t now = to_unix(context.clock.now());
  json::object claims;
  claims["iss"] = guest_issuer(context.settings);
  claims["sub"] = subject;
  claims["aud"] = guest_client_id;
  claims["iat"] = now;
  claims["exp"] = now + lifetime.count();
  return Secret(base64url(R"({"alg":"none","typ":"JWT"})") + "." +
                base64url(json::serialize(claims)) + ".");
}

GuestTokens new_tokens(const Context& context, const std::string& subject) {
  GuestTokens tokens;
  tokens.access_token = Secret(random_text(token_length, base62_letters));
  tokens.refresh_token = Secret(random_text(token_length, base62_letters));
  tokens.id_token = id_token(context, subject, tokens.expires_in);
  return tokens;
}

struct Code {
  std::string subject;
  std::string challenge;
  Time expires_at{};
};

// nullopt: none of ours, or expired.
std::optional<Code> open_code(const Context& context, const Secret& code) {
  const auto sealed = decode_base64url(code.reveal());
  if (!sealed) return std::nullopt;
  const auto text = crypto::open(*sealed, context.installation_secret, code_context);
  if (!text) return std::nullopt;
  const auto document = parse_json(text->reveal());
  if (!document || !document->is_object()) return std::nullopt;
  const json::object& object = document->get_object();
  const json::value* exp = object.if_contains("exp");
  if (exp == nullptr || !exp->is_int64()) return std::nullopt;
  Code opened{std::string(string_member(object, "sub")),
              std::string(string_member(object, "challenge")), from_unix(exp->get_int64())};
  if (opened.expires_at < context.clock.now()) return std::nullopt;
  return opened;
}

bool verifier_fits(const Code& code, const Secret& verifier, Redeemer redeemer) {
  if (code.challenge.empty()) return redeemer == Redeemer::anybody;
  return Secret::equal(base64url(crypto::sha256(verifier.reveal())), code.challenge);
}

}  // namespace

std::string guest_issuer(const Settings& settings) {
  return base_url(settings) + std::string(guest_path);
}

oidc::ProviderSettings guest_provider(const Settings& settings, Seconds mytokens_max_lifetime) {
  oidc::ProviderSettings provider;
  provider.issuer = guest_issuer(settings);
  provider.name = "Guest (for trying only)";
  provider.client_id = guest_client_id;
  provider.scopes = {"openid"};
  provider.mytokens_max_lifetime = mytokens_max_lifetime;
  provider.rotating_refresh_tokens = false;
  provider.validate_id_token = false;
  return provider;
}

std::string guest_code(const Context& context, std::string_view code_challenge) {
  json::object code;
  code["sub"] = new_subject();
  code["exp"] = to_unix(context.clock.now() + code_lifetime);
  code["challenge"] = code_challenge;
  return base64url(crypto::seal(json::serialize(code), context.installation_secret, code_context));
}

Task<Result<GuestTokens>> redeem_guest_code(Context& context, Secret code, Secret code_verifier,
                                            Redeemer redeemer) {
  const auto opened = open_code(context, code);
  if (!opened || !verifier_fits(*opened, code_verifier, redeemer)) co_return fail(bad_code());
  if (redeemer == Redeemer::anybody) {
    auto look = [](sql::Connection& db) { return store::guest_codes_are_full(db); };
    auto full = co_await context.database.read(look);
    if (!full) co_return tl::unexpected(full.error());
    if (*full) {
      co_return fail(unavailable("too many guests logged in at the same time", Seconds(60)));
    }
  }
  const std::string hash = crypto::sha256(code.reveal());
  auto work = [&](sql::Transaction& db) {
    return store::use_guest_code(db, hash, opened->expires_at);
  };
  auto first = co_await context.database.write(work);
  if (!first) co_return tl::unexpected(first.error());
  if (!*first) co_return fail(bad_code());
  co_return new_tokens(context, opened->subject);
}

GuestTokens refresh_guest(const Context& context, const Secret& refresh_token) {
  GuestTokens tokens = new_tokens(context, new_subject());
  if (is_own_refresh_token(refresh_token)) tokens.refresh_token = refresh_token;
  return tokens;
}

}  // namespace mytoken::service
