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

// Whose address is looked up. Addresses that somebody merely wrote into a request have a queue of
// their own: however slow their zones are, whoever comes from a restricted host does not wait for
// them.
enum class AddressOf { client, request };

class Resolver {
 public:
  virtual ~Resolver() = default;
  // Confirmed names without trailing dot; empty on failure or after the time limit (2 s).
  // Thread-safe.
  virtual Task<std::vector<std::string>> confirmed_names(std::string address, AddressOf whose) = 0;
};

// getnameinfo/getaddrinfo on threads of its own, three for clients and one for other addresses;
// answers are kept 300 s, at most 10,000 of them. What nobody waits for any more is not looked up.
std::unique_ptr<Resolver> make_system_resolver(const Clock& clock);

}  // namespace mytoken::net
