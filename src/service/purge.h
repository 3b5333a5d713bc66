// Removing what is over, as a part of the background rounds: once a minute, by whichever server has
// the lease, in transactions of bounded size (store/purge.h).
#pragma once
#include "service/context.h"

namespace mytoken::service {

// Removes at most portions_per_round portions; what is left is removed in the next round.
Task<void> purge_round(Context& context);

inline constexpr int portions_per_round = 20;

}  // namespace mytoken::service
