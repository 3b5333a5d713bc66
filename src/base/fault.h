// Named points at which a fault test may end the process, as kill -9 would. Only builds with
// MYTOKEN_FAULT_POINTS have them: there the environment variable MYTOKEN_FAULT names the point
// ("after_provider_reply" or "after_provider_reply:3" for the third time it is passed). In every
// other build the call is nothing.
#pragma once

namespace mytoken {

#ifdef MYTOKEN_FAULT_POINTS
void fault_point(const char* name);
#else
inline void fault_point(const char*) {}
#endif

}  // namespace mytoken
