// AssumeRoleWithWebIdentity of an AWS-compatible security token service (AWS, MinIO, Ceph): an
// access token for temporary keys of an object store. Its answers are XML; what is read here is
// exactly what is needed, documents with a type declaration are refused.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include <mytoken/call.h>
#include <mytoken/client.h>

namespace mytoken::cli {

struct StsRequest {
  std::string endpoint;  // https (http only for this machine)
  std::string role;      // ARN; "" where the service needs none (MinIO)
  std::string session = "mytoken";
  std::optional<std::chrono::seconds> duration{};
};

struct StsCredentials {
  std::string access_key_id;
  Secret secret_access_key;
  Secret session_token;
  std::string expiration;  // RFC 3339, as the service says
};

// Errors: usage (address), network, timeout, tls, protocol, server with the service's code and
// message.
client::Outcome<StsCredentials> assume_role(const client::Options& options,
                                            const StsRequest& request, const Secret& access_token,
                                            const client::Call& call);

// The answer of such a service. Errors: protocol, server.
client::Outcome<StsCredentials> parse_sts_answer(int status, std::string_view xml);

}  // namespace mytoken::cli
