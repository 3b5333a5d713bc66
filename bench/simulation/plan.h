// The questions that are asked of the model: a day of a large site, the number of machines for a
// rate, and a benchmark on one machine to compare the model with.
#pragma once
#include <string>
#include <vector>

#include "simulation/costs.h"
#include "simulation/site.h"

namespace mytoken::bench::sim {

// How the database's processor time of an access token is shared by read, reserve and settle. Only
// the sum is measured; see docs/scale.md.
inline constexpr double share_of_read = 0.25;
inline constexpr double share_of_reserve = 0.35;
inline constexpr double share_of_settle = 0.4;

// Bytes of log that one database writes and ships to its standbys in a second.
struct Assumptions {
  double network = 0.0003;      // seconds of a round trip between machines
  double replication = 0.0008;  // of a commit: network, and the standby's own write
  double log_bandwidth = 300e6;
  bool tokens_seen_before = false;  // false: every signature is verified
};

// Work from measured costs. `alone`: on one machine as measured, without network, standby and
// rotation.
Work work_of(const Costs& costs, const Assumptions& assumptions, bool alone);

struct Day {
  int jobs = 50'000;
  int jobs_of_family = 5;  // that share a refresh token
  double start = 8 * 3600;
  double start_spread = 10;  // seconds until all of them have begun
  double renewal = 900;
  double renewal_spread = 0;  // every renewal is drawn from as many seconds before its moment
  double background = 20;     // other access tokens in a second
  double length = 24 * 3600;
};

// Every period of the day: what was asked, how long it took, who was busy. The shape's faults are
// set by this: slow provider 10:00 to 10:15, database away 12:00:00 to 12:00:30, a server lost at
// 14:00:01, each at the moment of a renewal of all jobs.
std::vector<Period> simulate_day(Shape shape, const Day& day);

struct Rate {
  double per_second = 1e5;
  double families = 25e6;
  double seconds = 4;         // counted, after one to warm up
  double longest_p99 = 0.05;  // seconds, without the provider
  double highest_load = 0.7;  // mean of servers and databases, so that one of them may be lost
};
struct Sized {
  int servers = 0;
  int databases = 0;
  std::size_t connections = 0;  // of each server to each database
  Period period;
  double log_writes = 0;  // in a second, of one database
  bool fits = false;
};
// One shape under a constant rate of requests from anybody (exponential gaps).
Sized simulate_rate(Shape shape, const Rate& rate);
// The fewest servers, databases and connections that keep within the limits, from what processors
// and the log's bytes ask for at least; all shapes that were tried, the last one fits or none was
// found.
std::vector<Sized> find_size(Shape shape, const Rate& rate);

struct Closed {
  double per_second = 0;
  double p50 = 0;  // seconds
  double p99 = 0;
  double machine_load = 0;  // of its processors
};
// `clients` that ask again as soon as they have an answer, on one machine.
Closed simulate_closed(Shape shape, int clients, double seconds);

}  // namespace mytoken::bench::sim
