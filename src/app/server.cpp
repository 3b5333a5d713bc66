// Order matters twice: what a request may touch is built before the listeners open, and at the end
// the database goes before the io_contexts that wait for it, and those before everything their
// coroutines point to.
#include "app/server.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/url.hpp>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

#include "api/guests.h"
#include "app/health.h"
#include "app/installation.h"
#include "app/keys.h"
#include "base/random.h"
#include "net/curl_client.h"
#include "service/guests.h"
#include "service/outbox.h"
#include "service/presence.h"
#include "service/shared_counts.h"
#include "sql/postgres.h"
#include "sql/sqlite.h"
#include "store/condition.h"
#include "store/refresh_tokens.h"
#include "store/schema.h"

namespace mytoken::app {
namespace {

// Names this process in leases.
std::string make_owner() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return fmt::format("{}:{}:{}", host.data(), getpid(), random_text(8));
}

// Path of the issuer without trailing slash.
std::string issuer_path(const std::string& issuer) {
  const auto url = boost::urls::parse_uri(issuer);
  std::string path = url ? std::string(url->encoded_path()) : std::string();
  while (path.ends_with('/'))
    path.pop_back();
  return path;
}

// For how long requests on open connections are still served in full when the server ends.
constexpr std::chrono::milliseconds last_requests{1000};

}  // namespace

namespace {

// The limits of the HTTP server, as the exchange between servers sees them.
class SharedLimits final : public service::SharedCounters {
 public:
  SharedLimits(http::Server& server, Seconds longest) : server_(server), longest_(longest) {}
  std::string own_counts() override { return server_.own_counts(servers_); }
  void learn_counts(const std::vector<std::string>& others) override {
    servers_ = others.size() + 1;
    server_.learn_counts(others);
  }
  Seconds longest_window() const override { return longest_; }

 private:
  http::Server& server_;
  Seconds longest_;
  std::size_t servers_ = 1;
};

}  // namespace

struct Instance::Impl {
  Config config;
  Logs logs;
  Log* log = nullptr;
  Log* http_log = nullptr;
  SystemClock system_clock;
  const Clock* clock = nullptr;
  std::unique_ptr<net::HttpClient> own_client;
  net::HttpClient* client = nullptr;
  std::unique_ptr<net::Resolver> own_resolver;
  net::Resolver* resolver = nullptr;
  std::unique_ptr<net::GeoIp> geoip;
  std::unique_ptr<service::Journal> journal;
  oidc::Providers providers;
  std::unique_ptr<sql::Database> database;
  std::unique_ptr<service::Context> context;
  std::optional<service::ClockWatch> watch;
  std::atomic<bool> clock_reported{false};
  std::unique_ptr<api::Api> api;
  std::unique_ptr<api::GuestClient> guests;
  std::unique_ptr<web::Web> web;
  std::unique_ptr<http::Router> router;
  std::unique_ptr<http::Server> server;
  std::unique_ptr<SharedLimits> limits;
  std::unique_ptr<Health> health;
  std::thread runner;
  std::promise<void> drained;
  std::once_flag stopped;

  Result<void> open_logs(const Overrides& overrides) {
    if (overrides.log) {
      log = http_log = overrides.log;
      return {};
    }
    auto opened = Logs::open(config);
    if (!opened) return fail(opened.error());
    logs = std::move(*opened);
    log = logs.internal.get();
    http_log = logs.http.get();
    return {};
  }

  void connect(const Overrides& overrides) {
    clock = overrides.clock ? overrides.clock : &system_clock;
    client = overrides.http;
    if (!client) {
      own_client = net::make_curl_client({"mytoken-server/" MYTOKEN_VERSION, ""});
      client = own_client.get();
    }
    resolver = overrides.resolver;
    if (!resolver) {
      own_resolver = net::make_system_resolver(*clock);
      resolver = own_resolver.get();
    }
    geoip = std::make_unique<net::GeoIp>(config.geoip);
    if (!config.geoip.file.empty()) load_countries();
    for (const oidc::ProviderSettings& settings : config.providers) {
      providers.add(std::make_shared<oidc::Provider>(settings, *client, *clock, *log));
    }
  }

