// The scripted provider beside its token endpoint: discovery, keys, logins, userinfo, revocation,
// and what tests ask.
#include "support/scripted_provider_impl.h"

namespace mytoken::test {

crypto::Key ScriptedProvider::Impl::new_key() const {
  return crypto::Key::generate(options.rsa_key ? crypto::Algorithm::rs256
                                               : crypto::Algorithm::es256);
}

std::string ScriptedProvider::Impl::fresh(std::string_view prefix) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text(prefix);
  for (int half = 0; half < 2; ++half) {
    for (std::uint64_t bits = random(), i = 0; i < 16; ++i, bits >>= 4)
      text += digits[bits & 15];
  }
  return text;
}

TinyResponse ScriptedProvider::Impl::answer(const TinyRequest& request) {
  const std::lock_guard lock(mutex);
  const bool is_post = request.method == "POST";
  if (request.path == "/token" && is_post) return token(request);
  if (request.path == "/.well-known/openid-configuration") return discovery();
  if (request.path == "/jwks") return jwks();
  if (request.path == "/auth") return authorize(request);
  if (request.path == "/userinfo" || (request.path == "/attributes" && knobs.attributes))
    return userinfo(request);
  if (request.path == "/revoke" && is_post) return revoke(request);
  if (options.control && request.path == "/control" && is_post) return control(request);
  if (options.control && request.path == "/ledger") return ledger(request);
  return html(404);
}

TinyResponse ScriptedProvider::Impl::discovery() {
  ++counters.discovery;
  if (knobs.discovery == ProviderKnobs::Discovery::down) return html(503);
  const bool wrong = knobs.discovery == ProviderKnobs::Discovery::wrong_issuer;
  const bool insecure = knobs.discovery == ProviderKnobs::Discovery::insecure_endpoint;
  json::object body{
      {"issuer", wrong ? issuer + "/other" : issuer},
      {"authorization_endpoint", issuer + "/auth"},
      {"token_endpoint", insecure ? "http://provider.example/token" : issuer + "/token"},
      {"userinfo_endpoint", issuer + "/userinfo"},
      {"jwks_uri", issuer + "/jwks"},
      {"response_types_supported", json::array{"code"}},
      {"code_challenge_methods_supported", json::array{"S256"}},
      {"subject_types_supported", json::array{"public"}},
      {"scopes_supported", json::array{"openid", "offline_access", "email", "profile"}},
      {"grant_types_supported", json::array{"authorization_code", "refresh_token"}},
      {"authorization_response_iss_parameter_supported", knobs.announce_iss}};
  if (knobs.revocation_endpoint) body["revocation_endpoint"] = issuer + "/revoke";
  body["token_endpoint_auth_methods_supported"] = json::value_from(knobs.auth_methods);
  const std::vector<std::string> algorithms = knobs.announced_algorithms.value_or(
      std::vector<std::string>{std::string(crypto::name(key.algorithm()))});
  if (!algorithms.empty())
    body["id_token_signing_alg_values_supported"] = json::value_from(algorithms);
  TinyResponse response;
  response.body = json::serialize(body);
  return response;
}

TinyResponse ScriptedProvider::Impl::jwks() {
  ++counters.jwks;
  if (knobs.jwks == ProviderKnobs::Jwks::down) return html(503);
  json::array keys;
  if (knobs.jwks == ProviderKnobs::Jwks::two_keys) keys.emplace_back(other_key.public_jwk());
  json::object current = key.public_jwk();
  if (knobs.jwks == ProviderKnobs::Jwks::without_kid) current.erase("kid");
  keys.emplace_back(std::move(current));
  TinyResponse response;
  response.body = json::serialize(json::object{{"keys", std::move(keys)}});
  return response;
}

