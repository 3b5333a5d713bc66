// The rate limits hold for all servers together: each tells the others once a second, through the
// database, what it has counted. Nothing of it is in the way of a request; while the database is
// away each server goes on with what it knows.
#pragma once
#include <string>
#include <vector>

#include "service/context.h"

namespace mytoken::service {

// What counts, without this floor knowing how. Called on the thread that exchanges.
class SharedCounters {
 public:
  virtual ~SharedCounters() = default;
  // What the others should know; the same text as long as nothing changed.
  virtual std::string own_counts() = 0;
  // What all others have told; replaces what they told before.
  virtual void learn_counts(const std::vector<std::string>& others) = 0;
  // After this time nothing of it matters any more.
  virtual Seconds longest_window() const = 0;
};

struct Exchange {
  std::string told;   // what this server told last
  Time next_sweep{};  // when it looks for what ended servers left
};

// One exchange: at most one write, and one read.
Task<void> exchange_counts(Context& context, SharedCounters& counters, Exchange& exchange);
// Once a second until the io_context stops. `counters` outlives it.
Task<void> run_exchange(Context& context, SharedCounters& counters);

}  // namespace mytoken::service
