// Fixed-window rate limit per client address (spec api.md §2.10). The table is bounded, so many
// addresses cost memory only up to a limit. IPv6 clients are counted by their /64: a host may use
// any address of it.
//
// Several servers share a limit by telling each other, about once a second, what each has counted
// (own_counts, learn_counts). A client is admitted while what it did here and what the others have
// told make less than the limit; its window ends everywhere when the first of them ends. So a
// client gets through at most the limit, what it sends to the other servers between two exchanges
// (two seconds at the worst), and an eighth of the limit, because counts too small to matter are
// not told.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mytoken::http {

struct RateLimit {
  bool enabled = true;
  std::uint32_t max_requests = 100;
  std::chrono::seconds window{300};
  std::vector<std::string> always_allow = {"127.0.0.1"};  // addresses and CIDRs; others are ignored
};

// Thread-safe.
class RateLimiter {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  // At most `capacity` addresses are remembered; when there are more, those whose windows are over
  // are forgotten first, then those with the fewest requests of a sample.
  explicit RateLimiter(RateLimit settings, std::size_t capacity = 65'536);
  ~RateLimiter();

  struct Decision {
    bool counted = false;  // false: no limit applies, no headers
    bool allowed = true;
    std::uint32_t limit = 0;
    std::uint32_t remaining = 0;
    std::chrono::seconds reset{0};  // to the end of the window, at least 1
  };
  // Counts one request of `address` (any text; "" is a client of its own).
  Decision count(std::string_view address, Instant now);
  // Takes back one counted request.
  void give_back(std::string_view address, Instant now);
  // Addresses remembered, for tests and metrics.
  std::size_t size() const;

  // What another server needs to know: the at most 1000 busiest clients of this one that have used
  // an eighth of what one of `servers` may admit. `now` and `wall` are the same moment; windows are
  // told by the wall clock.
  //   text := entry*   entry := key length (1 byte)  key  end of window (8 bytes, ms since the
  //   epoch)
  //                             requests (4 bytes); numbers big-endian
  std::string own_counts(std::size_t servers, Instant now,
                         std::chrono::system_clock::time_point wall) const;
  // What all other servers have told; what they told before is forgotten. A text that makes no
  // sense counts as far as it does.
  void learn_counts(const std::vector<std::string>& others, Instant now,
                    std::chrono::system_clock::time_point wall);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mytoken::http
