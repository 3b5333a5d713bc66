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
#include "sql/sqlite.h"
#include "store/schema.h"

namespace {

using namespace mytoken;

constexpr std::int64_t fill_cache_kib = 256 * 1024;

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
  std::fprintf(stderr, "bench-server: error: %s\n", done.error().cause.c_str());
  return 1;
}

int serve(bench::InstallationOptions options, std::size_t used) {
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
  installation.make_tokens(used);
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
  std::string algorithm = "ES512";
  std::int64_t tokens = 1000;
  std::size_t used = 1024;
  int delay = 0;

  CLI::App app("The server of the benchmarks");
  app.require_subcommand(1);
  app.add_option("--folder", folder, "of the database")->required();
  CLI::App* fill_command = app.add_subcommand("fill", "make a database with stored tokens");
  fill_command->add_option("--tokens", tokens);
  CLI::App* serve_command = app.add_subcommand("serve", "serve the database");
  serve_command->add_option("--used", used, "tokens to make for the load");
  serve_command->add_option("--algorithm", algorithm, "of the signing key");
  serve_command->add_option("--issuer", options.issuer, "provider; without it one in the process");
  serve_command->add_option("--delay", delay, "milliseconds, of the provider in the process");
  serve_command->add_option("--threads", options.threads);
  CLI11_PARSE(app, argc, argv);

  try {
    if (*fill_command) return fill_database(folder, tokens);
    const auto parsed = crypto::parse_algorithm(algorithm);
    if (!parsed) throw std::runtime_error("unknown algorithm " + algorithm);
    options.folder = folder;
    options.algorithm = *parsed;
    options.delay = std::chrono::milliseconds(delay);
    return serve(std::move(options), used);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-server: error: %s\n", error.what());
    return 1;
  }
}
