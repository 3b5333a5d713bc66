// The conversations with one provider: authorization request, code exchange, who the user is,
// refresh, revocation.
#include "oidc/provider.h"

#include <algorithm>
#include <atomic>

#include "base/encoding.h"
#include "crypto/jose.h"
#include "oidc/discovery.h"
#include "oidc/id_token.h"
#include "oidc/key_store.h"
#include "oidc/token_endpoint.h"

namespace mytoken::oidc {

namespace {

constexpr std::string_view offline_access = "offline_access";
constexpr std::chrono::seconds email_timeout{10};  // see service::longest_exchange

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// nullopt: absent or null.
std::optional<json::value> member(const json::object& claims, const std::string& name) {
  const json::value* value = claims.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return *value;
}

// The claims of an id token without any check (guest provider: its signature is empty).
Result<Identity> unchecked_identity(const Secret& id_token) {
  const std::string_view text = id_token.reveal();
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos)
    return fail(access_denied("The id token of the provider is malformed"));
  const auto payload = decode_base64url(text.substr(first + 1, second - first - 1));
  if (!payload) return fail(access_denied("The id token of the provider is malformed"));
  const auto claims = parse_json(*payload);
  if (!claims || !claims->is_object())
    return fail(access_denied("The id token of the provider is malformed"));
  return read_identity(claims->get_object(), {});
}

}  // namespace

Error to_error(const ProviderError& error) {
  std::string text;
  switch (error.kind) {
    case ProviderError::Kind::refused:
    case ProviderError::Kind::misbehaved:
      text = error.error.empty() ? "the provider sent an unusable answer" : error.error;
      if (!error.error.empty() && !error.description.empty()) text += ": " + error.description;
      break;
    case ProviderError::Kind::not_reached:
      text = "the provider could not be reached";
      break;
    case ProviderError::Kind::unknown:
      text = "the provider did not answer";
      break;
    case ProviderError::Kind::unavailable:
      return oidc_error(503, "the provider is not available at the moment", error.cause);
  }
  const int status = error.kind == ProviderError::Kind::refused ? 400 : 502;
  std::string cause = error.cause;
  if (error.status != 0) cause += " (status " + std::to_string(error.status) + ")";
  return oidc_error(status, std::move(text), std::move(cause));
}

struct Provider::Impl {
  Impl(ProviderSettings given, net::HttpClient& client, const Clock& time, Log& lines)
      : settings(std::move(given)),
        http(client),
        clock(time),
        log(lines),
        discovery(settings, http, clock, log),
        keys(settings, http, clock, log),
        tokens(settings, http, clock, log),
        rotates(settings.rotating_refresh_tokens) {}

  const ProviderSettings settings;
  net::HttpClient& http;
  const Clock& clock;
  Log& log;
  Discovery discovery;
  KeyStore keys;
  TokenEndpoint tokens;
  std::atomic<bool> rotates;

  // The JSON object behind a URL that takes the access token; nullopt: it did not answer with one.
  Task<std::optional<json::object>> fetch_claims(std::string url, Secret access_token,
                                                 std::shared_ptr<const Metadata> metadata,
                                                 std::chrono::milliseconds timeout);
  // The same from the userinfo endpoint, and only about this user (OpenID Connect Core §5.3.2).
  Task<std::optional<json::object>> fetch_userinfo(std::shared_ptr<const Metadata> metadata,
                                                   Secret access_token, std::string subject,
                                                   std::chrono::milliseconds timeout);
};

Provider::Provider(ProviderSettings settings, net::HttpClient& http, const Clock& clock, Log& log)
    : impl_(std::make_unique<Impl>(std::move(settings), http, clock, log)) {}
Provider::~Provider() = default;

const ProviderSettings& Provider::settings() const {
  return impl_->settings;
}

Task<ProviderResult<Metadata>> Provider::metadata() {
  const auto metadata = co_await impl_->discovery.get();
  if (!metadata) co_return tl::unexpected(metadata.error());
  co_return **metadata;
}

