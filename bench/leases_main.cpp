// bench-leases: many servers in one process, without HTTP. Each has what makes a server one for the
// others: a name in leases, connections to the database, a journal, a memory of its own. Each works
// on one request at a time, so the time of each step can be told. Prints one line of key=value.
#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <cstdio>
#include <exception>
#include <fstream>
#include <thread>

#include "base/random.h"
#include "histogram.h"
#include "in_process_provider.h"
#include "installation.h"
#include "service/access.h"
#include "sql/postgres.h"
#include "timed.h"

namespace {

using namespace mytoken;
using Clock = std::chrono::steady_clock;

struct Plan {
  std::string folder;
  std::string database;
  std::size_t servers = 32;
  std::size_t connections = 1;  // of each server
  std::size_t tokens = 1024;    // with refresh tokens of their own, used in turn
  double seconds = 4;
  int delay = 0;  // milliseconds, of the provider
  bool rotating = false;
};

// One of the servers.
struct Server {
  Server(const Plan& plan, const bench::Installation& site, service::Context& like,
         std::size_t number, Log& log)
      : provider(std::string(bench::in_process_issuer), std::chrono::milliseconds(plan.delay),
                 plan.rotating),
        timed_provider(provider, steps) {
    sql::PostgresOptions options;
    options.url = Secret(plan.database);
    options.connections = plan.connections;
    auto opened = sql::open_postgres(options, log);
    if (!opened) throw std::runtime_error(opened.error().cause);
    database = std::move(*opened);
    timed_database = std::make_unique<bench::TimedDatabase>(*database, steps);
    const std::string name = "server-" + std::to_string(number);
    auto book = service::Journal::open(std::filesystem::path(plan.folder) / name, log);
    if (!book) throw std::runtime_error(book.error().cause);
    journal = std::move(*book);
    providers.add(
        std::make_shared<oidc::Provider>(site.provider_settings(), timed_provider, clock, log));
    service::Settings settings = like.settings;
    settings.several_servers = true;
    context.reset(new service::Context{settings, *timed_database, providers, like.signing_key,
                                       like.verification_keys, like.installation_secret,
                                       like.resolver, clock, log, name, *journal});
  }

