// The signature of a mytoken, for programs that receive one and want to be sure of its origin.
#include <mytoken/client.h>
#include <mytoken/inspect.h>

#include <array>

#include "base/clock.h"
#include "crypto/jose.h"

namespace mytoken::client {
namespace {

constexpr std::array algorithms{
    crypto::Algorithm::es256, crypto::Algorithm::es384, crypto::Algorithm::es512,
    crypto::Algorithm::rs256, crypto::Algorithm::rs384, crypto::Algorithm::rs512,
    crypto::Algorithm::ps256, crypto::Algorithm::ps384, crypto::Algorithm::ps512};

Failure invalid(std::string why) {
  return failure(ErrorKind::server, std::move(why), "invalid_token");
}

}  // namespace

Outcome<std::string> verify_mytoken(std::string_view token, std::string_view jwks,
                                    std::string_view issuer, std::chrono::sys_seconds now) {
  const auto claims = claims_of(token);
  if (!claims) return failure(ErrorKind::usage, "only a mytoken that is a JWT can be verified");
  const auto document = parse_json(jwks);
  if (!document) return failure(ErrorKind::protocol, "the key set of the server is no JSON");
  const auto keys = crypto::KeySet::from_jwks(*document, algorithms);
  if (!keys) return failure(ErrorKind::protocol, "the server announces no usable key");
  auto payload = keys->verify(token);
  if (!payload) return invalid("none of the server's keys signed this mytoken");
  if (!same_issuer(claims->issuer, issuer))
    return invalid("the mytoken is of another server, " + claims->issuer);
  if (claims->not_before && now < *claims->not_before) return invalid("it is not valid yet");
  if (claims->expires && now >= *claims->expires) return invalid("it has expired");
  return std::move(*payload);
}

}  // namespace mytoken::client
