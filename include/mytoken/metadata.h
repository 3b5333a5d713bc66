// What a server says about itself. Sources: spec api.md §3.1, cli.md §1.13 (W19).
#pragma once
#include <string>
#include <vector>

#include <mytoken/export.h>

namespace mytoken::client {

struct SupportedProvider {
  std::string issuer;
  std::string name;  // may be empty
  std::vector<std::string> scopes;
};

// Endpoints are addresses that parse_server_url() would accept, or "" if the server does not offer
// them.
struct Metadata {
  std::string issuer;
  std::string mytoken_endpoint;
  std::string access_token_endpoint;
  std::string tokeninfo_endpoint;
  std::string revocation_endpoint;
  std::string token_transfer_endpoint;
  std::string usersettings_endpoint;
  std::string notifications_endpoint;
  std::string profiles_endpoint;
  std::string jwks_uri;
  std::vector<SupportedProvider> providers_supported;
  std::string document;  // everything the server said: a JSON object as text
};

}  // namespace mytoken::client
