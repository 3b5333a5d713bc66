// The way of a request through the model, and who breaks when; see site.h.
#include "simulation/site.h"

#include <algorithm>
#include <map>

namespace mytoken::bench::sim {
namespace {

// How a server's processor time of a request is spread over its way. Only the sum is measured.
constexpr double before_read = 0.35;
constexpr double before_reserve = 0.15;
constexpr double before_provider = 0.2;
constexpr double after_settle = 0.3;

// A client whose connection broke tries again.
constexpr double broken_pause = 1;
// A server finds a database that is back again with the next probe (sql/postgres_pool.cpp).
constexpr double longest_probe_pause = 1;

}  // namespace

struct Site::Server {
  Server(Scheduler& scheduler, const Shape& shape, int its_number)
      : number(its_number), own(scheduler, shape.server_processors, shape.speed), station(&own) {
    for (int i = 0; i < shape.databases; ++i)
      connections.push_back(
          std::make_unique<Permits>(scheduler, shape.connections, shape.queue_limit));
  }
  const int number;
  Station own;
  Station* station;
  std::vector<std::unique_ptr<Permits>> connections;  // to each database
  bool alive = true;
  double seen_busy = 0;
};

struct Site::Database {
  Database(Scheduler& scheduler, const Shape& shape)
      : own(scheduler, shape.database_processors, shape.speed),
        station(&own),
        log(scheduler, shape.work.sync, shape.work.sync_each) {}
  Station own;
  Station* station;
  Log log;
  bool up = true;
  double seen_busy = 0;
};

struct Site::Provider {
  Provider(Scheduler& scheduler, const Shape& shape)
      : permits(scheduler, shape.provider_parallel, std::numeric_limits<double>::infinity()) {}
  Permits permits;
};

struct Site::Family {
  std::map<int, Permits> turns;  // by server
  int users = 0;
  int lease_owner = -1;
  double lease_until = 0;
};

Site::Site(Scheduler& scheduler, const Shape& shape, std::vector<Period> periods)
    : scheduler_(scheduler), shape_(shape), random_(shape.seed), periods_(std::move(periods)) {
  if (shape_.one_machine)
    machine_ = std::make_unique<Station>(scheduler_, shape_.server_processors, shape_.speed);
  for (int i = 0; i < shape_.servers; ++i) {
    servers_.push_back(std::make_unique<Server>(scheduler_, shape_, i));
    if (machine_) servers_.back()->station = machine_.get();
  }
  for (int i = 0; i < shape_.databases; ++i) {
    databases_.push_back(std::make_unique<Database>(scheduler_, shape_));
    if (machine_) databases_.back()->station = machine_.get();
  }
  for (int i = 0; i < shape_.providers; ++i)
    providers_.push_back(std::make_unique<Provider>(scheduler_, shape_));
}

Site::~Site() = default;

void Site::observe(double end) {
  watch(end);
  if (shape_.failover.from < end) fail_over();
}

Site::Server& Site::pick() {
  const bool noticed = scheduler_.now() >= shape_.lost_at + shape_.detection;
  for (;;) {
    Server& server = *servers_[next_server_++ % servers_.size()];
    if (server.alive || !noticed) return server;
  }
}

Period* Site::period_of(double moment) {
  for (Period& period : periods_)
    if (moment >= period.from && moment < period.until) return &period;
  return nullptr;
}

Step<bool> Site::get_token(std::uint64_t family) {
  const double begun = scheduler_.now();
  Period* period = period_of(begun);
  if (period) ++period->requests;
  for (;;) {
    const double sent = scheduler_.now();
    if (machine_) co_await machine_->use(shape_.work.load / 2);
    ++in_flight_;
    if (period) {
      ++period->attempts;
      period->in_flight = std::max(period->in_flight, in_flight_);
    }
    const Outcome outcome = co_await attempt(pick(), family);
    --in_flight_;
    if (machine_) co_await machine_->use(shape_.work.load / 2);
    if (outcome == Outcome::granted) {
      const auto answered = static_cast<std::int64_t>((scheduler_.now() - sent) * 1e9);
      const auto waited = static_cast<std::int64_t>((scheduler_.now() - begun) * 1e9);
      if (period) {
        period->answers.record(std::chrono::nanoseconds(answered));
        period->waits.record(std::chrono::nanoseconds(waited));
      }
      co_return true;
    }
    if (period) ++(outcome == Outcome::broken ? period->broken : period->unavailable);
    const double pause = outcome == Outcome::broken ? broken_pause : shape_.retry_after;
    // Clients that were refused together must not come back together.
    co_await scheduler_.delay(pause * (1 + random_.uniform()));
  }
}

Step<Outcome> Site::attempt(Server& server, std::uint64_t family) {
  if (!server.alive) co_return Outcome::broken;
  const Work& work = shape_.work;
  co_await server.station->use(work.server * before_read);
  const bool read = co_await run(server, family, work.read, work.trips[0], false);
  if (!server.alive) co_return Outcome::broken;
  if (!read) co_return Outcome::unavailable;
  co_await server.station->use(work.server * before_reserve);
  Family& row = families_[family];
  ++row.users;
  const Outcome outcome = co_await with_turn(server, family, row);
  if (--row.users == 0 && row.lease_owner < 0) families_.erase(family);
  if (!server.alive) co_return Outcome::broken;
  if (outcome == Outcome::granted) co_await server.station->use(work.server * after_settle);
  co_return server.alive ? outcome : Outcome::broken;
}

Step<Outcome> Site::with_turn(Server& server, std::uint64_t family, Family& row) {
  if (!shape_.rotating) co_return co_await trade(server, family, row);
  const auto found =
      row.turns.try_emplace(server.number, scheduler_, std::size_t{1}, shape_.longest_wait).first;
  ++waiting_for_turn_;
  const bool turn = co_await found->second.acquire();
  --waiting_for_turn_;
  if (!turn) co_return Outcome::unavailable;
  const Outcome outcome = co_await trade(server, family, row);
  found->second.release();
  co_return outcome;
}

Step<Outcome> Site::trade(Server& server, std::uint64_t family, Family& row) {
  const Work& work = shape_.work;
  const bool leased = co_await take_lease(server, family, row);
  if (!server.alive) co_return Outcome::broken;
  if (!leased) co_return Outcome::unavailable;
  co_await server.station->use(work.server * before_provider);
  (void)co_await ask_provider(family);
  if (!server.alive) co_return Outcome::broken;  // the lease stays until it runs out
  const double settle = work.settle + (shape_.rotating ? work.successor : 0);
  const bool done = co_await run(server, family, settle, work.trips[2], true);
  if (!done && shape_.rotating) (void)co_await store_successor(server, family);
  if (!server.alive) co_return Outcome::broken;
  if (done && row.lease_owner == server.number) row.lease_owner = -1;
  co_return done ? Outcome::granted : Outcome::unavailable;
}

// Step 4: reserve, as long as another server holds the lease again and again.
Step<bool> Site::take_lease(Server& server, std::uint64_t family, Family& row) {
  const double give_up = scheduler_.now() + shape_.longest_wait;
  bool counted = false;
  bool granted = false;
  for (;;) {
    ++lease_tries_;
    const bool others = shape_.rotating && row.lease_owner >= 0 &&
                        row.lease_owner != server.number && row.lease_until > scheduler_.now();
    // Refused is decided where the database looks, and rolled back without a write.
    if (shape_.rotating && !others) {
      row.lease_owner = server.number;
      row.lease_until = scheduler_.now() + shape_.lease;
    }
    const bool done =
        co_await run(server, family, shape_.work.reserve, shape_.work.trips[1], !others);
    if (!done && !others && row.lease_owner == server.number) row.lease_owner = -1;
    granted = done && !others;
    if (!done || granted || !server.alive || scheduler_.now() >= give_up) break;
    if (!counted) ++waiting_for_turn_;
    counted = true;
    co_await scheduler_.delay(shape_.lease_pause);
  }
  if (counted) --waiting_for_turn_;
  co_return granted;
}

// One function on a connection to the database of the family; false: the database is away, or no
// connection came free in time.
Step<bool> Site::run(Server& server, std::uint64_t family, double cost, int trips, bool writes) {
  const std::size_t which = family % databases_.size();
  Database& database = *databases_[which];
  if (!database.up) co_return false;
  Permits& connections = *server.connections[which];
  const bool connected = co_await connections.acquire();
  if (!connected) co_return false;
  for (int trip = 0; trip < trips && database.up; ++trip) {
    co_await scheduler_.delay(shape_.work.network);
    co_await database.station->use(cost / trips);
  }
  if (writes && database.up) {
    co_await database.log.sync();
    if (shape_.work.replication > 0) co_await scheduler_.delay(shape_.work.replication);
  }
  connections.release();
  co_return database.up;
}

// A successor that could not be stored with the settling is tried for a while; then the journal
// keeps it.
Step<bool> Site::store_successor(Server& server, std::uint64_t family) {
  const double give_up = scheduler_.now() + shape_.longest_storing;
  bool stored = false;
  for (;;) {
    stored = co_await run(server, family, shape_.work.successor, 1, true);
    if (stored || !server.alive || scheduler_.now() >= give_up) break;
    co_await scheduler_.delay(shape_.lease_pause);
  }
  co_return stored;
}

Step<bool> Site::ask_provider(std::uint64_t family) {
  // Not the same bits that choose the database.
  const std::size_t which = (family / 7) % providers_.size();
  const bool slow = static_cast<int>(which) == shape_.slow_provider &&
                    scheduler_.now() >= shape_.slow.from && scheduler_.now() < shape_.slow.until;
  Permits& permits = providers_[which]->permits;
  (void)co_await permits.acquire();
  const double mean = slow ? shape_.slow_seconds : shape_.provider_seconds;
  if (mean > 0) co_await scheduler_.delay(mean / 2 + random_.exponential(mean / 2));
  permits.release();
  co_return true;
}

Process Site::fail_over() {
  co_await scheduler_.at(shape_.failover.from);
  for (auto& database : databases_)
    database->up = false;
  for (auto& server : servers_)
    for (auto& connections : server->connections)
      connections->refuse_all();
  co_await scheduler_.delay(shape_.failover.until - shape_.failover.from +
                            longest_probe_pause * random_.uniform());
  for (auto& database : databases_)
    database->up = true;
}

Process Site::watch(double end) {
  while (scheduler_.now() < end) {
    co_await scheduler_.delay(1);
    if (servers_[static_cast<std::size_t>(shape_.lost_server)]->alive &&
        scheduler_.now() >= shape_.lost_at) {
      servers_[static_cast<std::size_t>(shape_.lost_server)]->alive = false;
    }
    double busiest_server = 0;
    double busiest_database = 0;
    double servers = 0;
    double databases = 0;
    Period* period = period_of(scheduler_.now() - 1);
    const auto longest = [](std::size_t& most, std::size_t now) { most = std::max(most, now); };
    for (auto& server : servers_) {
      const double busy = server->station->busy();
      const double load = (busy - server->seen_busy) / server->station->processors();
      server->seen_busy = busy;
      busiest_server = std::max(busiest_server, load);
      servers += load;
      if (!period) continue;
      longest(period->server_queue, server->station->waiting());
      for (auto& connections : server->connections)
        longest(period->connection_queue, connections->waiting());
    }
    for (auto& database : databases_) {
      const double busy = database->station->busy();
      const double load = (busy - database->seen_busy) / database->station->processors();
      database->seen_busy = busy;
      busiest_database = std::max(busiest_database, load);
      databases += load;
      if (period) longest(period->database_queue, database->station->waiting());
    }
    if (!period) continue;
    longest(period->turn_queue, waiting_for_turn_);
    const double seconds = period->until - period->from;
    period->server_load = std::max(period->server_load, busiest_server);
    period->database_load = std::max(period->database_load, busiest_database);
    period->mean_server_load += servers / static_cast<double>(servers_.size()) / seconds;
    period->mean_database_load += databases / static_cast<double>(databases_.size()) / seconds;
  }
}

std::uint64_t Site::log_writes() const {
  std::uint64_t writes = 0;
  for (const auto& database : databases_)
    writes += database->log.writes();
  return writes;
}

double Site::database_busy() const {
  double busy = 0;
  for (const auto& database : databases_)
    busy += database->station->busy();
  return busy;
}

double Site::server_busy() const {
  double busy = 0;
  for (const auto& server : servers_)
    busy += server->station->busy();
  return busy;
}

}  // namespace mytoken::bench::sim
