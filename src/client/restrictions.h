// Clauses of restrictions with times in words, as the command and mytoken/restrictions.h take them.
#pragma once
#include <mytoken/error.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/json.h"

namespace mytoken::client {

// `value` is a clause or an array of clauses, whose times become Unix seconds. Errors: usage.
Outcome<json::array> checked_restrictions(const json::value& value, Time now);

// As parse_time() of mytoken/restrictions.h, in Unix seconds.
std::optional<std::int64_t> parse_local_time(const std::string& text, Time now);

}  // namespace mytoken::client