Task<ProviderResult<std::string>> Provider::authorization_url(AuthorizationRequest request) {
  const ProviderSettings& settings = impl_->settings;
  const auto metadata = co_await impl_->discovery.get();
  if (!metadata) co_return tl::unexpected(metadata.error());

  std::vector<std::string> scopes = request.scopes;
  if (settings.offline_access == "scope") {
    if (!contains(scopes, offline_access)) scopes.emplace_back(offline_access);
  } else {
    std::erase(scopes, offline_access);  // refused as unknown by providers of the other kinds
  }
  if (!contains(scopes, "openid")) scopes.emplace_back("openid");

  Form form{{"response_type", "code"},
            {"client_id", settings.client_id},
            {"redirect_uri", request.redirect_uri},
            {"scope", join_scopes(scopes)},
            {"state", request.state},
            {"nonce", request.nonce},
            {"code_challenge", request.code_challenge},
            {"code_challenge_method", "S256"}};
  if (!settings.prompt.empty()) form.emplace_back("prompt", settings.prompt);
  if (settings.offline_access == "access_type") form.emplace_back("access_type", "offline");
  add_audiences(form, settings.audience, request.audiences);
  form.insert(form.end(), settings.extra_auth_params.begin(), settings.extra_auth_params.end());
  std::stable_sort(form.begin(), form.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });

  const std::string& endpoint = (*metadata)->authorization_endpoint;
  const char separator = endpoint.find('?') == std::string::npos ? '?' : '&';
  co_return endpoint + separator + encode_form(form);
}

Task<Result<void>> Provider::check_redirect_issuer(std::string iss) {
  const auto metadata = co_await impl_->discovery.get();
  if (!metadata) co_return fail(to_error(metadata.error()));
  if (iss.empty() && !(*metadata)->iss_parameter) co_return Result<void>{};
  if (iss != (*metadata)->issuer) co_return fail(invalid_request("Issuer mismatched"));
  co_return Result<void>{};
}

Task<ProviderResult<TokenAnswer>> Provider::exchange_code(Secret code, Secret code_verifier,
                                                          std::string redirect_uri) {
  const auto metadata = co_await impl_->discovery.get();
  if (!metadata) co_return tl::unexpected(metadata.error());
  Form form{{"grant_type", "authorization_code"},
            {"code", std::string(code.reveal())},
            {"redirect_uri", redirect_uri},
            {"client_id", impl_->settings.client_id},
            {"code_verifier", std::string(code_verifier.reveal())}};
  std::vector<Secret> secrets{code, code_verifier};
  co_return co_await impl_->tokens.request(*metadata, std::move(form), std::move(secrets));
}

Task<ProviderResult<TokenAnswer>> Provider::refresh(Secret refresh_token,
                                                    std::vector<std::string> scopes,
                                                    std::vector<std::string> audiences,
                                                    bool granted_offline_access) {
  const ProviderSettings& settings = impl_->settings;
  const auto metadata = co_await impl_->discovery.get();
  if (!metadata) co_return tl::unexpected(metadata.error());
  using OfflineOnRefresh = ProviderSettings::OfflineOnRefresh;
  const bool offline =
      settings.refresh_offline_access == OfflineOnRefresh::yes ||
      (settings.refresh_offline_access == OfflineOnRefresh::automatic && granted_offline_access);
  // A request without any scope would be one for all of them.
  if (settings.refresh_offline_access == OfflineOnRefresh::no && scopes.size() > 1)
    std::erase(scopes, offline_access);
  // Without any scope the provider grants what it granted before, offline_access included.
  if (offline && !scopes.empty() && !contains(scopes, offline_access))
    scopes.emplace_back(offline_access);
  Form form{{"grant_type", "refresh_token"},
            {"refresh_token", std::string(refresh_token.reveal())}};
  if (!scopes.empty()) form.emplace_back("scope", join_scopes(scopes));
  add_audiences(form, settings.audience, audiences);
  form.insert(form.end(), settings.extra_refresh_params.begin(),
              settings.extra_refresh_params.end());
  std::vector<Secret> secrets{refresh_token};
  co_return co_await impl_->tokens.request(*metadata, std::move(form), std::move(secrets));
}

Task<bool> Provider::revoke(Secret refresh_token) {
  const auto metadata = co_await impl_->discovery.get();
  if (!metadata) co_return false;
  if ((*metadata)->revocation_endpoint.empty()) co_return true;
  Form form{{"token", std::string(refresh_token.reveal())}, {"token_type_hint", "refresh_token"}};
  const net::HttpResponse response =
      co_await impl_->tokens.post(*metadata, (*metadata)->revocation_endpoint, std::move(form));
  if (response.outcome != net::HttpResponse::Outcome::answered) co_return false;
  if (response.status >= 200 && response.status <= 299) co_return true;
  if (response.status != 400) co_return false;
  // What is invalid already needs no revocation (RFC 7009 §2.2), what is unsupported cannot have
  // one.
  const auto body = parse_json(response.body);
  if (!body || !body->is_object()) co_return false;
  const std::string_view error = string_member(body->get_object(), "error");
  co_return error == "unsupported_token_type" || error == "invalid_token" ||
      error == "invalid_grant";
}

