// Reading what providers send: token answers, error objects, metadata. Every byte is hostile until
// looked at.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/encoding.h"
#include "crypto/jose.h"
#include "oidc/wire.h"

namespace mytoken::oidc {

namespace {

constexpr std::size_t max_token = 64 << 10;

// Goes into an Authorization header of the user's later requests: visible ASCII only (RFC 6750 §2.1
// is narrower).
bool is_access_token(std::string_view text) {
  return !text.empty() && text.size() <= max_token &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::string error_code(std::string_view text) {
  std::string code;
  for (const char c : text.substr(0, 100)) {
    if (c >= ' ' && c <= '~' && c != '"' && c != '\\') code += c;
  }
  return code;
}

// A number, or digits in a string as some providers write it (spec oidc.md §2).
std::optional<std::int64_t> lifetime(const json::object& object) {
  constexpr double longest = 1e11;
  const json::value* member = object.if_contains("expires_in");
  if (member == nullptr) return std::nullopt;
  double seconds = -1;
  if (member->is_number()) {
    seconds = member->to_number<double>();
  } else if (const json::string* text = member->if_string()) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
    if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  }
  if (!std::isfinite(seconds) || seconds < 0 || seconds > longest) return std::nullopt;
  return static_cast<std::int64_t>(seconds);
}

std::optional<std::vector<std::string>> granted_scope(const json::object& object) {
  const json::value* member = object.if_contains("scope");
  if (member == nullptr) return std::nullopt;
  if (const json::string* text = member->if_string()) return split_scopes(*text);
  if (const json::array* list = member->if_array()) {
    std::string text;
    for (const json::value& entry : *list) {
      if (const json::string* word = entry.if_string()) text += std::string(*word) + " ";
    }
    return split_scopes(text);
  }
  return std::nullopt;
}

ProviderError failure(ProviderError::Kind kind, std::string cause, int status) {
  ProviderError error;
  error.kind = kind;
  error.cause = std::move(cause);
  error.status = status;
  return error;
}

std::vector<std::string> strings(const json::object& object, std::string_view name) {
  std::vector<std::string> list;
  if (const json::value* member = object.if_contains(name);
      member != nullptr && member->is_array()) {
    for (const json::value& entry : member->get_array()) {
      if (entry.is_string() && list.size() < 100) list.emplace_back(entry.get_string());
    }
  }
  return list;
}

}  // namespace

std::string sanitised(std::string_view text, std::size_t limit, std::span<const Secret> secrets) {
  std::string result;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) result += c;
  }
  for (const Secret& secret : secrets) {
    if (secret.size() < 4) continue;
    for (std::size_t place; (place = result.find(secret.reveal())) != std::string::npos;) {
      result.replace(place, secret.size(), "***");
    }
  }
  if (result.size() > limit) {
    result.resize(limit);
    // Not in the middle of a character.
    while (!result.empty() && !is_utf8(result) && limit - result.size() < 4)
      result.pop_back();
  }
  return is_utf8(result) ? result : std::string{};
}

std::optional<std::vector<std::string>> unverified_audience(std::string_view token) {
  const auto jws = crypto::split_jws(token);
  if (!jws) return std::nullopt;
  const auto payload = parse_json(jws->payload);
  if (!payload || !payload->is_object()) return std::nullopt;
  const json::object& claims = payload->get_object();
  const json::value* aud = claims.if_contains("aud");
  if (aud == nullptr) return std::nullopt;
  if (const json::string* one = aud->if_string())
    return std::vector<std::string>{std::string(*one)};
  if (!aud->is_array()) return std::nullopt;
  return strings(claims, "aud");
}

