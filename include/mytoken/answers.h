// What servers answer, as types. JSON that is passed on as it is travels as text, so that programs
// may use the JSON library they like. Sources: spec api.md §4.7, §5, cli.md §2.2.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <mytoken/error.h>
#include <mytoken/secret.h>

namespace mytoken::client {

// The presented mytoken was replaced; the lease already has the successor.
struct TokenUpdate {
  Secret mytoken;
  // The successor is valid, but the lease could not store it.
  std::optional<ClientError> not_stored;
};

struct AccessToken {
  Secret access_token;
  std::string token_type;
  std::optional<std::chrono::seconds> expires_in;
  std::string scope;  // as the server says; may be empty
  std::vector<std::string> audience;
  std::optional<TokenUpdate> token_update;
};

struct Mytoken {
  Secret mytoken;  // empty if there is a transfer code
  Secret transfer_code;
  std::string mytoken_type;  // token, short_token, transfer_code
  std::string mom_id;
  std::optional<std::chrono::seconds>
      expires_in;            // of the code, for a transfer code; absent: never
  std::string restrictions;  // JSON array; "" = unrestricted
  std::vector<std::string> capabilities;
  std::string rotation;  // JSON object; "" = does not rotate
  std::optional<TokenUpdate> token_update;
};

// A request that waits for its user. Show consent_uri, then Client::wait_for_authorization.
struct Authorization {
  std::string consent_uri;  // an http(s) address of printable ASCII
  Secret polling_code;
  std::chrono::seconds expires_in{0};  // 0: not said
  std::chrono::seconds interval{5};
  std::optional<TokenUpdate> token_update;  // of the mytoken that started it, if one did
};

// An answer without a type of its own.
struct Document {
  std::string json;  // a JSON object or array as text, without token_update
  std::optional<TokenUpdate> token_update;
};

// A success without content.
struct Done {
  std::optional<TokenUpdate> token_update;
};

}  // namespace mytoken::client