  SystemClock clock;
  bench::Steps steps;
  bench::InProcessProvider provider;
  bench::TimedClient timed_provider;
  std::unique_ptr<sql::PostgresDatabase> database;
  std::unique_ptr<bench::TimedDatabase> timed_database;
  std::unique_ptr<service::Journal> journal;
  oidc::Providers providers;
  std::unique_ptr<service::Context> context;
};

struct Totals {
  bench::Histogram latencies;
  bench::Steps steps;
  std::uint64_t failed = 0;
  std::string failure;
};

// One request after the other until the end; those that began after `from` count.
Task<void> work(Server& server, const std::vector<std::string>& tokens, std::size_t next,
                std::size_t stride, Clock::time_point from, Clock::time_point until,
                Totals& totals) {
  while (Clock::now() < until) {
    service::AccessRequest request;
    request.presentation.text = Secret(tokens[next % tokens.size()]);
    request.presentation.client = {"192.0.2.1", "bench/1"};
    request.presentation.arrival = server.clock.precise();
    next += stride;
    server.steps = {};
    const auto begin = Clock::now();
    auto answer = co_await service::access_token(*server.context, std::move(request));
    if (begin < from) continue;
    if (!answer) {
      ++totals.failed;
      if (totals.failure.empty())
        totals.failure = answer.error().description + " " + answer.error().cause;
      continue;
    }
    totals.latencies.record(Clock::now() - begin);
    totals.steps.read += server.steps.read;
    totals.steps.reserve += server.steps.reserve;
    totals.steps.provider += server.steps.provider;
    totals.steps.settle += server.steps.settle;
    totals.steps.reserve_tries += server.steps.reserve_tries;
  }
}

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::vector<std::string> lines;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

double milliseconds(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

void run(const Plan& plan) {
  bench::InstallationOptions options;
  options.folder = plan.folder;
  options.database_url = Secret(plan.database);
  options.algorithm = crypto::Algorithm::es256;
  bench::Installation site(options);
  site.make_tokens(plan.tokens);
  const auto tokens = lines_of(options.folder / "jwt");

  Log log(2, LogLevel::error, Log::Format::text);
  asio::io_context threads[2] = {asio::io_context(1), asio::io_context(1)};
  std::vector<std::unique_ptr<Server>> servers;
  for (std::size_t i = 0; i < plan.servers; ++i)
    servers.push_back(std::make_unique<Server>(plan, site, site.context(), i, log));
  const auto from = Clock::now() + std::chrono::milliseconds(1000);
  const auto until = from + std::chrono::milliseconds(static_cast<long>(plan.seconds * 1000));
  std::vector<Totals> totals(plan.servers);
  for (std::size_t i = 0; i < plan.servers; ++i) {
    // Neighbours in the list begin far from each other, or they would follow the same tokens.
    const std::size_t first = i * tokens.size() / plan.servers;
    auto rethrow = [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    };
    asio::co_spawn(threads[i % 2].get_executor(),
                   work(*servers[i], tokens, first, 1, from, until, totals[i]), rethrow);
  }
  std::uint64_t trips_before = 0;
  {
    // They join where this block ends, also by an exception of a request.
    const std::jthread other([&] { threads[1].run(); });
    const std::jthread counter([&] {
      std::this_thread::sleep_until(from);
      for (const auto& server : servers)
        trips_before += server->database->counters().round_trips;
    });
    threads[0].run();
  }
  std::uint64_t trips = 0;
  std::uint64_t repeated = 0;
  for (const auto& server : servers) {
    trips += server->database->counters().round_trips;
    repeated += server->database->counters().repeated;
  }
  bench::Histogram latencies;
  bench::Steps steps;
  std::uint64_t failed = 0;
  std::string failure;
  for (const Totals& one : totals) {
    latencies.add(one.latencies);
    steps.read += one.steps.read;
    steps.reserve += one.steps.reserve;
    steps.provider += one.steps.provider;
    steps.settle += one.steps.settle;
    steps.reserve_tries += one.steps.reserve_tries;
    failed += one.failed;
    if (failure.empty()) failure = one.failure;
  }
  const auto count = static_cast<double>(std::max<std::uint64_t>(latencies.count(), 1));
  std::printf(
      "requests=%.0f failed=%lu rps=%.1f p50=%.3f p99=%.3f read=%.3f reserve=%.3f tries=%.3f "
      "provider=%.3f settle=%.3f trips=%.3f repeated=%lu\n",
      static_cast<double>(latencies.count()), static_cast<unsigned long>(failed),
      static_cast<double>(latencies.count()) / plan.seconds, milliseconds(latencies.quantile(0.5)),
      milliseconds(latencies.quantile(0.99)), milliseconds(steps.read) / count,
      milliseconds(steps.reserve) / count, steps.reserve_tries / count,
      milliseconds(steps.provider) / count, milliseconds(steps.settle) / count,
      static_cast<double>(trips - trips_before) / count, static_cast<unsigned long>(repeated));
  if (failed > 0) std::fprintf(stderr, "bench-leases: the first failure: %s\n", failure.c_str());
  site.stop();
}

}  // namespace

int main(int argc, char** argv) {
  Plan plan;
  CLI::App app("Many servers in one process that contend for refresh tokens");
  app.add_option("--folder", plan.folder, "of key, tokens and journals")->required();
  app.add_option("--database", plan.database, "URL of PostgreSQL")->required();
  app.add_option("--servers", plan.servers);
  app.add_option("--connections", plan.connections, "of each server");
  app.add_option("--tokens", plan.tokens, "with refresh tokens of their own");
  app.add_option("--seconds", plan.seconds);
  app.add_option("--delay", plan.delay, "milliseconds, of the provider");
  app.add_flag("--rotating", plan.rotating, "the provider rotates refresh tokens");
  CLI11_PARSE(app, argc, argv);
  try {
    run(plan);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-leases: error: %s\n", error.what());
    return 1;
  }
  return 0;
}