ProviderResult<TokenAnswer> read_token_answer(const net::HttpResponse& response,
                                              std::span<const Secret> secrets) {
  using Kind = ProviderError::Kind;
  if (response.outcome == net::HttpResponse::Outcome::not_sent) {
    return tl::unexpected(failure(Kind::not_reached, response.problem, 0));
  }
  if (response.outcome == net::HttpResponse::Outcome::unknown) {
    return tl::unexpected(failure(Kind::unknown, response.problem, 0));
  }
  const bool success = response.status >= 200 && response.status <= 299;
  const auto body = parse_json(response.body);
  if (!body || !body->is_object()) {
    return tl::unexpected(
        failure(Kind::misbehaved, "the answer is no JSON object", response.status));
  }
  const json::object& object = body->get_object();
  const std::string error = error_code(string_member(object, "error"));
  const std::string_view access_token = string_member(object, "access_token");
  if (!success || !is_access_token(access_token)) {
    const bool refused = response.status == 400 && !error.empty();
    ProviderError problem =
        failure(refused ? Kind::refused : Kind::misbehaved,
                success ? "a success without a usable access token" : "error of the provider",
                response.status);
    problem.error = error;
    problem.description = sanitised(string_member(object, "error_description"), 500, secrets);
    if (success)
      problem.refresh_token = Secret(std::string(string_member(object, "refresh_token")));
    return tl::unexpected(std::move(problem));
  }
  TokenAnswer answer;
  answer.access_token = Secret(std::string(access_token));
  const std::string type = error_code(string_member(object, "token_type"));
  if (!type.empty()) answer.token_type = type;
  answer.expires_in = lifetime(object);
  answer.scope = granted_scope(object);
  answer.audience = unverified_audience(access_token);
  answer.refresh_token = Secret(std::string(string_member(object, "refresh_token")));
  answer.id_token = Secret(std::string(string_member(object, "id_token")));
  return answer;
}

tl::expected<Metadata, std::string> read_metadata(std::string_view body,
                                                  const ProviderSettings& settings) {
  const auto document = parse_json(body);
  if (!document || !document->is_object())
    return tl::unexpected(std::string("the metadata is no JSON object"));
  const json::object& object = document->get_object();
  Metadata metadata;
  metadata.issuer = string_member(object, "issuer");
  // The guest provider's document of older servers has no issuer; it is the only one that is not
  // validated.
  if (metadata.issuer.empty() && !settings.validate_id_token) metadata.issuer = settings.issuer;
  if (!same_issuer(metadata.issuer, settings.issuer)) {
    return tl::unexpected("the metadata is of another issuer: " + sanitised(metadata.issuer, 200));
  }
  const auto endpoint = [&](std::string_view name) {
    const std::string_view url = string_member(object, name);
    // Our own guest provider is asked without a network, so it may have any address.
    const bool own = !settings.validate_id_token && url.starts_with(settings.issuer + "/");
    return own || is_acceptable_endpoint(url, settings.issuer) ? std::string(url) : std::string{};
  };
  metadata.authorization_endpoint = endpoint("authorization_endpoint");
  metadata.token_endpoint = endpoint("token_endpoint");
  metadata.jwks_uri = endpoint("jwks_uri");
  metadata.userinfo_endpoint = endpoint("userinfo_endpoint");
  metadata.revocation_endpoint = endpoint("revocation_endpoint");
  if (metadata.authorization_endpoint.empty())
    return tl::unexpected(std::string("no usable authorization_endpoint"));
  if (metadata.token_endpoint.empty())
    return tl::unexpected(std::string("no usable token_endpoint"));
  if (metadata.jwks_uri.empty() && settings.validate_id_token) {
    return tl::unexpected(std::string("no usable jwks_uri"));
  }
  metadata.token_endpoint_auth_methods = strings(object, "token_endpoint_auth_methods_supported");
  metadata.id_token_algorithms = strings(object, "id_token_signing_alg_values_supported");
  const json::value* iss = object.if_contains("authorization_response_iss_parameter_supported");
  metadata.iss_parameter = iss != nullptr && iss->is_bool() && iss->get_bool();
  return metadata;
}

}  // namespace mytoken::oidc
