// The request a flow stores as JSON between its start and its end.
#pragma once
#include <string>

#include "base/json.h"
#include "service/issue.h"

namespace mytoken::service {

struct FlowRequest {
  TokenWish wish;  // restrictions resolved, capabilities set
  bool web = false;
  std::string redirect_uri;
};

json::object to_json(const FlowRequest& request);
// Error internal_server_error: not what to_json writes.
Result<FlowRequest> parse_flow_request(const std::string& text);

// An absolute https URL or a path on this server, without tricks (oidc.md §13.4).
bool is_sane_redirect_uri(std::string_view uri, std::string_view issuer);
// On this server or trusted: where a login may send the browser.
bool is_acceptable_redirect_uri(const Settings& settings, const std::string& uri);
// Matches one of the trusted patterns from its first character to the end of its host, at least.
bool is_trusted_redirect_uri(const Settings& settings, const std::string& uri);

}  // namespace mytoken::service
