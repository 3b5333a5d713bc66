// bench-server: fills a database (`fill`) or serves one (`serve`) for scripts/bench. Serving, it
// makes fresh tokens, prints its port and that of the bare server, and runs until it is ended.
#include <pthread.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "filler.h"
#include "installation.h"
#include "sql/postgres.h"
#include "sql/sqlite.h"
#include "store/schema.h"

namespace {

using namespace mytoken;

constexpr std::int64_t fill_cache_kib = 256 * 1024;

void report(const Error& error) {
  std::fprintf(stderr, "bench-server: error: %s\n", error.cause.c_str());
}

// The schema only; rows come from bench/fill_postgres.sql.
int make_schema(const std::string& url) {
  Log log(2, LogLevel::error, Log::Format::text);
  sql::PostgresOptions options;
  options.url = Secret(url);
  auto database = sql::open_postgres(options, log);
  if (!database) {
    report(database.error());
    return 1;
  }
  if (auto done = (*database)->migrate(store::migrations()); !done) {
    report(done.error());
    return 1;
  }
  return 0;
}

int fill_database(const std::filesystem::path& folder, std::int64_t tokens) {
  Log log(2, LogLevel::error, Log::Format::text);
  const SystemClock clock;
  sql::SqliteOptions options;
  options.file = folder / "mytoken.sqlite";
  options.cache_kib = fill_cache_kib;
  auto database = sql::open_sqlite(options, log);
  Result<void> done;
  if (!database) {
    done = fail(database.error());
  } else {
    done = (*database)->migrate(store::migrations());
    if (done) done = bench::fill(**database, clock, tokens, std::string(bench::in_process_issuer));
  }
  if (done) return 0;
  report(done.error());
  return 1;
}

int serve(bench::InstallationOptions options, std::size_t used, bench::Shape shape) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  // Blocked before threads start, so that sigwait gets them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  bench::Installation installation(std::move(options));
  if (used > 0) installation.make_tokens(used, shape);
  std::printf("%d %d\n", int{installation.port()}, int{installation.bare_port()});
  std::fflush(stdout);
  int received = 0;
  sigwait(&signals, &received);
  installation.stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  bench::InstallationOptions options;
  std::string folder;
  std::string database;
  std::string algorithm = "ES512";
  std::int64_t tokens = 1000;
  std::size_t used = 1024;
  std::string shape = "usual";
  int delay = 0;

  CLI::App app("The server of the benchmarks");
  app.require_subcommand(1);
  app.add_option("--folder", folder, "of keys, journals, and the embedded database")->required();
  app.add_option("--database", database, "URL of PostgreSQL instead of the embedded one");
  CLI::App* fill_command = app.add_subcommand(
      "fill", "make a database with stored tokens (of PostgreSQL: the schema only)");
  fill_command->add_option("--tokens", tokens);
  CLI::App* serve_command = app.add_subcommand("serve", "serve the database");
  serve_command->add_option("--used", used, "tokens to make for the load");
  serve_command->add_option("--shape", shape, "of these: usual, rotating, chain, history, crowd");
  serve_command->add_option("--algorithm", algorithm, "of the signing key");
  serve_command->add_option("--issuer", options.issuer, "provider; without it one in the process");
  serve_command->add_option("--delay", delay, "milliseconds, of the provider in the process");
  serve_command->add_option("--threads", options.threads);
  serve_command->add_flag("--rotating", options.rotating, "the provider in the process rotates");
  CLI11_PARSE(app, argc, argv);

  try {
    if (*fill_command)
      return database.empty() ? fill_database(folder, tokens) : make_schema(database);
    const auto parsed = crypto::parse_algorithm(algorithm);
    if (!parsed) throw std::runtime_error("unknown algorithm " + algorithm);
    options.folder = folder;
    options.database_url = Secret(database);
    options.algorithm = *parsed;
    options.delay = std::chrono::milliseconds(delay);
    return serve(std::move(options), used, bench::parse_shape(shape));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-server: error: %s\n", error.what());
    return 1;
  }
}
