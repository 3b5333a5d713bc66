// What a read and a durable write cost on PostgreSQL: a private server with fsync on, on this
// machine, reached by unix socket; coroutines in flight on one thread, eight connections. The disk
// under the temporary directory counts.
#include <benchmark/benchmark.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstdlib>

#include "sql/postgres.h"
#include "support/postgres_cluster.h"

namespace mytoken::sql {
namespace {

constexpr std::int64_t row_count = 100'000;
constexpr int each = 32;

class Fixture {
 public:
  Fixture() : log_(2, LogLevel::error, Log::Format::text) {
    auto& cluster = test::PostgresCluster::shared();
    const std::string url = cluster.fresh_schema();
    PostgresOptions options;
    options.url = Secret(url);
    auto opened = open_postgres(options, log_);
    if (!opened) std::abort();
    database = std::move(*opened);
    const Migration tables{
        1, "bench",
        "CREATE TABLE doc (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, used INTEGER NOT NULL,"
        " body TEXT NOT NULL) STRICT;"};
    if (!database->migrate({tables})) std::abort();
    cluster.admin(
        "INSERT INTO doc SELECT i, 'key-' || i, 0, repeat('d', 300) FROM generate_series(0, " +
            std::to_string(row_count - 1) + ") i; ANALYZE doc",
        url);
  }
  std::unique_ptr<PostgresDatabase> database;

 private:
  Log log_;
};

Fixture& fixture() {
  static Fixture one;
  return one;
}

std::int64_t next_row() {
  static std::int64_t position = 0;
  position = (position + 7919) % row_count;
  return position;
}

Task<void> read_some(Database& database, std::int64_t selects, bool& failed) {
  for (int i = 0; i < each; ++i) {
    const std::int64_t row = next_row();
    auto work = [row, selects](Connection& connection) -> Result<std::size_t> {
      std::size_t size = 0;
      for (std::int64_t k = 0; k < selects; ++k) {
        auto found = connection.one(
            "SELECT body FROM doc WHERE key = $1", [](const Row& r) { return r.text(0).size(); },
            "key-" + std::to_string((row + k) % row_count));
        if (!found) return fail(found.error());
        size += found->value_or(0);
      }
      return size;
    };
    auto size = co_await database.read(work);
    if (!size || *size != 300u * static_cast<std::size_t>(selects)) failed = true;
  }
}

Task<void> update_some(Database& database, bool& failed) {
  for (int i = 0; i < each; ++i) {
    const std::int64_t row = next_row();
    auto work = [row](Transaction& transaction) {
      return transaction.execute("UPDATE doc SET used = used + 1 WHERE id = $1 AND used < $2", row,
                                 1'000'000);
    };
    auto changed = co_await database.write(work);
    if (!changed || *changed != 1) failed = true;
  }
}

template <class Start>
void run(benchmark::State& state, std::int64_t in_flight, Start start) {
  Database& database = *fixture().database;
  bool failed = false;
  const auto before = fixture().database->counters();
  for (auto _ : state) {
    asio::io_context context(1);
    for (std::int64_t i = 0; i < in_flight; ++i)
      asio::co_spawn(context, start(database, failed), asio::detached);
    context.run();
  }
  if (failed) state.SkipWithError("failed");
  const auto items = state.iterations() * in_flight * each;
  state.SetItemsProcessed(items);
  const auto trips = fixture().database->counters().round_trips - before.round_trips;
  state.counters["round_trips"] = static_cast<double>(trips) / static_cast<double>(items);
}

void read(benchmark::State& state) {
  const std::int64_t selects = state.range(1);
  run(state, state.range(0),
      [selects](Database& database, bool& failed) { return read_some(database, selects, failed); });
}
BENCHMARK(read)
    ->ArgNames({"in_flight", "selects"})
    ->Args({1, 1})
    ->Args({8, 1})
    ->Args({64, 1})
    ->Args({1, 3})
    ->Args({64, 3})
    ->UseRealTime();

void update(benchmark::State& state) {
  run(state, state.range(0),
      [](Database& database, bool& failed) { return update_some(database, failed); });
}
BENCHMARK(update)->ArgName("in_flight")->Arg(1)->Arg(8)->Arg(64)->UseRealTime();

}  // namespace
}  // namespace mytoken::sql
