// What the engines' threads share: who waits for a result, and how a function given to Database is
// called. Knows no coroutines (sql/resume.h does). Private to the drivers.
#pragma once
#include <exception>
#include <string>
#include <utility>

#include "base/error.h"

namespace mytoken::sql {

class Waiter {
 public:
  virtual ~Waiter() = default;
  // Called once, on any thread; must neither block nor throw.
  virtual void complete(Result<void> result) = 0;
};

// Runs a function given to Database; an exception becomes internal_server_error, for exceptions do
// not cross floors.
template <class Work, class Target>
Result<void> guarded(const Work& work, Target& target) {
  try {
    return work(target);
  } catch (const std::exception& problem) {
    return fail(internal_error(std::string("exception in database work: ") + problem.what()));
  } catch (...) {
    return fail(internal_error("unknown exception in database work"));
  }
}

// What a caller of Database hears of a serialisation failure that did not go away.
inline Error settled(Error error) {
  return error.code == "sql_retry" ? unavailable(std::move(error.cause)) : error;
}

}  // namespace mytoken::sql
