// The fixture of tests that put the repositories to every engine: the real schema, and a clock that
// stands still.
#pragma once
#include "store/schema.h"
#include "support/manual_clock.h"
#include "unit/sql/engines.h"

namespace mytoken::store {

class StoreOnEveryEngine : public sql::EveryEngine {
 protected:
  StoreOnEveryEngine() {
    open();
    auto done = database->migrate(migrations());
    EXPECT_TRUE(done) << done.error().cause;
    clock.set(1'700'000'000);
  }

  // The value of a function in a transaction of its own.
  template <class F>
  auto in(F work) {
    std::optional<std::invoke_result_t<F&, sql::Transaction&>> result;
    const std::function<Result<void>(sql::Transaction&)> erased =
        [&](sql::Transaction& db) -> Result<void> {
      result.emplace(work(db));
      if (!*result) return fail(result->error());
      return {};
    };
    auto done = database->write_now(erased);
    if (result->has_value() && !done) *result = fail(done.error());
    return std::move(*result);
  }

  test::ManualClock clock;
};

}  // namespace mytoken::store
