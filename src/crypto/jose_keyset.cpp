// Sets of verification keys: ours, and those that providers publish. A provider's document is
// hostile input: what is not clearly a public signature key within bounds is left out, and the
// whole document is bounded.
#include <algorithm>

#include "crypto/jose_impl.h"

namespace mytoken::crypto {
namespace {

constexpr std::size_t max_keys = 64;
constexpr std::size_t max_kid_size = 1024;

// RFC 7517 §4.2, §4.3: the owner may have reserved the key for something else.
bool is_for_signatures(const json::object& jwk) {
  if (const auto* use = jwk.if_contains("use")) {
    if (!use->is_string() || use->get_string() != "sig") return false;
  }
  if (const auto* operations = jwk.if_contains("key_ops")) {
    const auto* list = operations->if_array();
    if (!list || std::none_of(list->begin(), list->end(), [](const json::value& operation) {
          return operation.is_string() && operation.get_string() == "verify";
        })) {
      return false;
    }
  }
  return true;
}

}  // namespace

Result<KeySet> KeySet::from_jwks(const json::value& jwks, std::span<const Algorithm> allowed) {
  const auto* document = jwks.if_object();
  const auto* member = document ? document->if_contains("keys") : nullptr;
  const auto* entries = member ? member->if_array() : nullptr;
  if (!entries) return fail(internal_error("JWKS: not a JWK set"));
  if (entries->size() > max_keys) return fail(internal_error("JWKS: more than 64 keys"));
  KeySet set;
  for (const json::value& entry : *entries) {
    const auto* jwk = entry.if_object();
    if (!jwk || !is_for_signatures(*jwk)) continue;
    const auto* alg = jwk->if_contains("alg");
    const auto* kid = jwk->if_contains("kid");
    if (alg && !alg->is_string()) continue;
    if (kid && (!kid->is_string() || kid->get_string().size() > max_kid_size)) continue;
    const auto material = material_from_jwk(*jwk);
    if (!material) continue;
    for (const Algorithm algorithm : allowed) {
      if (!fits(*material, algorithm)) continue;
      if (alg && std::string_view(alg->get_string()) != name(algorithm)) continue;
      set.keys_.push_back(Key(std::make_shared<const Key::Impl>(Key::Impl{algorithm, material})));
      set.kids_.emplace_back(string_member(*jwk, "kid"));
    }
  }
  if (set.keys_.empty()) return fail(internal_error("JWKS: no usable signature key"));
  return set;
}

json::object KeySet::public_jwks() const {
  json::array keys;
  keys.reserve(keys_.size());
  for (const Key& key : keys_)
    keys.emplace_back(key.public_jwk());
  return json::object{{"keys", std::move(keys)}};
}

bool KeySet::has_kid(std::string_view kid) const {
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const std::string& published = kids_.empty() ? keys_[i].thumbprint() : kids_[i];
    if (!published.empty() && published == kid) return true;
  }
  return false;
}

Result<std::string> KeySet::verify(std::string_view token) const {
  const auto parts = split_jws(token);
  if (!parts) return fail(invalid_token("the token is not a JWS"));
  const auto* kid = parts->header.if_contains("kid");
  if (kid && (!kid->is_string() || kid->get_string().empty())) {
    return fail(invalid_token("the token has an invalid kid"));
  }
  const std::string_view wanted = string_member(parts->header, "kid");
  const std::string_view alg = string_member(parts->header, "alg");
  bool tried = false;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const std::string& published = kids_.empty() ? keys_[i].thumbprint() : kids_[i];
    if ((kid && published != wanted) || name(keys_[i].algorithm()) != alg) continue;
    tried = true;
    if (auto payload = keys_[i].verify(token)) return payload;
  }
  return fail(invalid_token(tried ? "the token's signature is invalid"
                                  : "the token is signed by an unknown key"));
}

}  // namespace mytoken::crypto