TinyResponse ScriptedProvider::Impl::authorize(const TinyRequest& request) {
  ++counters.authorizations;
  Seen now_seen{decode(request.query), std::string(request.header("authorization"))};
  seen["/auth"] = now_seen;
  const std::string redirect_uri = first(now_seen.fields, "redirect_uri");
  if (first(now_seen.fields, "client_id") != options.client_id || redirect_uri.empty())
    return html(400);
  std::string location = redirect_uri + (redirect_uri.find('?') == std::string::npos ? "?" : "&");
  if (knobs.redirect_error) {
    location += "error=" + percent_encode(*knobs.redirect_error);
  } else {
    const std::string code = fresh("code-");
    const std::string user = options.control ? first(now_seen.fields, "user") : std::string();
    codes[code] = Code{user.empty() ? knobs.user : user,
                       words(first(now_seen.fields, "scope")),
                       first(now_seen.fields, "nonce"),
                       first(now_seen.fields, "code_challenge"),
                       redirect_uri,
                       false};
    location += "code=" + code;
  }
  location += "&state=" + percent_encode(first(now_seen.fields, "state"));
  if (knobs.redirect_iss == ProviderKnobs::Iss::right) location += "&iss=" + percent_encode(issuer);
  if (knobs.redirect_iss == ProviderKnobs::Iss::wrong)
    location += "&iss=" + percent_encode("https://evil.example");
  TinyResponse response = html(302);
  response.headers = "Location: " + location + "\r\n";
  return response;
}

void ScriptedProvider::Impl::add_email(json::object& claims) const {
  if (!knobs.email) return;
  claims["email"] = *knobs.email;
  claims["email_verified"] = knobs.email_verified_as_text ? json::value("true") : json::value(true);
}

TinyResponse ScriptedProvider::Impl::userinfo(const TinyRequest& request) {
  ++counters.userinfo;
  const std::string_view header = request.header("authorization");
  const auto found =
      access_tokens.find(std::string(header.substr(std::min<std::size_t>(header.size(), 7))));
  if (!header.starts_with("Bearer ") || found == access_tokens.end())
    return error_answer(401, "invalid_token");
  json::object claims{{"sub", knobs.userinfo_subject.value_or(found->second)}};
  add_email(claims);
  add_all(claims, knobs.userinfo_claims);
  TinyResponse response;
  response.body = request.path == "/attributes" ? *knobs.attributes : json::serialize(claims);
  return response;
}

TinyResponse ScriptedProvider::Impl::revoke(const TinyRequest& request) {
  Seen& now_seen = seen["/revoke"];
  now_seen = Seen{decode(request.body), std::string(request.header("authorization"))};
  if (knobs.revocation_error) {
    return error_answer(knobs.revocation_error->status, knobs.revocation_error->error);
  }
  if (!authenticated(request, now_seen.fields)) return error_answer(401, "invalid_client");
  const auto found = refresh_tokens.find(first(now_seen.fields, "token"));
  if (found != refresh_tokens.end() && !sessions[found->second.session].ended) {
    sessions[found->second.session].ended = true;
    ++counters.revocations;
  }
  return TinyResponse{};
}

ScriptedProvider::ScriptedProvider(ProviderOptions options, ProviderKnobs knobs)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(knobs))) {}
ScriptedProvider::~ScriptedProvider() = default;

const std::string& ScriptedProvider::issuer() const {
  return impl_->issuer;
}

void ScriptedProvider::set(const std::function<void(ProviderKnobs&)>& change) {
  const std::lock_guard lock(impl_->mutex);
  change(impl_->knobs);
}

ProviderKnobs ScriptedProvider::knobs() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->knobs;
}

void ScriptedProvider::rotate_key() {
  crypto::Key fresh = impl_->new_key();
  const std::lock_guard lock(impl_->mutex);
  impl_->key = std::move(fresh);
}

std::string ScriptedProvider::new_session(const std::string& user,
                                          std::vector<std::string> scopes) {
  const std::lock_guard lock(impl_->mutex);
  Session& session = impl_->sessions.emplace_back();
  session.user = user;
  session.scopes = std::move(scopes);
  return impl_->issue_refresh_token(impl_->sessions.size() - 1);
}

std::vector<ScriptedProvider::Session> ScriptedProvider::sessions() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->sessions;
}

std::optional<ScriptedProvider::Session> ScriptedProvider::session_of(
    std::string_view refresh_token) const {
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->refresh_tokens.find(std::string(refresh_token));
  if (found == impl_->refresh_tokens.end()) return std::nullopt;
  return impl_->sessions[found->second.session];
}

ScriptedProvider::Counters ScriptedProvider::counters() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->counters;
}

ScriptedProvider::Seen ScriptedProvider::last(const std::string& path) const {
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->seen.find(path);
  return found == impl_->seen.end() ? Seen{} : found->second;
}

std::string ScriptedProvider::Seen::field(const std::string& name) const {
  return first(fields, name);
}

}  // namespace mytoken::test
