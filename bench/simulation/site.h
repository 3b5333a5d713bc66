// The model of a site: clients, servers, databases, providers, and what goes wrong with them. The
// way of a request is that of docs/architecture.md: read, turn, reserve with the lease, provider,
// successor, settle. What is left out stands in docs/scale.md.
#pragma once
#include <limits>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "simulation/engine.h"

namespace mytoken::bench::sim {

// What one access token costs whom; seconds.
struct Work {
  double server = 0;  // processor
  double read = 0;    // processor of the database, each
  double reserve = 0;
  double settle = 0;
  double successor = 0;      // more to settle: a rotated refresh token
  double load = 0;           // processor of the client, only where clients share the machine
  double sync = 0;           // one write of the database's log
  double sync_each = 0;      // more for each commit in it: its bytes
  double network = 0;        // one round trip to the database
  double replication = 0;    // of a commit to the synchronous standby
  int trips[3] = {1, 1, 1};  // of read, reserve, settle
};

struct Event {
  double from = std::numeric_limits<double>::infinity();
  double until = std::numeric_limits<double>::infinity();
};

struct Shape {
  std::uint64_t seed = 1;
  Work work;
  int servers = 3;
  unsigned server_processors = 4;
  std::size_t connections = 8;  // of each server to each database
  int databases = 1;            // families are spread over them by key
  unsigned database_processors = 8;
  double speed = 1;
  // Servers, database and clients share `server_processors` processors: a benchmark on one machine.
  bool one_machine = false;

  int providers = 4;
  double provider_seconds = 0.15;    // mean; half of it fixed, half exponential
  unsigned provider_parallel = 200;  // requests each provider works on at a time
  bool rotating = true;              // refresh tokens take turns and have successors
  int slow_provider = 0;
  double slow_seconds = 8;
  Event slow;
  Event failover;  // the database is away
  int lost_server = 0;
  double lost_at = std::numeric_limits<double>::infinity();

  // src/service/context.h, src/sql/postgres.h, src/service/access.cpp
  double longest_wait = 25;  // for the turn and the lease
  double queue_limit = 10;   // for a connection
  double lease = 75;
  double lease_pause = 0.1;
  double longest_storing = 2;  // of a successor while the database is away; then the journal has it
  double retry_after = 5;      // of a 503
  double detection = 2;        // until the balancer notices a lost server
};

enum class Outcome { granted, unavailable, broken };

// Figures of a stretch of time; requests count where they began.
struct Period {
  std::string name;
  double from = 0;
  double until = 0;
  std::uint64_t requests = 0;
  std::uint64_t attempts = 0;
  std::uint64_t unavailable = 0;  // answers 503
  std::uint64_t broken = 0;       // connections
  Histogram answers;              // attempts that were granted
  Histogram waits;                // from the first attempt to the token
  std::size_t server_queue = 0;   // longest, for a processor of one server
  std::size_t connection_queue = 0;
  std::size_t database_queue = 0;
  std::size_t turn_queue = 0;  // requests that wait for a turn or a lease
  std::size_t in_flight = 0;   // most at a time
  double server_load = 0;      // busiest second of the busiest server, of its processors
  double database_load = 0;
  double mean_server_load = 0;
  double mean_database_load = 0;
};

class Site {
 public:
  Site(Scheduler& scheduler, const Shape& shape, std::vector<Period> periods);
  ~Site();
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  // One access token of a family, repeated by the client until it is granted; resumes then.
  Step<bool> get_token(std::uint64_t family);
  // Looks at queues and loads every second until `end`; call once, before the scheduler runs.
  void observe(double end);

  Random& random() { return random_; }
  const std::vector<Period>& periods() const { return periods_; }
  std::uint64_t log_writes() const;
  double database_busy() const;
  double server_busy() const;
  std::uint64_t lease_tries() const { return lease_tries_; }

 private:
  struct Server;
  struct Database;
  struct Provider;
  struct Family;

  Step<Outcome> attempt(Server& server, std::uint64_t family);
  Step<Outcome> with_turn(Server& server, std::uint64_t family, Family& row);
  Step<Outcome> trade(Server& server, std::uint64_t family, Family& row);
  Step<bool> take_lease(Server& server, std::uint64_t family, Family& row);
  Step<bool> run(Server& server, std::uint64_t family, double cost, int trips, bool writes);
  Step<bool> store_successor(Server& server, std::uint64_t family);
  Step<bool> ask_provider(std::uint64_t family);
  Process watch(double end);
  Process fail_over();
  Server& pick();
  Period* period_of(double moment);

  Scheduler& scheduler_;
  const Shape shape_;
  Random random_;
  std::vector<Period> periods_;
  std::unique_ptr<Station> machine_;  // if there is only one
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<std::unique_ptr<Database>> databases_;
  std::vector<std::unique_ptr<Provider>> providers_;
  std::unordered_map<std::uint64_t, Family> families_;  // in use or leased
  std::size_t next_server_ = 0;
  std::size_t in_flight_ = 0;
  std::size_t waiting_for_turn_ = 0;
  std::uint64_t lease_tries_ = 0;
};

}  // namespace mytoken::bench::sim
