// What servers answer, as types, and the reading of it. Reading is lenient where servers differ:
// unknown members are ignored, null is absent, whole numbers may be written as 3600.0. Sources:
// spec api.md §2.8, §4.7, §5, cli.md §2.2.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/secret.h"
#include "client/error.h"

namespace mytoken::client {

// The presented mytoken was replaced; the lease already has the successor.
struct TokenUpdate {
  Secret mytoken;
  std::optional<ClientError>
      not_stored;  // the successor is valid, but the lease could not store it
};

struct AccessToken {
  Secret access_token;
  std::string token_type;
  std::optional<Seconds> expires_in;
  std::string scope;  // as the server says; may be empty
  std::vector<std::string> audience;
  std::optional<TokenUpdate> token_update;
};

struct Mytoken {
  Secret mytoken;  // empty if there is a transfer code
  Secret transfer_code;
  std::string mytoken_type;  // token, short_token, transfer_code
  std::string mom_id;
  std::optional<Seconds> expires_in;  // of the code, for a transfer code; absent: never
  json::array restrictions;
  std::vector<std::string> capabilities;
  json::object rotation;  // empty: does not rotate
  std::optional<TokenUpdate> token_update;
};

struct Authorization {
  std::string consent_uri;
  Secret polling_code;
  Seconds expires_in{0};  // 0: not said
  Seconds interval{5};
};

// An answer without a type of its own (tokeninfo).
struct Document {
  json::object members;  // without token_update
  std::optional<TokenUpdate> token_update;
};

// A success without content.
struct Done {
  std::optional<TokenUpdate> token_update;
};

// The JSON object of a 2xx answer (empty body = empty object). Errors: server (status and code of
// the answer), protocol.
Outcome<json::object> parse_answer(int status, std::string_view body, Seconds retry_after);

// Errors: protocol, naming what is missing.
Outcome<AccessToken> parse_access_token(const json::object& answer);
Outcome<Mytoken> parse_mytoken(const json::object& answer);
Outcome<Authorization> parse_authorization(const json::object& answer);
// The successor in member token_update, empty if there is none.
Secret successor_in(const json::object& answer);

}  // namespace mytoken::client
