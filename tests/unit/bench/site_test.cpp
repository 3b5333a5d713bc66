// The model of a site where its results are known: nothing in the way, one thing in the way, and
// nothing lost when something breaks.
#include "simulation/site.h"

#include <gtest/gtest.h>

#include "simulation/plan.h"

namespace mytoken::bench::sim {
namespace {

Costs costs() {
  return Costs::parse(
      "# of a test\nserver_us = 100\nserver_first_seen_us = 300\nbackends_us = 180\n"
      "background_us = 20\nsuccessor_us = 50\nload_us = 30\nsync_ms = 1\nround_trips = 3\n"
      "wal_bytes_cold = 20000\n",
      "test");
}

Shape shape() {
  Shape shape;
  shape.work = work_of(costs(), {}, false);
  shape.providers = 1;
  shape.provider_seconds = 0;
  return shape;
}

Process ask(Site& site, std::uint64_t family, int& granted) {
  (void)co_await site.get_token(family);
  ++granted;
}

Period whole(double until) {
  Period period;
  period.until = until;
  return period;
}

double seconds(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count()) * 1e-9;
}

TEST(Costs, a_value_that_is_missing_and_a_line_that_is_none_are_named) {
  EXPECT_THROW(
      try { (void)costs().value("no_such_cost"); } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "test: no value for no_such_cost");
        throw;
      },
      std::runtime_error);
  EXPECT_THROW(
      try {
        (void)Costs::parse("a = 1\nb = x\n", "file");
      } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "file:2: expected `name = number`, found `b = x`");
        throw;
      },
      std::runtime_error);
  EXPECT_EQ(costs().origin(), "of a test\n");
}

TEST(Site, a_request_alone_takes_the_sum_of_its_parts) {
  Scheduler scheduler;
  Shape alone = shape();
  alone.rotating = false;
  Site site(scheduler, alone, {whole(10)});
  int granted = 0;
  ask(site, 1, granted);
  scheduler.run();
  EXPECT_EQ(granted, 1);
  // Server 300 µs, database 200 µs, three round trips of 300 µs, two commits of 1 ms log, 0.8 ms
  // standby and 10 kB each.
  const double expected = 300e-6 + 200e-6 + 3 * 300e-6 + 2 * (1e-3 + 0.8e-3 + 10e3 / 300e6);
  EXPECT_NEAR(scheduler.now(), expected, 1e-9);
}

TEST(Site, a_rotated_refresh_token_is_stored_with_the_settling) {
  Scheduler scheduler;
  Site site(scheduler, shape(), {whole(10)});
  int granted = 0;
  ask(site, 1, granted);
  scheduler.run();
  const double expected = 300e-6 + 200e-6 + 50e-6 + 3 * 300e-6 + 2 * (1.8e-3 + 10e3 / 300e6);
  EXPECT_NEAR(scheduler.now(), expected, 1e-9);
}

TEST(Site, requests_on_one_refresh_token_go_one_after_the_other_on_any_number_of_servers) {
  Shape contended = shape();
  contended.servers = 3;
  contended.provider_seconds = 0.1;  // 50 ms at least
  Scheduler scheduler;
  Site site(scheduler, contended, {whole(1000)});
  int granted = 0;
  for (int i = 0; i < 30; ++i)
    ask(site, 5, granted);
  scheduler.run();
  EXPECT_EQ(granted, 30);
  EXPECT_GT(scheduler.now(), 30 * 0.05);
  EXPECT_GT(site.lease_tries(), 30u);  // servers met at the lease

  Scheduler other;
  Site parallel(other, contended, {whole(1000)});
  for (std::uint64_t i = 0; i < 30; ++i)
    ask(parallel, i, granted);
  other.run();
  EXPECT_LT(other.now(), 1.0);
  EXPECT_EQ(parallel.lease_tries(), 30u);
}

