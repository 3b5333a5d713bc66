// Restrictions and capabilities as people write them, checked and brought into the form of requests
// without asking a server. Mistakes that would lose protection are errors. Source: spec cli.md
// §1.7, tokens.md §6.2.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mytoken/error.h>

namespace mytoken::client {

// "1790000000" (Unix seconds), "+60" (seconds from `now`), "+1d12h" (units ns us ms s m h d w y,
// with fractions) or "2026-12-31 18:00" in the time zone of the process. nullopt: anything else.
MYTOKEN_API std::optional<std::chrono::sys_seconds> parse_time(std::string_view text,
                                                               std::chrono::sys_seconds now);

// `json` is a clause or an array of clauses, in which nbf and exp may be texts for parse_time(),
// hosts, audience and the like one string or an array. The result is the array for
// MytokenRequest::restrictions. Errors: usage, naming the member that is unknown or wrong.
MYTOKEN_API Outcome<std::string> parse_restrictions(std::string_view json,
                                                    std::chrono::sys_seconds now);

// True if a mytoken with the capabilities `held` may do what needs `asked`: the same one, one above
// it ("settings" permits "settings:grants"), but no more than reading for "read@settings". Names
// this library does not know permit nothing but themselves.
MYTOKEN_API bool permits(const std::vector<std::string>& held, std::string_view asked);

}  // namespace mytoken::client
