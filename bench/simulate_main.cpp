// bench-simulate: the model of a site with measured costs. `day` replays a day of a large site,
// `size` finds the number of machines for a rate, `closed` is a benchmark on one machine, for
// comparison with a real one. The same seed gives the same output.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "simulation/plan.h"

namespace {

using namespace mytoken::bench;

double seconds(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count()) * 1e-9;
}

void print_shape(const sim::Shape& shape) {
  std::printf("seed %lu; %d servers of %u processors, %d databases of %u processors, ",
              static_cast<unsigned long>(shape.seed), shape.servers, shape.server_processors,
              shape.databases, shape.database_processors);
  std::printf("%zu connections of a server to each, %d providers of %.0f ms, %s\n",
              shape.connections, shape.providers, shape.provider_seconds * 1000,
              shape.rotating ? "rotating" : "not rotating");
  const sim::Work& work = shape.work;
  std::printf(
      "µs of an access token: server %.0f, database %.0f (successor %.0f); "
      "log write %.2f ms, network %.2f ms, standby %.2f ms\n",
      work.server * 1e6, (work.read + work.reserve + work.settle) * 1e6, work.successor * 1e6,
      work.sync * 1e3, work.network * 1e3, work.replication * 1e3);
}

void print_header() {
  std::printf("%-36s %9s %6s %6s %8s %8s %8s %9s %9s %7s %7s %7s %6s %6s\n", "period", "requests",
              "503", "broken", "p50 ms", "p99 ms", "wait p99", "in flight", "turn q", "conn q",
              "srv q", "db q", "srv %", "db %");
}

void print(const sim::Period& period) {
  std::printf(
      "%-36s %9lu %6lu %6lu %8.1f %8.0f %7.1fs %9zu %9zu %7zu %7zu %7zu %2.0f/%-3.0f "
      "%2.0f/%-3.0f\n",
      period.name.c_str(), static_cast<unsigned long>(period.requests),
      static_cast<unsigned long>(period.unavailable), static_cast<unsigned long>(period.broken),
      seconds(period.answers.quantile(0.5)) * 1e3, seconds(period.answers.quantile(0.99)) * 1e3,
      seconds(period.waits.quantile(0.99)), period.in_flight, period.turn_queue,
      period.connection_queue, period.server_queue, period.database_queue,
      period.mean_server_load * 100, period.server_load * 100, period.mean_database_load * 100,
      period.database_load * 100);
}

void day(const sim::Shape& shape, const sim::Day& wanted) {
  print_shape(shape);
  std::printf(
      "%d jobs, %d of a refresh token, all begin at 8:00 within %.0f s and renew every "
      "%.0f s (spread over %.0f s before); %.0f other requests a second\n",
      wanted.jobs, wanted.jobs_of_family, wanted.start_spread, wanted.renewal,
      wanted.renewal_spread, wanted.background);
  print_header();
  std::uint64_t requests = 0;
  std::uint64_t answered = 0;
  for (const sim::Period& period : sim::simulate_day(shape, wanted)) {
    print(period);
    requests += period.requests;
    answered += period.waits.count();
  }
  std::printf("%lu requests, %lu answered with a token in the end\n",
              static_cast<unsigned long>(requests), static_cast<unsigned long>(answered));
}

void size(const sim::Shape& shape, const sim::Rate& rate, const sim::Costs& costs) {
  print_shape(shape);
  std::printf(
      "%.0f access tokens a second of %.0f families; at most %.0f ms p99 and %.0f %% load\n",
      rate.per_second, rate.families, rate.longest_p99 * 1e3, rate.highest_load * 100);
  std::printf("%8s %10s %11s %8s %8s %8s %7s %7s %14s %5s\n", "servers", "databases", "connections",
              "p50 ms", "p99 ms", "503", "srv %", "db %", "log writes/s", "fits");
  for (const sim::Sized& one : sim::find_size(shape, rate)) {
    std::printf("%8d %10d %11zu %8.2f %8.2f %8lu %7.0f %7.0f %14.0f %5s\n", one.servers,
                one.databases, one.connections, seconds(one.period.answers.quantile(0.5)) * 1e3,
                seconds(one.period.answers.quantile(0.99)) * 1e3,
                static_cast<unsigned long>(one.period.unavailable),
                one.period.mean_server_load * 100, one.period.mean_database_load * 100,
                one.log_writes, one.fits ? "yes" : "no");
  }
  std::printf("log: %.0f MB/s with every token cold, %.0f MB/s with hot ones\n",
              rate.per_second * costs.value("wal_bytes_cold") / 1e6,
              rate.per_second * costs.value("wal_bytes") / 1e6);
}

