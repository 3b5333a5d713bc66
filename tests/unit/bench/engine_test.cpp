// The simulation's queues against what queueing theory knows of them, so that the model cannot be
// wrong silently. Deterministic: fixed seeds.
#include "simulation/engine.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mytoken::bench::sim {
namespace {

constexpr int customers = 400'000;

Process customer(Station& station, double seconds) {
  co_await station.use(seconds);
}

// Poisson arrivals; service times of mean 1, exponential or constant.
Process source(Scheduler& scheduler, Station& station, Random& random, double rate, bool constant) {
  for (int i = 0; i < customers; ++i) {
    co_await scheduler.delay(random.exponential(1 / rate));
    customer(station, constant ? 1 : random.exponential(1));
  }
}

struct Measured {
  double wait;
  double load;
};

Measured measure(unsigned processors, double load, bool constant) {
  Scheduler scheduler;
  Station station(scheduler, processors);
  Random random(7);
  source(scheduler, station, random, load * processors, constant);
  scheduler.run();
  return {station.mean_wait(), station.busy() / scheduler.now() / processors};
}

// Erlang's C formula: the mean wait of M/M/c with service times of mean 1.
double erlang_wait(unsigned processors, double load) {
  const double offered = load * processors;
  double term = 1;
  double sum = 0;
  for (unsigned k = 0; k < processors; ++k) {
    sum += term;
    term *= offered / (k + 1);
  }
  const double waits = term / (1 - load) / (sum + term / (1 - load));
  return waits / (processors * (1 - load));
}

// Crommelin's formula: the mean wait of M/D/c with service times of 1.
double crommelin_wait(unsigned processors, double load) {
  const double offered = load * processors;
  double wait = 0;
  for (int i = 1; i < 400; ++i) {
    const double mean = i * offered;
    const double least = static_cast<double>(i) * processors;
    double from = 0;   // P(N >= ic) of a Poisson variable
    double above = 0;  // P(N > ic)
    for (double n = least; n < least + 200 + 20 * std::sqrt(mean); ++n) {
      const double p = std::exp(n * std::log(mean) - mean - std::lgamma(n + 1));
      from += p;
      if (n > least) above += p;
    }
    wait += from - above / load;
  }
  return wait;
}

TEST(Station, one_processor_with_random_service_times_waits_as_the_M_M_1_formula_says) {
  const Measured got = measure(1, 0.7, false);
  EXPECT_NEAR(got.wait, 0.7 / 0.3, 0.07);
  EXPECT_NEAR(got.load, 0.7, 0.005);
}

TEST(Station, one_processor_with_constant_service_times_waits_half_of_that) {
  EXPECT_NEAR(crommelin_wait(1, 0.7), 0.7 / 0.3 / 2, 1e-6);
  const Measured got = measure(1, 0.7, true);
  EXPECT_NEAR(got.wait, 0.7 / 0.3 / 2, 0.03);
}

TEST(Station, four_processors_wait_as_erlangs_C_formula_says) {
  EXPECT_NEAR(erlang_wait(1, 0.7), 0.7 / 0.3, 1e-12);
  const Measured got = measure(4, 0.8, false);
  EXPECT_NEAR(got.wait, erlang_wait(4, 0.8), 0.03);
  EXPECT_NEAR(got.load, 0.8, 0.005);
}

TEST(Station, four_processors_with_constant_service_times_wait_as_crommelins_formula_says) {
  const double expected = crommelin_wait(4, 0.8);
  const Measured got = measure(4, 0.8, true);
  EXPECT_NEAR(got.wait, expected, 0.03 * expected);
  EXPECT_LT(got.wait, erlang_wait(4, 0.8));
}

TEST(Station, a_processor_of_half_the_speed_is_busy_twice_as_long) {
  Scheduler scheduler;
  Station station(scheduler, 1, 0.5);
  customer(station, 3);
  customer(station, 1);
  scheduler.run();
  EXPECT_DOUBLE_EQ(scheduler.now(), 8);
  EXPECT_DOUBLE_EQ(station.busy(), 8);
  EXPECT_DOUBLE_EQ(station.mean_wait(), 3);
}

Process commit(Scheduler& scheduler, Log& log, double until, int& done) {
  while (scheduler.now() < until) {
    co_await log.sync();
    ++done;
  }
}

TEST(Log, who_waits_together_is_written_together) {
  // Ten that commit again and again: one goes ahead, nine wait for it, and so on: five a write.
  Scheduler scheduler;
  Log log(scheduler, 0.001);
  int done = 0;
  for (int i = 0; i < 10; ++i)
    commit(scheduler, log, 0.9995, done);
  scheduler.run();
  EXPECT_EQ(log.writes(), 1001u);
  EXPECT_NEAR(done, 5 * 1000, 10);
}

TEST(Log, bytes_of_each_make_a_write_longer) {
  Scheduler scheduler;
  Log log(scheduler, 0.001, 0.002);
  int done = 0;
  commit(scheduler, log, 0.0001, done);
  scheduler.run();
  EXPECT_DOUBLE_EQ(scheduler.now(), 0.003);
}

Process hold(Scheduler& scheduler, Permits& permits, double seconds, std::vector<bool>& granted) {
  const bool mine = co_await permits.acquire();
  granted.push_back(mine);
  if (!mine) co_return;
  co_await scheduler.delay(seconds);
  permits.release();
}

TEST(Permits, are_given_in_turn_and_who_waited_too_long_is_sent_away) {
  Scheduler scheduler;
  Permits permits(scheduler, 1, 10);
  std::vector<bool> granted;
  hold(scheduler, permits, 6, granted);
  hold(scheduler, permits, 6, granted);  // waits 6 s
  hold(scheduler, permits, 6, granted);  // would wait 12 s
  EXPECT_EQ(permits.waiting(), 2u);
  scheduler.run();
  EXPECT_EQ(granted, (std::vector<bool>{true, true, false}));
  EXPECT_DOUBLE_EQ(scheduler.now(), 12);
  hold(scheduler, permits, 1, granted);
  EXPECT_EQ(granted.size(), 4u);
  EXPECT_TRUE(granted.back());
  scheduler.run();
}

TEST(Permits, refusing_all_sends_away_who_waits_and_nobody_else) {
  Scheduler scheduler;
  Permits permits(scheduler, 1, 10);
  std::vector<bool> granted;
  hold(scheduler, permits, 1, granted);
  hold(scheduler, permits, 1, granted);
  permits.refuse_all();
  scheduler.run();
  EXPECT_EQ(granted, (std::vector<bool>{true, false}));
}

TEST(Random, the_same_seed_gives_the_same_numbers_with_the_right_mean) {
  Random a(3);
  Random b(3);
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double x = a.exponential(2);
    ASSERT_EQ(x, b.exponential(2));
    sum += x;
  }
  EXPECT_NEAR(sum / 100'000, 2, 0.02);
}

}  // namespace
}  // namespace mytoken::bench::sim
