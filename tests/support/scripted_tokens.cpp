// The token endpoint of the scripted provider: codes, refresh tokens with their rotation, and the
// tokens it signs.
#include "crypto/hash.h"
#include "support/scripted_provider_impl.h"

namespace mytoken::test {

namespace {

// An HMAC-signed or unsigned token, as an attacker would make it.
std::string forged(std::string_view algorithm, std::string_view payload,
                   const std::string& mac_key) {
  const std::string head =
      base64url("{\"alg\":\"" + std::string(algorithm) + "\"}") + "." + base64url(payload);
  if (mac_key.empty()) return head + ".";
  return head + "." + base64url(crypto::hmac_sha256(mac_key, head));
}

}  // namespace

TinyResponse ScriptedProvider::Impl::token(const TinyRequest& request) {
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
  last_refreshed.reset();
  const std::string grant = first(fields, "grant_type");
  TinyResponse response = error_answer(400, "unsupported_grant_type");
  if (grant == "authorization_code") response = redeem(fields);
  if (grant == "refresh_token") response = refresh(fields);
  response.delay = knobs.delay;
  if (response.status == 200 && knobs.raw_answer) response.body = *knobs.raw_answer;
  if (response.status == 200 && knobs.drop_after_acting > 0) {
    --knobs.drop_after_acting;
    ++counters.dropped;
    if (last_refreshed) ++sessions[*last_refreshed].lost_replies;
    response.drop = true;
  }
  return response;
}

bool ScriptedProvider::Impl::authenticated(const TinyRequest& request, const Fields& fields) const {
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

TinyResponse ScriptedProvider::Impl::refused(std::string_view why) {
  ++counters.refused;
  return error_answer(400, "invalid_grant", why);
}

TinyResponse ScriptedProvider::Impl::redeem(const Fields& fields) {
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

TinyResponse ScriptedProvider::Impl::refresh(const Fields& fields) {
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
    const bool is_last_but_one = issued.number + 2 == session.refresh_tokens.size();
    const bool in_grace = is_last_but_one && knobs.rotation == Rotation::grace &&
                          clock.precise() - issued.replaced <= knobs.grace;
    if (knobs.rotation == Rotation::loose) {
      next = issue_refresh_token(number);
    } else if (in_grace) {
      next = session.current_refresh_token;
      ++session.repeats;
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
  last_refreshed = number;
  const std::string access_token = new_access_token(session.user, fields);
  return token_answer(access_token, narrowed(scopes), next, {});
}

std::vector<std::string> ScriptedProvider::Impl::narrowed(std::vector<std::string> scopes) const {
  if (knobs.narrow_scopes) {
    std::erase_if(scopes,
                  [&](const std::string& scope) { return !contains(*knobs.narrow_scopes, scope); });
  }
  return scopes;
}

std::string ScriptedProvider::Impl::issue_refresh_token(std::size_t number) {
  Session& session = sessions[number];
  std::string token = fresh("rt-");
  refresh_tokens.emplace(token, Issued{number, session.refresh_tokens.size(), {}});
  session.refresh_tokens.push_back(token);
  session.current_refresh_token = token;
  return token;
}

std::string ScriptedProvider::Impl::new_access_token(const std::string& user,
                                                     const Fields& fields) {
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
  add_all(claims, knobs.access_token_claims);
  return sign(key, claims);
}

std::string ScriptedProvider::Impl::sign(const crypto::Key& with,
                                         const json::object& claims) const {
  json::object header{{"alg", crypto::name(with.algorithm())}, {"typ", "JWT"}};
  if (knobs.jwks != ProviderKnobs::Jwks::without_kid) header["kid"] = with.thumbprint();
  return with.sign(header, json::serialize(claims)).value();
}

std::string ScriptedProvider::Impl::id_token(const Code& code, const std::string& access_token) {
  using Fault = ProviderKnobs::IdToken;
  const Fault fault = knobs.id_token;
  if (fault == Fault::missing || !contains(code.scopes, "openid")) return {};
  json::object claims{{"iss", fault == Fault::wrong_issuer ? "https://evil.example" : issuer},
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
  add_all(claims, knobs.id_token_claims);
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

TinyResponse ScriptedProvider::Impl::token_answer(const std::string& access_token,
                                                  const std::vector<std::string>& scopes,
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

}  // namespace mytoken::test
