// What the scripted provider does with each request. One mutex over everything: requests come from
// one thread, knobs and ledger are looked at by others.
#include "support/scripted_provider.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <random>
#include <unordered_map>

#include "base/encoding.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "crypto/jose.h"
#include "support/tiny_http_server.h"

namespace mytoken::test {

namespace {

using Fields = std::multimap<std::string, std::string>;

Fields decode(std::string_view form) {
  Fields fields;
  while (!form.empty()) {
    const std::string_view pair = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(form.size(), pair.size() + 1));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view value =
        equals < pair.size() ? pair.substr(equals + 1) : std::string_view{};
    fields.emplace(percent_decode(pair.substr(0, equals), true).value_or(""),
                   percent_decode(value, true).value_or(""));
  }
  return fields;
}

std::string first(const Fields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string{} : found->second;
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> list;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!word.empty()) list.emplace_back(word);
  }
  return list;
}

std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& word : list)
    text += (text.empty() ? "" : " ") + word;
  return text;
}

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

TinyResponse error_answer(int status, std::string_view error, std::string_view description = {}) {
  json::object body{{"error", error}};
  if (!description.empty()) body["error_description"] = description;
  TinyResponse response;
  response.status = status;
  response.body = json::serialize(body);
  return response;
}

TinyResponse html(int status) {
  TinyResponse response;
  response.status = status;
  response.content_type = "text/html";
  response.body = "<html><body><h1>" + std::to_string(status) + "</h1></body></html>";
  return response;
}

// An HMAC-signed or unsigned token, as an attacker would make it.
std::string forged(std::string_view algorithm, std::string_view payload,
                   const std::string& mac_key) {
  const std::string head =
      base64url("{\"alg\":\"" + std::string(algorithm) + "\"}") + "." + base64url(payload);
  if (mac_key.empty()) return head + ".";
  return head + "." + base64url(crypto::hmac_sha256(mac_key, head));
}

}  // namespace

struct ScriptedProvider::Impl {
  struct Code {
    std::string user;
    std::vector<std::string> scopes;
    std::string nonce;
    std::string challenge;
    std::string redirect_uri;
    bool used = false;
  };
  struct Issued {  // a refresh token
    std::size_t session;
    std::size_t number;
    std::chrono::sys_time<std::chrono::microseconds> replaced{};
  };

  Impl(ProviderOptions given, ProviderKnobs start)
      : options(std::move(given)),
        knobs(std::move(start)),
        clock(options.clock != nullptr ? *options.clock : system_clock),
        random(std::random_device{}()),
        key(new_key()),
        other_key(new_key()),
        server([this](const TinyRequest& request) { return answer(request); }, options.port) {
    issuer = "http://127.0.0.1:" + std::to_string(server.port());
    server.start();
  }

  const ProviderOptions options;
  mutable std::mutex mutex;
  ProviderKnobs knobs;
  SystemClock system_clock;
  const Clock& clock;
  std::mt19937_64 random;  // names, not secrets
  crypto::Key key;
  crypto::Key other_key;
  std::unordered_map<std::string, Code> codes;
  std::unordered_map<std::string, Issued> refresh_tokens;
  std::unordered_map<std::string, std::string>
      access_tokens;  // of codes: token to user, for userinfo
  std::vector<Session> sessions;
  Counters counters;
  std::map<std::string, Seen> seen;
  std::string issuer;
  TinyHttpServer server;  // last: its thread uses the rest

  crypto::Key new_key() const {
    return crypto::Key::generate(options.rsa_key ? crypto::Algorithm::rs256
                                                 : crypto::Algorithm::es256);
  }

