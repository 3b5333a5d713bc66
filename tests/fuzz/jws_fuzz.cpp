// Tokens and key sets as strangers send them: the first byte chooses whether the rest is a compact
// JWS or a JWK set. Nothing may crash, a split token must be the only text of its parts, and an
// accepted key must survive its own JWK.
#include <array>

#include "base/encoding.h"
#include "crypto/jose.h"
#include "require.h"

namespace {

using namespace mytoken;
using fuzz::require;

constexpr std::array algorithms{
    crypto::Algorithm::es256, crypto::Algorithm::es384, crypto::Algorithm::es512,
    crypto::Algorithm::rs256, crypto::Algorithm::rs384, crypto::Algorithm::rs512,
    crypto::Algorithm::ps256, crypto::Algorithm::ps384, crypto::Algorithm::ps512};

// The public keys of RFC 7515 A.2 and A.3; their tokens are among the seeds.
const crypto::KeySet& example_keys() {
  static const crypto::KeySet keys = [] {
    const json::object rsa{
        {"kty", "RSA"},
        {"e", "AQAB"},
        {"n",
         "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0"
         "Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXnd"
         "S5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5Ihl"
         "JH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}};
    const json::object ec{{"kty", "EC"},
                          {"crv", "P-256"},
                          {"x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},
                          {"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}};
    return *crypto::KeySet::from_jwks(json::object{{"keys", json::array{rsa, ec}}}, algorithms);
  }();
  return keys;
}

void token(std::string_view text) {
  const auto parts = crypto::split_jws(text);
  const auto payload = example_keys().verify(text);
  if (!parts) {
    require(!payload, "a token that does not split does not verify");
    return;
  }
  const std::string encoded = '.' + base64url(parts->payload) + '.' + std::string(parts->signature);
  require(text.ends_with(encoded), "payload and signature are the token's");
  const auto header = decode_base64url(text.substr(0, text.size() - encoded.size()));
  require(header && parse_json(*header) == json::value(parts->header), "the header is the token's");
  if (payload) require(*payload == parts->payload, "the verified payload is the split one");
}

void key_set(std::string_view text) {
  const auto document = parse_json(text);
  if (!document) return;
  const auto keys = crypto::KeySet::from_jwks(*document, algorithms);
  if (!keys) return;
  require(!keys->empty() && keys->keys().size() <= 64 * 6, "a set is bounded and not empty");
  for (const crypto::Key& key : keys->keys()) {
    const json::object jwk = key.public_jwk();
    require(!jwk.contains("d"), "no private part is shown");
    const auto again = crypto::Key::from_jwk(jwk, key.algorithm());
    require(again && again->thumbprint() == key.thumbprint(), "a key survives its own JWK");
    require(!key.sign({{"alg", crypto::name(key.algorithm())}}, "x"), "a public key cannot sign");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest = fuzz::as_text(data + 1, size - 1);
  if (data[0] == 'k') {
    key_set(rest);
  } else {
    token(rest);
  }
  return 0;
}
