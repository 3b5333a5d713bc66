// The reading of answers. It is lenient where servers differ: unknown members are ignored, null is
// absent, whole numbers may be written as 3600.0. Sources: spec api.md §2.8, §4.7, §5, cli.md §2.2.
#pragma once
#include <mytoken/answers.h>

#include <optional>
#include <string_view>

#include "base/json.h"

namespace mytoken::client {

// Depth of JSON in answers: a tree of mytokens takes two levels for each generation.
inline constexpr std::size_t deepest_answer = 1024;

// The JSON value of a 2xx answer (empty body = empty object). Errors: server (status and code of
// the answer), protocol. Only objects and, where `may_be_array`, arrays are taken.
Outcome<json::value> parse_answer(int status, std::string_view body,
                                  std::chrono::seconds retry_after, bool may_be_array = false);

// Errors: protocol, naming what is missing.
Outcome<AccessToken> parse_access_token(const json::object& answer);
Outcome<Mytoken> parse_mytoken(const json::object& answer);
// `server_url`: who answered, see is_announceable().
Outcome<Authorization> parse_authorization(const json::object& answer,
                                           const std::string& server_url);
// The successor in member token_update, empty if there is none. Error protocol: one that is no
// token.
Outcome<Secret> successor_in(const json::object& answer);

// Says in `error` that `update` could not be stored (its not_stored is set), and keeps it there.
void add_unsaved(ClientError& error, const TokenUpdate& update);

// A member that is there and not null, or nullptr.
const json::value* member(const json::object& object, std::string_view name);
// A whole number, 3600.0 included.
std::optional<std::int64_t> integer_member(const json::object& object, std::string_view name);
bool bool_member(const json::object& object, std::string_view name);
// An array of strings, or one string.
std::vector<std::string> text_members(const json::object& object, std::string_view name);

// Without white space at both ends.
std::string_view trimmed(std::string_view text);

json::array array_of(const std::vector<std::string>& texts);

}  // namespace mytoken::client