  // What cannot be read leaves what was read before.
  bool load_countries() {
    auto loaded = geoip->load();
    if (loaded) {
      log->info("the countries of addresses were read", {{"file", config.geoip.file}});
    } else {
      log->error("the countries of addresses could not be read",
                 {{"file", config.geoip.file}, {"problem", loaded.error().cause}});
    }
    return loaded.has_value();
  }

  // What is wrong with journal, database, keys or clock is found before anything is changed.
  Result<void> open_store(Keys keys) {
    auto book = service::Journal::open(config.journal_file, *log);
    if (!book) return fail(book.error());
    journal = std::move(*book);
    std::error_code ignored;
    if (config.database_url.empty() && !journal->is_empty() &&
        !std::filesystem::exists(config.database_file, ignored)) {
      return fail(journal->of_another());  // before a database is made
    }
    auto opened = connect_database(config, *log);
    if (!opened) return fail(opened.error());
    database = std::move(*opened);
    const bool alone = config.database_url.empty();
    const std::string owner = make_owner();
    const Newcomer newcomer{keys, *clock, owner, alone, config.accept_clock};
    if (auto fine = check_installation(*database, *journal, newcomer); !fine) return fine;
    if (auto migrated = database->migrate(store::migrations()); !migrated) return migrated;
    if (auto usable = database->read_now(store::require_usable); !usable) return usable;
    auto membership = join_installation(*database, *journal, newcomer, *log);
    if (!membership) return fail(membership.error());
    // The embedded database has one server: leases are left from one that ended. On PostgreSQL
    // other servers hold them; those of one that ended run out.
    const std::function<Result<void>(sql::Transaction&)> release = [](sql::Transaction& db) {
      return store::release_all_leases(db);
    };
    if (alone) {
      if (auto released = database->write_now(release); !released) return released;
    }
    config.service.several_servers = !alone;
    context.reset(new service::Context{
        config.service, *database, providers, std::move(keys.signing), std::move(keys.verification),
        std::move(membership->secret), *resolver, *clock, *log, owner, *journal});
    context->countries = geoip.get();
    context->outages.start(membership->newest);
    if (!alone) {
      const std::string leases = std::string(config.journal_file) + ".leases";
      if (auto made = context->leases.open(leases, owner); !made)
        log->warning("leases will not end with this process", {{"problem", made.error().cause}});
    }
    watch.emplace(*clock);
    return {};
  }

  // Nothing that depends on the time is right while the clock is behind.
  std::optional<Error> closed_by_clock() {
    if (!watch->is_behind()) {
      clock_reported = false;
      return std::nullopt;
    }
    const std::string shown = service::utc(clock->now());
    const std::string expected = service::utc(std::chrono::floor<Seconds>(watch->expected()));
    if (!clock_reported.exchange(true)) {
      log->error("the clock was set back: requests are refused until it is right again",
                 {{"clock", shown}, {"expected", expected}});
    }
    return unavailable("the clock shows " + shown + ", not " + expected, Seconds(30));
  }

  // Last of the providers (oidc.md §1.1).
  void add_guests() {
    guests = std::make_unique<api::GuestClient>(*api);
    providers.add(std::make_shared<oidc::Provider>(
        service::guest_provider(config.service, config.api.guest_lifetime), *guests, *clock, *log));
    log->warning("guest mode is on: everybody gets mytokens; for trying only");
  }

  Result<void> open_listeners() {
    router = std::make_unique<http::Router>(issuer_path(config.service.issuer));
    auto passwords =
        std::make_unique<api::GroupPasswords>(config.api.template_groups, config.http.code_tries);
    api.reset(new api::Api{*context, config.api, std::move(passwords),
                           [this](const service::SubtokenPreview& preview) {
                             return web::application_consent_page(config.web, context->settings,
                                                                  preview, context->clock.now());
                           }});
    if (config.api.guest_mode) add_guests();
    web.reset(new web::Web{*context, config.web});
    api::add_routes(*router, *api);
    web::add_routes(*router, *web);
    http::ServerSettings settings = config.http;
    settings.error_page = [pages = config.web](int status, std::string_view heading,
                                               std::string_view text) {
      return web::error_page(pages, status, heading, text);
    };
    settings.closed = [this] { return closed_by_clock(); };
    Seconds longest{0};
    for (const auto& limit : {settings.rate_limit, settings.code_tries})
      longest = std::max(longest, limit ? limit->window : Seconds(0));
    server = std::make_unique<http::Server>(std::move(settings), *router, *http_log);
    limits = std::make_unique<SharedLimits>(*server, longest);
    if (auto listening = server->listen(); !listening) return listening;
    if (!config.health_listen.empty() || !config.health_sockets.empty()) {
      auto clock_is_right = [this] { return !watch->is_behind(); };
      auto listening = Health::start(config.health_listen, std::move(config.health_sockets),
                                     *database, std::move(clock_is_right), *log);
      if (!listening) return fail(listening.error());
      health = std::move(*listening);
    }
    return {};
  }

