// Ids that no database sequence hands out (DESIGN §6: sequences in hot rows do not scale and
// compatible engines lack them).
#pragma once
#include <cstdint>

#include "base/clock.h"

namespace mytoken::store {

// Random, positive, 62 bits.
std::int64_t random_id();

// Ascending within this process and, up to the clocks' agreement, between servers: microseconds
// since the epoch, made larger than the last one handed out, then 10 random bits. Thread-safe.
std::int64_t ordered_id(const Clock& clock);

// Not larger than any id that was made from `time` on, by a clock that was right.
std::int64_t first_ordered_id(Time time);

}  // namespace mytoken::store
