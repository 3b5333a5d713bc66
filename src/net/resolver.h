// Host names of a client address: reverse DNS, each name confirmed by a forward look-up (spec
// tokens.md §5.4).
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"

namespace mytoken::net {

class Resolver {
 public:
  virtual ~Resolver() = default;
  // Confirmed names without trailing dot; empty on failure or after the time limit (2 s).
  // Thread-safe.
  virtual Task<std::vector<std::string>> confirmed_names(std::string address) = 0;
};

// getnameinfo/getaddrinfo on two threads of its own; answers are kept 300 s, at most 10,000 of
// them.
std::unique_ptr<Resolver> make_system_resolver(const Clock& clock);

}  // namespace mytoken::net
