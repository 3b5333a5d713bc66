// What a read and a durable write cost on the embedded engine: point reads in one snapshot, and
// writes with a number of coroutines in flight, which the writer thread groups. The disk under the
// temporary directory counts.
#include <benchmark/benchmark.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/random.h"
#include "sql/sqlite.h"

namespace mytoken::sql {
namespace {

constexpr std::int64_t row_count = 100'000;

class Fixture {
 public:
  Fixture() : log_(2, LogLevel::error, Log::Format::text) {
    directory_ = std::filesystem::temp_directory_path() / ("mytoken-bench-" + random_uuid());
    std::filesystem::create_directory(directory_);
    SqliteOptions options;
    options.file = directory_ / "bench.db";
    auto opened = open_sqlite(options, log_);
    if (!opened) std::abort();
    database = std::move(*opened);
    const Migration tables{1, "bench",
                           "CREATE TABLE doc (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,"
                           " body TEXT NOT NULL) STRICT;"
                           "CREATE TABLE log (id INTEGER PRIMARY KEY, at INTEGER NOT NULL,"
                           " body TEXT NOT NULL) STRICT;"};
    const std::string body(300, 'd');
    auto filled = database->migrate({tables});
    if (filled) {
      filled = database->write_now([&](Transaction& transaction) -> Result<void> {
        for (std::int64_t i = 0; i < row_count; ++i) {
          auto done = transaction.execute("INSERT INTO doc (key, body) VALUES ($1, $2)",
                                          "key-" + std::to_string(i), body);
          if (!done) return fail(done.error());
        }
        return {};
      });
    }
    if (!filled) std::abort();
  }
  ~Fixture() {
    database.reset();
    std::filesystem::remove_all(directory_);
  }
  std::unique_ptr<Database> database;

 private:
  std::filesystem::path directory_;
  Log log_;
};

Fixture& fixture() {
  static Fixture one;
  return one;
}

Result<std::size_t> select(Connection& connection, const std::string& key) {
  auto row = connection.one(
      "SELECT body FROM doc WHERE key = $1", [](const Row& r) { return r.text(0).size(); }, key);
  if (!row) return fail(row.error());
  return row->value_or(0);
}

Task<void> read_some(Database& database, benchmark::State& state, std::int64_t selects) {
  std::uint64_t position = 0;
  for (auto _ : state) {
    auto work = [&position, selects](Connection& connection) -> Result<std::size_t> {
      std::size_t sum = 0;
      for (std::int64_t i = 0; i < selects; ++i) {
        position = (position + 7919) % row_count;
        auto size = select(connection, "key-" + std::to_string(position));
        if (!size || *size != 300) return fail(internal_error("row missing"));
        sum += *size;
      }
      return sum;
    };
    auto sum = co_await database.read(work);
    if (!sum) state.SkipWithError("read failed");
    benchmark::DoNotOptimize(sum);
  }
}

// One read = one snapshot with as many point selects as the argument says.
void read(benchmark::State& state) {
  asio::io_context context(1);
  asio::co_spawn(context, read_some(*fixture().database, state, state.range(0)), asio::detached);
  context.run();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(read)->ArgName("selects")->Arg(1)->Arg(2)->Arg(8)->UseRealTime();
BENCHMARK(read)->ArgName("selects")->Arg(2)->Threads(2)->UseRealTime();

Task<void> write_some(Database& database, int count, bool& failed) {
  static const std::string body(300, 'l');
  for (int i = 0; i < count; ++i) {
    auto work = [i](Transaction& transaction) {
      return transaction.execute("INSERT INTO log (at, body) VALUES ($1, $2)", i, body);
    };
    auto done = co_await database.write(work);
    if (!done) failed = true;
  }
}

// Coroutines that each write a 300-byte row, again and again; items = durable writes.
void write(benchmark::State& state) {
  constexpr int each = 16;
  const std::int64_t in_flight = state.range(0);
  Database& database = *fixture().database;
  bool failed = false;
  for (auto _ : state) {
    asio::io_context context(1);
    for (std::int64_t i = 0; i < in_flight; ++i) {
      asio::co_spawn(context, write_some(database, each, failed), asio::detached);
    }
    context.run();
  }
  if (failed) state.SkipWithError("write failed");
  state.SetItemsProcessed(state.iterations() * in_flight * each);
}
BENCHMARK(write)->ArgName("in_flight")->Arg(1)->Arg(8)->Arg(64)->Arg(256)->UseRealTime();

}  // namespace
}  // namespace mytoken::sql