TEST(Site, loads_and_throughput_agree_with_the_costs) {
  Shape busy = shape();
  busy.rotating = false;
  Rate rate;
  rate.per_second = 20'000;
  rate.seconds = 3;
  busy.servers = 3;  // of 4 processors: 20,000 x 300 µs of 12
  busy.database_processors = 8;
  busy.connections = 100;
  busy.work.sync_each = 0;
  const Sized got = simulate_rate(busy, rate);
  EXPECT_NEAR(got.period.mean_server_load, 0.5, 0.01);
  EXPECT_NEAR(got.period.mean_database_load, 0.5, 0.01);
  EXPECT_NEAR(static_cast<double>(got.period.requests), 60'000, 1000);
}

TEST(Site, one_machine_gives_as_many_as_its_processors_can) {
  Shape machine;
  machine.work = work_of(costs(), {}, true);
  machine.work.sync = 0;
  machine.server_processors = 2;
  machine.provider_seconds = 0;
  machine.rotating = false;
  const Closed got = simulate_closed(machine, 64, 5);
  EXPECT_NEAR(got.per_second, 2 / 330e-6, 30);
  EXPECT_NEAR(got.p50, 64 / got.per_second, 0.15 * 64 / got.per_second);  // Little's law
}

TEST(Site, while_the_database_is_away_all_are_refused_and_afterwards_all_are_served) {
  Shape faulty = shape();
  faulty.failover = {5, 35};
  Scheduler scheduler;
  Site site(scheduler, faulty, {whole(1000)});
  site.observe(60);
  int granted = 0;
  auto later = [](Scheduler& s, Site& where, int& count) -> Process {
    co_await s.at(10);
    for (std::uint64_t i = 0; i < 50; ++i)
      ask(where, i, count);
  };
  later(scheduler, site, granted);
  scheduler.run();
  EXPECT_EQ(granted, 50);
  const Period& period = site.periods().front();
  EXPECT_GT(period.unavailable, 50u);
  EXPECT_GT(seconds(period.waits.quantile(0.01)), 24.0);
  EXPECT_LT(seconds(period.waits.quantile(0.99)), 40.0);
}

TEST(Site, a_lost_server_breaks_its_requests_which_others_serve_when_its_leases_have_run_out) {
  Shape faulty = shape();
  faulty.lost_at = 3;
  faulty.provider_seconds = 8;  // calls are under way when the server is lost
  Scheduler scheduler;
  Site site(scheduler, faulty, {whole(1000)});
  site.observe(200);
  int granted = 0;
  for (std::uint64_t i = 0; i < 90; ++i)
    ask(site, i, granted);
  scheduler.run();
  EXPECT_EQ(granted, 90);
  const Period& period = site.periods().front();
  EXPECT_EQ(period.broken, 30u);
  EXPECT_GT(seconds(period.waits.quantile(0.99)), 74.0);
}

TEST(Day, the_same_seed_gives_the_same_day_and_everybody_gets_a_token) {
  Day day;
  day.jobs = 200;
  day.background = 0.05;
  day.renewal = 3600;
  std::vector<Period> one = simulate_day(shape(), day);
  const std::vector<Period> two = simulate_day(shape(), day);
  Shape other = shape();
  other.seed = 2;
  const std::vector<Period> three = simulate_day(other, day);
  std::uint64_t requests = 0;
  bool different = false;
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].requests, two[i].requests);
    EXPECT_EQ(one[i].unavailable, two[i].unavailable);
    EXPECT_EQ(one[i].waits.quantile(0.5), two[i].waits.quantile(0.5));
    EXPECT_EQ(one[i].requests, one[i].waits.count());
    different = different || one[i].waits.quantile(0.5) != three[i].waits.quantile(0.5);
    requests += one[i].requests;
  }
  EXPECT_TRUE(different);
  EXPECT_GT(requests, 200u * 16);
}

TEST(Size, adds_what_is_short_until_the_limits_are_kept) {
  Rate rate;
  rate.per_second = 20'000;
  rate.seconds = 1;
  const std::vector<Sized> tried = find_size(shape(), rate);
  ASSERT_FALSE(tried.empty());
  EXPECT_TRUE(tried.back().fits);
  EXPECT_EQ(tried.back().servers, 3);    // 20,000 x 300 µs of 4 processors at 70 %
  EXPECT_GE(tried.back().databases, 2);  // 400 MB/s of log
  EXPECT_LE(tried.back().period.mean_database_load, 0.7);
  EXPECT_EQ(tried.back().period.unavailable, 0u);
  // A connection is held for about 7 ms: 8 of a server are far too few.
  EXPECT_GT(tried.back().connections, 8u);
}

}  // namespace
}  // namespace mytoken::bench::sim
