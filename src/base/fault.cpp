// The planted faults of builds with MYTOKEN_FAULT_POINTS; see fault.h.
#ifdef MYTOKEN_FAULT_POINTS
#include "base/fault.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mytoken {
namespace {

std::string setting(const char* name) {
  const char* value =
      std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets the environment
  return value ? value : "";
}

// The file of the shift, shared with the test that writes it; nullptr: there is none.
const std::atomic<std::int64_t>* map_clock_file() {
  const std::string name = setting("MYTOKEN_FAULT_CLOCK");
  if (name.empty()) return nullptr;
  const int descriptor = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) std::abort();
  void* page = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  if (page == MAP_FAILED) std::abort();
  return static_cast<const std::atomic<std::int64_t>*>(page);
}

}  // namespace

void fault_point(const char* name) {
  static const std::string failing = setting("MYTOKEN_FAULT_EXCEPTION");
  if (failing == name) throw std::runtime_error("planted");
  static const std::string wanted = setting("MYTOKEN_FAULT");
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

std::chrono::microseconds fault_clock_offset() {
  static const std::atomic<std::int64_t>* const shift = map_clock_file();
  return std::chrono::microseconds(shift ? shift->load(std::memory_order_relaxed) : 0);
}

}  // namespace mytoken
#endif
