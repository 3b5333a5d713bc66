// Time texts that people write (spec tokens.md §5.2, profiles.md §4.3, operations.md §18.6).
#pragma once
#include <chrono>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace mytoken {

// "1d12h", "1.5h", "90s", "500ms": one or more decimal numbers, each with a unit of ns us µs ms s m
// h d w y (d = 24 h, w = 7 d, y = 365 d). The sum is truncated to seconds. nullopt: anything else,
// or beyond 1000 years.
std::optional<Seconds> parse_duration(std::string_view text);

// A point in time as clauses accept it: decimal digits (Unix seconds), "+N" (seconds from now),
// "+<duration>", "YYYY-MM-DD HH:MM" (UTC, after 1970-01-01 00:00: a clause would read an earlier
// time as none). Blank text is not a time. nullopt: anything else.
std::optional<Time> parse_time(std::string_view text, Time now);

}  // namespace mytoken
