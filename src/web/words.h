// Times, restrictions and rotation in words, for people who decide about them.
#pragma once
#include <string>
#include <vector>

#include "token/claims.h"

namespace mytoken::web {

// "2026-01-31 12:00", UTC.
std::string date_text(Time time);
// The same with "UTC", or in words what lies beyond the calendar.
std::string date(Time time);
// "7d", "36h", "90m" or "45s": the largest unit that says it exactly; what parse_duration reads.
std::string duration_text(Seconds duration);

// A clause, one sentence per key. `now`: how long it is until then is said too.
std::vector<std::string> conditions(const token::Clause& clause, Time now);
std::vector<std::string> sentences_of(const token::Rotation& rotation);
// "", "powerful" or "very powerful".
std::string danger_text(std::string_view capability);

}  // namespace mytoken::web
