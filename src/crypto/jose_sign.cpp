// Signing and verifying compact JWS with cjose. What cjose leaves open is closed here, before it
// sees the token: the algorithm is the key's, `crit` is refused, the signature has exactly the
// length the algorithm gives it. cjose checks RSA-PSS for one salt length only, while any is to be
// accepted (spec tokens.md §1.6), so that one check is OpenSSL's.
#include <jansson.h>
#include <openssl/rsa.h>

#include "base/encoding.h"
#include "crypto/jose_impl.h"

namespace mytoken::crypto {
namespace {

using CjoseJws = std::unique_ptr<cjose_jws_t, Free<cjose_jws_release>>;
using CjoseHeader = std::unique_ptr<cjose_header_t, Free<cjose_header_release>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;

bool verify_pss(const KeyMaterial& material, const AlgorithmTraits& algorithm,
                std::string_view signed_text, std::string_view signature) {
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* parameters = nullptr;  // owned by the context
  return context &&
         EVP_DigestVerifyInit_ex(context.get(), &parameters, algorithm.digest, nullptr, nullptr,
                                 material.evp.get(), nullptr) == 1 &&
         EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_AUTO) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                          signature.size(),
                          reinterpret_cast<const unsigned char*>(signed_text.data()),
                          signed_text.size()) == 1;
}

bool verify_with_cjose(const KeyMaterial& material, std::string_view token) {
  cjose_err problem{};
  const CjoseJws jws(cjose_jws_import(token.data(), token.size(), &problem));
  return jws && cjose_jws_verify(jws.get(), material.jwk.get(), &problem);
}

}  // namespace

Result<std::string> Key::sign(const json::object& header, std::string_view payload) const {
  const ErrorQueueGuard guard;
  if (!impl_->material->is_private) return fail(internal_error("JWS: the key cannot sign"));
  if (string_member(header, "alg") != name(impl_->algorithm)) {
    return fail(internal_error("JWS: header alg is not the key's"));
  }
  if (header.contains("crit")) return fail(internal_error("JWS: crit is not supported"));
  if (payload.empty()) return fail(internal_error("JWS: no payload"));
  const std::string text = json::serialize(header);
  // Read by jansson itself, because cjose writes its header object in the order of insertion.
  const CjoseHeader members(json_loadb(text.data(), text.size(), 0, nullptr));
  if (!members) return fail(internal_error("JWS: header not accepted"));
  cjose_err problem{};
  const CjoseJws jws(cjose_jws_sign(impl_->material->jwk.get(), members.get(),
                                    reinterpret_cast<const std::uint8_t*>(payload.data()),
                                    payload.size(), &problem));
  const char* compact = nullptr;
  if (!jws || !cjose_jws_export(jws.get(), &compact, &problem) || !compact) {
    return fail(internal_error("JWS: signing failed"));
  }
  std::string token(compact);
  // The promise "exactly these members in this order" is checked, not believed.
  if (!token.starts_with(base64url(text) + '.')) {
    return fail(internal_error("JWS: header cannot be written as given"));
  }
  return token;
}

Result<std::string> Key::verify(std::string_view token) const {
  auto parts = split_jws(token);
  if (!parts) return fail(invalid_token("the token is not a JWS"));
  if (string_member(parts->header, "alg") != name(impl_->algorithm)) {
    return fail(invalid_token("the token has an unexpected algorithm"));
  }
  if (parts->header.contains("crit")) {
    return fail(invalid_token("the token has critical extensions"));
  }
  const KeyMaterial& material = *impl_->material;
  const auto signature = decode_base64url(parts->signature);
  if (!signature || signature->size() != material.signature_size) {
    return fail(invalid_token("the token's signature is invalid"));
  }
  const ErrorQueueGuard guard;
  const AlgorithmTraits& algorithm = traits(impl_->algorithm);
  const std::string_view signed_text = token.substr(0, token.size() - parts->signature.size() - 1);
  const bool good = algorithm.pss ? verify_pss(material, algorithm, signed_text, *signature)
                                  : verify_with_cjose(material, token);
  if (!good) return fail(invalid_token("the token's signature is invalid"));
  return std::move(parts->payload);
}

}  // namespace mytoken::crypto
