// Loads for the model; see plan.h.
#include "simulation/plan.h"

#include <algorithm>
#include <cmath>

namespace mytoken::bench::sim {
namespace {

// Of one server to one database.
constexpr std::size_t most_connections = 400;

double seconds_of(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count()) * 1e-9;
}

Process job(Scheduler& scheduler, Site& site, const Day& day, std::uint64_t family, double begin) {
  co_await scheduler.at(begin);
  for (double due = begin; due < day.length; due += day.renewal) {
    const double early = due > begin ? day.renewal_spread * site.random().uniform() : 0;
    co_await scheduler.at(due - early);
    (void)co_await site.get_token(family);
  }
}

Process ask(Site& site, std::uint64_t family) {
  (void)co_await site.get_token(family);
}

// Requests of `families` other families, numbered from `first`.
Process arrivals(Scheduler& scheduler, Site& site, double per_second, double until,
                 std::uint64_t first, double families) {
  for (;;) {
    co_await scheduler.delay(site.random().exponential(1 / per_second));
    if (scheduler.now() >= until) break;
    ask(site, first + site.random().below(static_cast<std::uint64_t>(families)));
  }
}

Process closed(Scheduler& scheduler, Site& site, std::uint64_t family, double until) {
  while (scheduler.now() < until)
    (void)co_await site.get_token(family);
}

Period period(std::string name, double from, double until) {
  Period one;
  one.name = std::move(name);
  one.from = from;
  one.until = until;
  return one;
}

}  // namespace

Work work_of(const Costs& costs, const Assumptions& assumptions, bool alone) {
  Work work;
  const bool seen = alone || assumptions.tokens_seen_before;
  work.server = costs.seconds_of_us(seen ? "server_us" : "server_first_seen_us");
  const double database = costs.seconds_of_us("backends_us") + costs.seconds_of_us("background_us");
  work.read = database * share_of_read;
  work.reserve = database * share_of_reserve;
  work.settle = database * share_of_settle;
  work.successor = alone ? 0 : costs.seconds_of_us("successor_us");
  work.load = costs.seconds_of_us("load_us");
  work.sync = costs.seconds_of_ms("sync_ms");
  const int trips = static_cast<int>(std::lround(costs.value("round_trips")));
  work.trips[1] = std::max(1, trips - 2);  // read and settle make one
  if (alone) return work;
  work.network = assumptions.network;
  work.replication = assumptions.replication;
  // Two commits share the bytes of an access token.
  work.sync_each = costs.value("wal_bytes_cold") / 2 / assumptions.log_bandwidth;
  return work;
}

std::vector<Period> simulate_day(Shape shape, const Day& day) {
  const auto at = [](double hours, double seconds) { return hours * 3600 + seconds; };
  shape.slow = {at(10, 0), at(10.25, 0)};
  shape.failover = {at(12, 0), at(12, 30)};
  shape.lost_at = at(14, 1);
  // The first that matches counts.
  std::vector<Period> periods = {
      period("mass start, 5 min", day.start, day.start + 300),
      period("a renewal, 5 min (9:00)", at(9, 0), at(9, 300)),
      period("slow provider, 15 min", at(10, 0), at(10.25, 0)),
      period("after it, 15 min", at(10.25, 0), at(10.5, 0)),
      period("fail-over, 2 min", at(12, 0), at(12, 120)),
      period("server lost, 2 min", at(14, 0), at(14, 120)),
      period("a renewal, one server less (15:00)", at(15, 0), at(15, 300)),
      period("night", 0, day.start),
      period("rest of the day", day.start, day.length),
  };
  Scheduler scheduler;
  Site site(scheduler, shape, std::move(periods));
  site.observe(day.length);
  const auto families = static_cast<std::uint64_t>(std::max(1, day.jobs / day.jobs_of_family));
  for (int i = 0; i < day.jobs; ++i) {
    const double begin = day.start + day.start_spread * site.random().uniform();
    job(scheduler, site, day, static_cast<std::uint64_t>(i) % families, begin);
  }
  if (day.background > 0) arrivals(scheduler, site, day.background, day.length, families, 1e6);
  scheduler.run();
  return site.periods();
}

Sized simulate_rate(Shape shape, const Rate& rate) {
  Scheduler scheduler;
  constexpr double warm_up = 1;
  const double end = warm_up + rate.seconds;
  Site site(scheduler, shape, {period("constant rate", warm_up, end)});
  site.observe(end);
  arrivals(scheduler, site, rate.per_second, end, 0, rate.families);
  scheduler.run();
  Sized sized;
  sized.servers = shape.servers;
  sized.databases = shape.databases;
  sized.connections = shape.connections;
  sized.period = site.periods().front();
  sized.log_writes = static_cast<double>(site.log_writes()) / end / shape.databases;
  const Period& got = sized.period;
  sized.fits = got.unavailable == 0 && seconds_of(got.answers.quantile(0.99)) <= rate.longest_p99 &&
               got.mean_server_load <= rate.highest_load &&
               got.mean_database_load <= rate.highest_load;
  return sized;
}

std::vector<Sized> find_size(Shape shape, const Rate& rate) {
  std::vector<Sized> tried;
  const auto attempt = [&](int servers, int databases) {
    shape.servers = servers;
    shape.databases = databases;
    tried.push_back(simulate_rate(shape, rate));
    return tried.back().fits;
  };
  const Work& work = shape.work;
  const double of_database =
      work.read + work.reserve + work.settle + (shape.rotating ? work.successor : 0);
  const auto least = [&](double seconds, unsigned processors) {
    return std::max(1, static_cast<int>(std::ceil(rate.per_second * seconds /
                                                  (processors * rate.highest_load))));
  };
  // What processors and the log's bytes ask for at least; queues may ask for more.
  int servers = least(work.server, shape.server_processors);
  int databases = least(std::max(of_database, 2 * work.sync_each * shape.database_processors),
                        shape.database_processors);
  for (int tries = 0; tries < 20; ++tries) {
    if (attempt(servers, databases)) break;
    const Period& got = tried.back().period;
    if (got.mean_server_load > rate.highest_load) {
      servers += std::max(1, servers / 50);
    } else if (got.mean_database_load > rate.highest_load) {
      databases += std::max(1, databases / 10);
    } else if (got.connection_queue > shape.connections && shape.connections < most_connections) {
      shape.connections += std::max<std::size_t>(4, shape.connections / 2);
    } else {
      databases += std::max(1, databases / 4);
    }
  }
  return tried;
}

Closed simulate_closed(Shape shape, int clients, double seconds) {
  shape.one_machine = true;
  shape.servers = 1;
  shape.databases = 1;
  Scheduler scheduler;
  constexpr double warm_up = 0.2;
  const double end = warm_up + seconds;
  Site site(scheduler, shape, {period("closed", warm_up, end)});
  for (int i = 0; i < clients; ++i)
    closed(scheduler, site, static_cast<std::uint64_t>(i), end);
  scheduler.run();
  const Period& got = site.periods().front();
  Closed result;
  result.per_second = static_cast<double>(got.answers.count()) / seconds;
  result.p50 = seconds_of(got.answers.quantile(0.5));
  result.p99 = seconds_of(got.answers.quantile(0.99));
  result.machine_load =
      site.database_busy() / scheduler.now() / static_cast<double>(shape.server_processors);
  return result;
}

}  // namespace mytoken::bench::sim
