// What requests are called over ssh, and what the lines that come back mean. The published servers
// answer errors like results, on stdout with exit status 0: only what looks like the expected type
// is taken for a result. Source: spec ssh.md §4, cli.md §1.10 and §1.13 (W7).
#pragma once
#include <string>
#include <string_view>

#include <mytoken/client.h>
#include "base/json.h"

namespace mytoken::client {

enum class SshAnswer {
  access_token,  // one line
  mytoken,       // one line: mytoken, short token or transfer code
  object,        // JSON
  ok,            // the word OK
  object_or_ok
};

struct SshRequest {
  std::string word;      // e.g. "notification-update"
  json::object payload;  // empty: none is sent
  SshAnswer answer = SshAnswer::ok;
};

// The mytoken is the one that is bound to the ssh key: none is in the payload. Error usage: not
// available over ssh.
Outcome<SshRequest> ssh_request_for(const Exchange& exchange, json::object members);

// `output` of a command that ended with `status`, as the object that the same request gives over
// HTTP. Errors: server, protocol; usage with code not_supported: an older server.
Outcome<json::object> parse_ssh_answer(const SshRequest& request, int status,
                                       std::string_view output);

}  // namespace mytoken::client