  std::string fresh(std::string_view prefix) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text(prefix);
    for (int half = 0; half < 2; ++half) {
      for (std::uint64_t bits = random(), i = 0; i < 16; ++i, bits >>= 4)
        text += digits[bits & 15];
    }
    return text;
  }

  std::int64_t now() const { return to_unix(clock.now()) + knobs.clock_offset.count(); }

  std::string issue_refresh_token(std::size_t number) {
    Session& session = sessions[number];
    std::string token = fresh("rt-");
    refresh_tokens.emplace(token, Issued{number, session.refresh_tokens.size(), {}});
    session.refresh_tokens.push_back(token);
    session.current_refresh_token = token;
    return token;
  }

  TinyResponse answer(const TinyRequest& request) {
    const std::lock_guard lock(mutex);
    const bool is_post = request.method == "POST";
    if (request.path == "/token" && is_post) return token(request);
    if (request.path == "/.well-known/openid-configuration") return discovery();
    if (request.path == "/jwks") return jwks();
    if (request.path == "/auth") return authorize(request);
    if (request.path == "/userinfo") return userinfo(request);
    if (request.path == "/revoke" && is_post) return revoke(request);
    return html(404);
  }

  TinyResponse discovery() {
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

  TinyResponse jwks() {
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

  TinyResponse authorize(const TinyRequest& request) {
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
      codes[code] = Code{knobs.user,
                         words(first(now_seen.fields, "scope")),
                         first(now_seen.fields, "nonce"),
                         first(now_seen.fields, "code_challenge"),
                         redirect_uri,
                         false};
      location += "code=" + code;
    }
    location += "&state=" + percent_encode(first(now_seen.fields, "state"));
    if (knobs.redirect_iss == ProviderKnobs::Iss::right)
      location += "&iss=" + percent_encode(issuer);
    if (knobs.redirect_iss == ProviderKnobs::Iss::wrong)
      location += "&iss=" + percent_encode("https://evil.example");
    TinyResponse response = html(302);
    response.headers = "Location: " + location + "\r\n";
    return response;
  }

  // The client authenticated in a way that is accepted.
  bool authenticated(const TinyRequest& request, const Fields& fields) const {
    const std::string_view header = request.header("authorization");
    if (header.starts_with("Basic ")) {
      if (!contains(knobs.auth_methods, "client_secret_basic") || fields.contains("client_secret"))
        return false;
      const std::string pair = decode_base64(header.substr(6)).value_or("");
      const std::size_t colon = std::min(pair.find(':'), pair.size());
      return percent_decode(pair.substr(0, colon), true) == options.client_id &&
             colon < pair.size() &&
             percent_decode(pair.substr(colon + 1), true) == options.client_secret;
    }
    return contains(knobs.auth_methods, "client_secret_post") &&
           first(fields, "client_id") == options.client_id &&
           first(fields, "client_secret") == options.client_secret;
  }

  TinyResponse token(const TinyRequest& request) {
    ++counters.token_requests;
    Seen& now_seen = seen["/token"];
    now_seen = Seen{decode(request.body), std::string(request.header("authorization"))};
    const Fields& fields = now_seen.fields;
    TinyResponse drop;
    drop.drop = true;
    if (knobs.drop_before_acting > 0) {
      --knobs.drop_before_acting;
      ++counters.dropped;
      return drop;
    }
    if (knobs.html_502) return html(502);
    if (knobs.too_many_requests) {
      TinyResponse response = error_answer(429, "slow_down");
      response.headers = "Retry-After: " + std::to_string(*knobs.too_many_requests) + "\r\n";
      return response;
    }
    if (knobs.error)
      return error_answer(knobs.error->status, knobs.error->error, knobs.error->description);
    if (!authenticated(request, fields)) return error_answer(401, "invalid_client");
    const std::string grant = first(fields, "grant_type");
    TinyResponse response = error_answer(400, "unsupported_grant_type");
    if (grant == "authorization_code") response = redeem(fields);
    if (grant == "refresh_token") response = refresh(fields);
    response.delay = knobs.delay;
    if (response.status == 200 && knobs.raw_answer) response.body = *knobs.raw_answer;
    if (response.status == 200 && knobs.drop_after_acting > 0) {
      --knobs.drop_after_acting;
      ++counters.dropped;
      response.drop = true;
    }
    return response;
  }

  TinyResponse refused(std::string_view why) {
    ++counters.refused;
    return error_answer(400, "invalid_grant", why);
  }

  TinyResponse redeem(const Fields& fields) {
    const auto found = codes.find(first(fields, "code"));
    if (found == codes.end() || found->second.used) return refused("unknown or used code");
    Code& code = found->second;
    if (first(fields, "redirect_uri") != code.redirect_uri) return refused("wrong redirect_uri");
    const std::string verifier = first(fields, "code_verifier");
    if (knobs.pkce_required &&
        (code.challenge.empty() || base64url(crypto::sha256(verifier)) != code.challenge)) {
      return refused("wrong code_verifier");
    }
    code.used = true;
    ++counters.codes;
    const std::vector<std::string> scopes = narrowed(code.scopes);
    std::string refresh_token;
    if (knobs.refresh_token && contains(scopes, "offline_access")) {
      Session& session = sessions.emplace_back();
      session.user = code.user;
      session.scopes = scopes;
      refresh_token = issue_refresh_token(sessions.size() - 1);
    }
    const std::string access_token = new_access_token(code.user, fields);
    access_tokens[access_token] = code.user;
    return token_answer(access_token, scopes, refresh_token, id_token(code, access_token));
  }

  std::vector<std::string> narrowed(std::vector<std::string> scopes) const {
    if (knobs.narrow_scopes) {
      std::erase_if(
          scopes, [&](const std::string& scope) { return !contains(*knobs.narrow_scopes, scope); });
    }
    return scopes;
  }

  TinyResponse refresh(const Fields& fields) {
    using Rotation = ProviderKnobs::Rotation;
    const auto found = refresh_tokens.find(first(fields, "refresh_token"));
    if (found == refresh_tokens.end()) return refused("unknown refresh token");
    Issued& issued = found->second;
    const std::size_t number = issued.session;
    Session& session = sessions[number];
    if (session.ended) return refused("the session has ended");
    std::vector<std::string> scopes = session.scopes;
    if (const std::string wanted = first(fields, "scope"); !wanted.empty()) {
      scopes = words(wanted);
      for (const std::string& scope : scopes) {
        if (!contains(session.scopes, scope))
          return error_answer(400, "invalid_scope", "not granted: " + scope);
      }
    }
    const bool is_current = issued.number + 1 == session.refresh_tokens.size();
    std::string next;
    if (!is_current) {
      const bool in_grace =
          knobs.rotation == Rotation::grace && clock.precise() - issued.replaced <= knobs.grace;
      if (in_grace) {
        next = session.current_refresh_token;
      } else if (knobs.rotation != Rotation::off) {
        session.reuse_detected = true;
        ++counters.reuse_detected;
        session.ended = knobs.rotation != Rotation::single_use;
        return refused("refresh token reuse");
      }
    } else if (knobs.rotation != Rotation::off) {
      issued.replaced = clock.precise();
      next = issue_refresh_token(number);
    }
    if (next.empty() && knobs.repeat_refresh_token) next = found->first;
    ++session.refreshes;
    ++counters.refreshes;
    const std::string access_token = new_access_token(session.user, fields);
    return token_answer(access_token, narrowed(scopes), next, {});
  }

  std::string new_access_token(const std::string& user, const Fields& fields) {
    if (knobs.audience == ProviderKnobs::Audience::ignore) return fresh("at-");
    json::array aud;
    if (knobs.audience == ProviderKnobs::Audience::fixed) {
      for (const std::string& audience : knobs.fixed_audience)
        aud.emplace_back(audience);
    } else {
      for (const char* name : {"resource", "audience"}) {
        const auto [begin, end] = fields.equal_range(name);
        for (auto field = begin; field != end; ++field) {
          for (const std::string& audience : words(field->second))
            aud.emplace_back(audience);
        }
      }
    }
    json::object claims{
        {"iss", issuer}, {"sub", user}, {"exp", now() + knobs.expires_in}, {"jti", fresh("")}};
    if (!aud.empty()) claims["aud"] = aud.size() == 1 ? aud.front() : json::value(aud);
    return sign(key, claims);
  }

  std::string sign(const crypto::Key& with, const json::object& claims) const {
    json::object header{{"alg", crypto::name(with.algorithm())}, {"typ", "JWT"}};
    if (knobs.jwks != ProviderKnobs::Jwks::without_kid) header["kid"] = with.thumbprint();
    return with.sign(header, json::serialize(claims)).value();
  }

  void add_email(json::object& claims) const {
    if (!knobs.email) return;
    claims["email"] = *knobs.email;
    claims["email_verified"] =
        knobs.email_verified_as_text ? json::value("true") : json::value(true);
  }

  std::string id_token(const Code& code, const std::string& access_token) {
    using Fault = ProviderKnobs::IdToken;
    const Fault fault = knobs.id_token;
    if (fault == Fault::missing || !contains(code.scopes, "openid")) return {};
    json::object claims{
        {"iss", fault == Fault::wrong_issuer ? "https://evil.example" : issuer},
        {"sub", code.user},
        {"aud", fault == Fault::wrong_audience ? "someone-else" : options.client_id},
        {"iat", now()},
        {"exp", fault == Fault::expired ? now() - 3600 : now() + 300},
        {"auth_time", now() - 5}};
    if (!code.nonce.empty()) claims["nonce"] = fault == Fault::wrong_nonce ? "wrong" : code.nonce;
    if (fault == Fault::subject_is_client) claims["sub"] = options.client_id;
    if (fault == Fault::empty_subject) claims["sub"] = "";
    if (fault == Fault::several_audiences)
      claims["aud"] = json::array{options.client_id, "someone-else"};
    if (knobs.at_hash) {
      const std::string hashed = fault == Fault::wrong_at_hash ? "another token" : access_token;
      claims["at_hash"] = base64url(crypto::sha256(hashed).substr(0, 16));
    }
    if (knobs.email_in_id_token) add_email(claims);
    if (fault == Fault::alg_none) return forged("none", json::serialize(claims), {});
    if (fault == Fault::hs256_with_public_key) {
      return forged("HS256", json::serialize(claims), json::serialize(key.public_jwk()));
    }
    std::string token = sign(key, claims);
    if (fault == Fault::bad_signature) {
      // The first character of the signature: the last one may hold unused bits only.
      char& letter = token[token.rfind('.') + 1];
      letter = letter == 'A' ? 'B' : 'A';
    }
    return token;
  }

  TinyResponse token_answer(const std::string& access_token, const std::vector<std::string>& scopes,
                            const std::string& refresh_token,
                            const std::string& token_of_user) const {
    // Written by hand: benchmarks ask for tens of thousands a second, and no value needs escaping.
    TinyResponse response;
    std::string& body = response.body;
    body = "{\"access_token\":\"" + access_token + "\"";
    if (knobs.token_type) body += ",\"token_type\":\"Bearer\"";
    const std::string seconds = std::to_string(knobs.expires_in);
    body += ",\"expires_in\":" + (knobs.expires_in_as_text ? "\"" + seconds + "\"" : seconds);
    if (knobs.echo_scopes) body += ",\"scope\":" + json::serialize(json::value(joined(scopes)));
    if (!refresh_token.empty()) body += ",\"refresh_token\":\"" + refresh_token + "\"";
    if (!token_of_user.empty()) body += ",\"id_token\":\"" + token_of_user + "\"";
    body += "}";
    return response;
  }

  TinyResponse userinfo(const TinyRequest& request) {
    ++counters.userinfo;
    const std::string_view header = request.header("authorization");
    const auto found =
        access_tokens.find(std::string(header.substr(std::min<std::size_t>(header.size(), 7))));
    if (!header.starts_with("Bearer ") || found == access_tokens.end())
      return error_answer(401, "invalid_token");
    json::object claims{{"sub", knobs.userinfo_subject.value_or(found->second)}};
    add_email(claims);
    TinyResponse response;
    response.body = json::serialize(claims);
    return response;
  }

  TinyResponse revoke(const TinyRequest& request) {
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
};

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
