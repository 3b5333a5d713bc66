// Who the provider says the user is, and whether it says so to us.
#include "oidc/id_token.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/encoding.h"

namespace mytoken::oidc {

namespace {

tl::unexpected<Error> refuse(std::string_view reason) {
  return fail(access_denied("The id token of the provider is not valid: " + std::string(reason)));
}

// NumericDate (RFC 7519 §2); nullopt if missing or no such number.
std::optional<std::int64_t> date(const json::object& claims, std::string_view name) {
  const json::value* member = claims.if_contains(name);
  if (member == nullptr || !member->is_number()) return std::nullopt;
  const double seconds = member->to_number<double>();
  if (!std::isfinite(seconds) || std::fabs(seconds) > 1e11) return std::nullopt;
  return static_cast<std::int64_t>(std::floor(seconds));
}

bool is_plain(std::string_view text, std::size_t limit) {
  return !text.empty() && text.size() <= limit &&
         std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::vector<std::string_view> audiences(const json::object& claims) {
  std::vector<std::string_view> list;
  const json::value* aud = claims.if_contains("aud");
  if (aud == nullptr) return list;
  if (const json::string* one = aud->if_string()) list.push_back(*one);
  if (const json::array* many = aud->if_array()) {
    for (const json::value& entry : *many) {
      if (!entry.is_string()) return {};
      list.push_back(entry.get_string());
    }
  }
  return list;
}

// OpenID Connect Core §3.1.3.6: the left half of the digest that belongs to the algorithm.
bool at_hash_fits(std::string_view at_hash, std::string_view access_token,
                  std::string_view algorithm) {
  const EVP_MD* digest = nullptr;
  if (algorithm.ends_with("256")) digest = EVP_sha256();
  if (algorithm.ends_with("384")) digest = EVP_sha384();
  if (algorithm.ends_with("512")) digest = EVP_sha512();
  if (digest == nullptr) return false;
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned length = 0;
  if (EVP_Digest(access_token.data(), access_token.size(), bytes.data(), &length, digest,
                 nullptr) != 1)
    return false;
  const std::string_view half(reinterpret_cast<const char*>(bytes.data()), length / 2);
  return Secret::equal(base64url(half), at_hash);
}

}  // namespace

void read_email(const json::object& claims, Identity& identity) {
  const std::string_view email = string_member(claims, "email");
  if (!is_plain(email, 254) || email.find('@') == std::string_view::npos) return;
  identity.email = std::string(email);
  const json::value* verified = claims.if_contains("email_verified");
  identity.email_verified =
      verified != nullptr && ((verified->is_bool() && verified->get_bool()) ||
                              (verified->is_string() && verified->get_string() == "true"));
}

Result<Identity> read_identity(const json::object& claims, std::string_view client_id) {
  const std::string_view subject = string_member(claims, "sub");
  if (!is_plain(subject, 255)) return refuse("no usable sub");
  // A client must not be able to pass for a user (RFC 9700 §4.15).
  if (!client_id.empty() && subject == client_id) return refuse("sub is the client");
  Identity identity;
  identity.subject = std::string(subject);
  if (const auto time = date(claims, "auth_time")) identity.auth_time = from_unix(*time);
  read_email(claims, identity);
  identity.claims = claims;
  return identity;
}

Result<Identity> check_id_token(std::string_view payload, const IdTokenExpectation& expected) {
  const auto document = parse_json(payload);
  if (!document || !document->is_object()) return refuse("its payload is no JSON object");
  const json::object& claims = document->get_object();
  if (string_member(claims, "iss") != expected.issuer) return refuse("wrong issuer");
  const std::vector<std::string_view> aud = audiences(claims);
  if (std::find(aud.begin(), aud.end(), expected.client_id) == aud.end())
    return refuse("wrong audience");
  const json::value* azp = claims.if_contains("azp");
  if (azp == nullptr && aud.size() > 1) return refuse("several audiences, but no azp");
  if (azp != nullptr && string_member(claims, "azp") != expected.client_id)
    return refuse("wrong azp");
  const std::int64_t now = to_unix(expected.now);
  const std::int64_t skew = clock_skew.count();
  const auto exp = date(claims, "exp");
  if (!exp || *exp + skew <= now) return refuse("expired");
  const auto iat = date(claims, "iat");
  if (!iat || *iat - skew > now) return refuse("issued in the future");
  if (claims.contains("nbf")) {
    const auto nbf = date(claims, "nbf");
    if (!nbf || *nbf - skew > now) return refuse("not valid yet");
  }
  const std::string_view nonce = string_member(claims, "nonce");
  if (expected.nonce.empty() || !Secret::equal(nonce, expected.nonce)) return refuse("wrong nonce");
  if (claims.contains("at_hash") &&
      !at_hash_fits(string_member(claims, "at_hash"), expected.access_token, expected.algorithm)) {
    return refuse("wrong at_hash");
  }
  return read_identity(claims, expected.client_id);
}

}  // namespace mytoken::oidc