void closed(sim::Shape shape, const std::vector<int>& clients, double span) {
  std::printf("%8s %12s %9s %9s\n", "clients", "requests/s", "p50 ms", "p99 ms");
  for (const int count : clients) {
    const sim::Closed got = sim::simulate_closed(shape, count, span);
    std::printf("%8d %12.0f %9.2f %9.2f\n", count, got.per_second, got.p50 * 1e3, got.p99 * 1e3);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string file = "bench/costs.txt";
  sim::Shape shape;
  sim::Assumptions assumptions;
  sim::Day wanted;
  sim::Rate rate;
  bool still = false;
  std::vector<std::string> changes;
  std::vector<int> clients = {1, 8, 64};
  double provider_ms = 150;
  double available = 2;
  double span = 5;

  CLI::App app("A site of many servers, simulated with measured costs");
  app.require_subcommand(1);
  app.add_option("--costs", file, "as scripts/bench writes it")->capture_default_str();
  app.add_option("--set", changes, "NAME=VALUE instead of the file's value, for what-if");
  app.add_option("--seed", shape.seed)->capture_default_str();
  app.add_option("--servers", shape.servers)->capture_default_str();
  app.add_option("--server-processors", shape.server_processors)->capture_default_str();
  app.add_option("--connections", shape.connections)->capture_default_str();
  app.add_option("--databases", shape.databases)->capture_default_str();
  app.add_option("--database-processors", shape.database_processors)->capture_default_str();
  app.add_option("--speed", shape.speed, "of a processor, 1 = as measured")->capture_default_str();
  app.add_option("--providers", shape.providers)->capture_default_str();
  app.add_option("--provider-ms", provider_ms, "mean time of an answer")->capture_default_str();
  app.add_option("--provider-parallel", shape.provider_parallel)->capture_default_str();
  app.add_option("--slow-seconds", shape.slow_seconds, "of the slow one")->capture_default_str();
  app.add_flag("--still", still, "refresh tokens are not rotated and take no turns");
  app.add_option("--network", assumptions.network, "seconds of a round trip")
      ->capture_default_str();
  app.add_option("--replication", assumptions.replication, "seconds of a commit")
      ->capture_default_str();
  app.add_option("--log-bandwidth", assumptions.log_bandwidth, "bytes a second of one database")
      ->capture_default_str();
  app.add_flag("--tokens-seen", assumptions.tokens_seen_before, "no signature is verified");
  CLI::App* day_command = app.add_subcommand("day", "a day with a mass start and faults");
  day_command->add_option("--jobs", wanted.jobs)->capture_default_str();
  day_command->add_option("--jobs-of-family", wanted.jobs_of_family)->capture_default_str();
  day_command->add_option("--start-spread", wanted.start_spread)->capture_default_str();
  day_command->add_option("--renewal", wanted.renewal)->capture_default_str();
  day_command->add_option("--renewal-spread", wanted.renewal_spread)->capture_default_str();
  day_command->add_option("--background", wanted.background)->capture_default_str();
  CLI::App* size_command = app.add_subcommand("size", "machines for a rate");
  size_command->add_option("--rate", rate.per_second)->capture_default_str();
  size_command->add_option("--families", rate.families)->capture_default_str();
  size_command->add_option("--p99", rate.longest_p99, "seconds")->capture_default_str();
  size_command->add_option("--load", rate.highest_load)->capture_default_str();
  CLI::App* closed_command = app.add_subcommand("closed", "clients that ask again at once");
  closed_command->add_option("--clients", clients)->capture_default_str();
  closed_command->add_option("--available", available, "processors that others leave, of 2");
  closed_command->add_option("--seconds", span)->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  try {
    sim::Costs costs = sim::Costs::load(file);
    std::printf("%s", costs.origin().c_str());
    for (const std::string& change : changes) {
      const std::size_t equals = change.find('=');
      if (equals == std::string::npos) throw std::runtime_error(change + ": expected NAME=VALUE");
      const std::string name = change.substr(0, equals);
      (void)costs.value(name);  // there must be one
      costs.set(name, std::stod(change.substr(equals + 1)));
      std::printf("changed: %s\n", change.c_str());
    }
    shape.rotating = !still;
    shape.provider_seconds = provider_ms / 1000;
    shape.work = sim::work_of(costs, assumptions, static_cast<bool>(*closed_command));
    if (*day_command) day(shape, wanted);
    if (*size_command) size(shape, rate, costs);
    if (*closed_command) {
      shape.server_processors = 2;
      shape.speed = available / 2;
      closed(shape, clients, span);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-simulate: error: %s\n", error.what());
    return 1;
  }
  return 0;
}
