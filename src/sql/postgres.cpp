// The Database of a PostgreSQL server or cluster: queues work to the pool and resumes who waits.
#include "sql/postgres.h"

#include "sql/postgres_connection.h"
#include "sql/postgres_migrate.h"
#include "sql/postgres_pool.h"
#include "sql/resume.h"

namespace mytoken::sql {
namespace {

// A migration may take its time, and waits for the other server that does it.
constexpr auto migration_timeout = std::chrono::minutes(10);

class Postgres final : public PostgresDatabase {
 public:
  Postgres(const PostgresOptions& options, std::unique_ptr<PostgresConnection> first, Log& log)
      : options_(options), log_(log), pool_(options, std::move(first), log) {}

  bool write_later(std::function<Result<void>(Transaction&)> work) override {
    return pool_.submit_later(std::move(work));
  }

  Task<void> flush() override {
    auto start = [this](std::unique_ptr<Waiter> waiter) { pool_.flush(std::move(waiter)); };
    co_await until_complete(start);
  }

  Result<void> migrate(const std::vector<Migration>& migrations) override {
    PostgresOptions patient = options_;
    patient.statement_timeout = migration_timeout;
    patient.lock_timeout = migration_timeout;
    auto connection = PostgresConnection::open(patient);
    if (!connection) return fail(connection.error());
    return migrate_postgres(**connection, migrations, log_);
  }

  Result<void> read_now(const std::function<Result<void>(Connection&)>& work) override {
    return wait_for(work);
  }

  Result<void> write_now(const std::function<Result<void>(Transaction&)>& work) override {
    return wait_for(work);
  }

  PostgresCounters counters() const override { return pool_.counters(); }

 protected:
  Task<Result<void>> read_erased(std::function<Result<void>(Connection&)> work) override {
    auto start = [this, &work](std::unique_ptr<Waiter> waiter) {
      pool_.submit(std::move(work), std::move(waiter));
    };
    co_return co_await until_complete(start);
  }

  Task<Result<void>> write_erased(std::function<Result<void>(Transaction&)> work) override {
    auto start = [this, &work](std::unique_ptr<Waiter> waiter) {
      pool_.submit(std::move(work), std::move(waiter));
    };
    co_return co_await until_complete(start);
  }

 private:
  template <class Work>
  Result<void> wait_for(const Work& work) {
    auto waiter = std::make_unique<ResumeThread>();
    auto done = waiter->future();
    pool_.submit(work, std::move(waiter));
    return done.get();
  }

  const PostgresOptions options_;
  Log& log_;
  PostgresPool pool_;
};

}  // namespace

bool is_postgres_url(std::string_view url) {
  return url.starts_with("postgresql://") || url.starts_with("postgres://");
}

Result<std::unique_ptr<PostgresDatabase>> open_postgres(const PostgresOptions& options, Log& log) {
  auto first = PostgresConnection::open(options);
  if (!first) return fail(first.error());
  return std::make_unique<Postgres>(options, std::move(*first), log);
}

}  // namespace mytoken::sql
