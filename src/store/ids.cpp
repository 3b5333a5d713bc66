// Ids made here instead of by the database; see ids.h.
#include "store/ids.h"

#include <atomic>

#include "base/random.h"

namespace mytoken::store {

std::int64_t random_id() {
  return static_cast<std::int64_t>(random_below(std::uint64_t{1} << 62) + 1);
}

std::int64_t ordered_id(const Clock& clock) {
  static std::atomic<std::int64_t> last{0};
  const std::int64_t now = clock.precise().time_since_epoch().count();
  std::int64_t before = last.load();
  std::int64_t mine = 0;
  do {
    mine = now > before ? now : before + 1;
  } while (!last.compare_exchange_weak(before, mine));
  return mine * 1024 + static_cast<std::int64_t>(random_below(1024));
}

std::int64_t first_ordered_id(Time time) {
  return to_unix(time) * 1'000'000 * 1024;
}

}  // namespace mytoken::store