  void run() {
    asio::co_spawn(*server->contexts().front(), service::run_background(*context), asio::detached);
    if (context->settings.several_servers) {
      asio::co_spawn(*server->contexts().front(), service::run_exchange(*context, *limits),
                     asio::detached);
    }
    runner = std::thread([this] {
      server->run();
      drained.set_value();
    });
  }

  void stop(std::chrono::milliseconds limit) {
    std::call_once(stopped, [this, limit] {
      if (health) health->draining();
      if (runner.joinable()) {
        // A call whose outcome is not stored yet may hold the only valid refresh token.
        auto must_wait = [this] { return context->provider_calls.load() > 0; };
        server->drain(limit, std::move(must_wait), service::longest_exchange);
        // What clients ask on connections that they have is still done for a moment.
        const auto grace = std::min<std::chrono::milliseconds>(limit / 4, last_requests);
        drained.get_future().wait_for(grace);
        service::start_draining(*context);
        runner.join();
      }
      if (health) health->stop();
      if (database && context) leave_installation(*database, context->owner);
      if (api) api->group_passwords->stop();
      database.reset();
      health.reset();
      server.reset();
    });
  }
};

Instance::Instance(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Instance::~Instance() {
  if (impl_) stop();
}

Result<std::unique_ptr<Instance>> Instance::start(Config config, Overrides overrides) {
  std::unique_ptr<Instance> instance(new Instance(std::make_unique<Impl>()));
  Impl& impl = *instance->impl_;
  impl.config = std::move(config);
  if (auto r = impl.open_logs(overrides); !r) return fail(r.error());
  auto keys = load_keys(impl.config);
  if (!keys) return fail(keys.error());
  impl.connect(overrides);
  if (auto r = impl.open_store(std::move(*keys)); !r) return fail(r.error());
  if (auto r = impl.open_listeners(); !r) return fail(r.error());
  impl.run();
  return instance;
}

const Config& Instance::config() const {
  return impl_->config;
}
std::uint16_t Instance::port() const {
  return impl_->server->ports().front();
}
std::string Instance::address() const {
  return impl_->server->addresses().front();
}
std::uint16_t Instance::health_port() const {
  return impl_->health ? impl_->health->port() : 0;
}
service::Context& Instance::context() {
  return *impl_->context;
}
Log& Instance::log() {
  return *impl_->log;
}
bool Instance::reload() {
  if (impl_->config.geoip.file.empty()) return false;
  impl_->load_countries();
  return true;
}
ListeningSockets Instance::sockets() const {
  ListeningSockets sockets;
  sockets.http = impl_->server->sockets();
  if (impl_->health) sockets.health = impl_->health->sockets();
  return sockets;
}
void Instance::hand_over() {
  impl_->server->leave_connections();
  if (impl_->health) impl_->health->hand_over();
}
void Instance::stop(std::chrono::milliseconds limit) {
  impl_->stop(limit);
}
void Instance::stop() {
  stop(impl_->config.drain_timeout);
}

Result<std::unique_ptr<sql::Database>> connect_database(const Config& config, Log& log) {
  if (config.database_url.empty()) {
    sql::SqliteOptions options;
    options.file = config.database_file;
    return sql::open_sqlite(options, log);
  }
  sql::PostgresOptions options;
  options.url = config.database_url;
  auto opened = sql::open_postgres(options, log);
  if (!opened) return fail(opened.error());
  return std::unique_ptr<sql::Database>(std::move(*opened));
}

Result<std::unique_ptr<sql::Database>> open_database(const Config& config, Log& log) {
  auto database = connect_database(config, log);
  if (!database) return database;
  if (auto migrated = (*database)->migrate(store::migrations()); !migrated)
    return fail(migrated.error());
  return database;
}

}  // namespace mytoken::app