Task<std::optional<json::object>> Provider::Impl::fetch_claims(
    std::string url, Secret access_token, std::shared_ptr<const Metadata> metadata,
    std::chrono::milliseconds timeout) {
  net::HttpRequest request;
  request.url = std::move(url);
  request.timeout = timeout;
  request.headers.emplace_back("Authorization", "Bearer " + std::string(access_token.reveal()));
  request.headers.emplace_back("Accept", "application/json");
  net::HttpResponse response = co_await http.send(std::move(request));
  if (response.outcome != net::HttpResponse::Outcome::answered || response.status != 200)
    co_return std::nullopt;
  if (lower(response.header("content-type")).starts_with("application/jwt")) {
    Secret token(std::move(response.body));
    auto payload = co_await keys.verify(std::move(token), metadata);
    if (!payload) co_return std::nullopt;
    response.body = std::move(*payload);
  }
  auto document = parse_json(response.body);
  if (!document || !document->is_object()) co_return std::nullopt;
  co_return std::move(document->get_object());
}

Task<std::optional<json::object>> Provider::Impl::fetch_userinfo(
    std::shared_ptr<const Metadata> metadata, Secret access_token, std::string subject,
    std::chrono::milliseconds timeout) {
  if (metadata->userinfo_endpoint.empty()) co_return std::nullopt;
  auto claims = co_await fetch_claims(metadata->userinfo_endpoint, access_token, metadata, timeout);
  if (claims && string_member(*claims, "sub") != subject) co_return std::nullopt;
  co_return claims;
}

Task<Result<Identity>> Provider::identify(const TokenAnswer& answer, std::string nonce) {
  const Secret access_token = answer.access_token;
  const Secret id_token = answer.id_token;
  if (id_token.empty()) co_return fail(access_denied("The provider sent no id token"));
  if (!impl_->settings.validate_id_token) co_return unchecked_identity(id_token);

  const auto metadata = co_await impl_->discovery.get();
  if (!metadata) co_return fail(to_error(metadata.error()));
  const auto payload = co_await impl_->keys.verify(id_token, *metadata);
  if (!payload) co_return fail(payload.error());
  const auto parts = crypto::split_jws(id_token.reveal());  // verified, so it has parts
  IdTokenExpectation expected;
  expected.issuer = (*metadata)->issuer;
  expected.client_id = impl_->settings.client_id;
  expected.nonce = std::move(nonce);
  expected.access_token = access_token.reveal();
  expected.algorithm = string_member(parts->header, "alg");
  expected.now = impl_->clock.now();
  Result<Identity> identity = check_id_token(*payload, expected);
  if (identity && !identity->email) {
    const auto claims =
        co_await impl_->fetch_userinfo(*metadata, access_token, identity->subject, email_timeout);
    if (claims) read_email(*claims, *identity);
  }
  co_return identity;
}

Task<std::optional<json::value>> Provider::claim(const TokenAnswer& answer,
                                                 const Identity& identity, std::string source,
                                                 std::string name,
                                                 std::chrono::milliseconds timeout) {
  const Secret access_token = answer.access_token;
  const bool own =
      source == "op" || source == "issuer" || source == "default" || source == "userinfo";
  if (own) {
    if (auto value = member(identity.claims, name)) co_return value;
    if (const auto jws = crypto::split_jws(access_token.reveal())) {
      const auto payload = parse_json(jws->payload);
      if (payload && payload->is_object()) {
        if (auto value = member(payload->get_object(), name)) co_return value;
      }
    }
  }
  const auto metadata = co_await impl_->discovery.get();
  if (!metadata) co_return std::nullopt;
  if (own && (*metadata)->userinfo_endpoint.empty()) co_return json::value();
  std::optional<json::object> claims;
  if (own) {
    claims = co_await impl_->fetch_userinfo(*metadata, access_token, identity.subject, timeout);
  } else {
    claims = co_await impl_->fetch_claims(std::move(source), access_token, *metadata, timeout);
  }
  if (!claims) co_return std::nullopt;
  co_return member(*claims, name).value_or(json::value());
}

void Provider::stop_repeating() {
  impl_->tokens.stop_repeating();
}

bool Provider::rotates_refresh_tokens() const {
  return impl_->rotates.load();
}

bool Provider::note_rotation() {
  return !impl_->rotates.exchange(true);
}

std::shared_ptr<Provider> Providers::find(std::string_view issuer) const {
  for (const std::shared_ptr<Provider>& provider : list_) {
    if (same_issuer(provider->settings().issuer, issuer)) return provider;
  }
  return nullptr;
}

}  // namespace mytoken::oidc
