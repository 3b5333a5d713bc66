// The planted faults of builds with MYTOKEN_FAULT_POINTS; see fault.h.
#ifdef MYTOKEN_FAULT_POINTS
#include "base/fault.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

namespace mytoken {

void fault_point(const char* name) {
  static const std::string wanted = [] {
    const char* value =
        std::getenv("MYTOKEN_FAULT");  // NOLINT(concurrency-mt-unsafe): nobody sets the environment
    return std::string(value ? value : "");
  }();
  if (wanted.empty()) return;
  const std::size_t colon = wanted.find(':');
  if (std::string_view(wanted).substr(0, colon) != name) return;
  static const int wanted_pass =
      colon == std::string::npos ? 1 : std::atoi(wanted.c_str() + colon + 1);
  static std::atomic<int> passes{0};
  if (++passes == wanted_pass) {
    std::raise(SIGKILL);
  }
}

}  // namespace mytoken
#endif
