// Rules of a worker: nobody is told of success before the commit was confirmed; a commit that was
// sent is never sent again; a read that turned out to need a snapshot is remembered by the type of
// its function, which is one per place in the program, so that the others go without BEGIN and
// COMMIT.
#include "base/random.h"
#include "sql/postgres_pool.h"

namespace mytoken::sql {
namespace {

using Mode = PostgresConnection::Mode;
using std::chrono::milliseconds;

constexpr int most_attempts = 8;

}  // namespace

// Between half and all of `limit`, so that those who met do not meet again.
milliseconds PostgresPool::jittered(milliseconds limit) {
  const auto half = static_cast<std::uint64_t>(limit.count() / 2);
  return milliseconds(static_cast<std::int64_t>(half + random_below(half + 1)));
}

Result<void> PostgresPool::read_once(PostgresConnection& connection, const Read& work) {
  const std::type_index kind(work.target_type());
  bool snapshot;
  {
    std::lock_guard lock(mutex_);
    snapshot = snapshots_.contains(kind);
  }
  for (;;) {
    connection.begin(snapshot ? Mode::snapshot : Mode::single);
    auto result = guarded(work, static_cast<Connection&>(connection));
    const bool again = !snapshot && connection.needs_snapshot();
    connection.end_read();
    if (!again) return result;
    snapshot = true;
    std::lock_guard lock(mutex_);
    snapshots_.insert(kind);
  }
}

Result<void> PostgresPool::write_once(PostgresConnection& connection, const Write& work) {
  connection.begin(Mode::change);
  Transaction transaction(connection);
  auto result = guarded(work, transaction);
  if (result) return connection.commit();
  connection.rollback();
  return result;
}

Result<void> PostgresPool::connect(Worker& worker) {
  const std::uint64_t outage = outages_.load();
  if (worker.connection && worker.outage == outage) return {};
  auto opened = PostgresConnection::open(options_);
  if (!opened) {
    go_down(opened.error());
    return fail(unavailable(opened.error().cause));
  }
  adopt(worker, std::move(*opened), outage);
  return {};
}

void PostgresPool::adopt(Worker& worker, std::unique_ptr<PostgresConnection> connection,
                         std::uint64_t outage) {
  worker.connection = std::move(connection);
  worker.counted = 0;
  worker.outage = outage;
}

void PostgresPool::count(Worker& worker) {
  const std::uint64_t now = worker.connection->round_trips();
  round_trips_ += now - std::exchange(worker.counted, now);
}

Result<void> PostgresPool::attempt(Worker& worker,
                                   const std::function<Result<void>(PostgresConnection&)>& once) {
  for (int tried = 1;; ++tried) {
    if (auto connected = connect(worker); !connected) return connected;
    auto result = once(*worker.connection);
    count(worker);
    bool again = !result && result.error().code == "sql_retry";
    if (worker.connection->lost()) {
      again = again || worker.connection->may_repeat();
      if (worker.connection->timed_out()) {
        again = false;
        go_down(result ? unavailable("no answer in time") : result.error());
      }
      worker.connection.reset();
    }
    if (result || !again || tried == most_attempts) {
      if (!result) return fail(settled(std::move(result.error())));
      return result;
    }
    ++repeated_;
    std::this_thread::sleep_for(jittered(milliseconds(std::int64_t{2} << tried)));
  }
}

}  // namespace mytoken::sql
