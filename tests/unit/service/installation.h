// A whole installation without HTTP in front: temporary database, scripted provider on loopback,
// real HTTP client, and a clock that tests move. The database is SQLite, or with
// MYTOKEN_TEST_ENGINE=postgresql a schema of its own in a private PostgreSQL. `run` executes a
// coroutine; `run_all` many at once on two threads.
#pragma once
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/encoding.h"
#include "base/random.h"
#include "net/curl_client.h"
#include "service/access.h"
#include "service/context.h"
#include "service/issue.h"
#include "service/login.h"
#include "service/outbox.h"
#include "sql/postgres.h"
#include "sql/sqlite.h"
#include "store/schema.h"
#include "support/manual_clock.h"
#include "support/postgres_cluster.h"
#include "support/run_task.h"
#include "support/scripted_provider.h"
#include "unit/service/faulty_database.h"

namespace mytoken::test {

class NamesByTable final : public net::Resolver {
 public:
  std::map<std::string, std::vector<std::string>> names;
  std::atomic<int> look_ups{0};
  std::function<Task<void>()> meanwhile;  // once, while the next answer is waited for
  Task<std::vector<std::string>> confirmed_names(std::string address, net::AddressOf) override {
    ++look_ups;
    if (meanwhile) {
      const auto work = std::exchange(meanwhile, nullptr);
      co_await work();
    }
    const auto found = names.find(address);
    co_return found == names.end() ? std::vector<std::string>() : found->second;
  }
};

class CollectingLog final : public Log {
 public:
  CollectingLog() : Log(2, LogLevel::debug, Format::json) {}
  std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  void emit(std::string_view line) override {
    const std::lock_guard lock(mutex_);
    text_ += line;
  }
  mutable std::mutex mutex_;
  std::string text_;
};

enum class Engine { sqlite, postgresql };

class Installation {
 public:
  explicit Installation(ProviderKnobs knobs = {}, bool rotating = true,
                        const std::function<void(service::Settings&)>& change = {},
                        Engine engine = on_postgresql() ? Engine::postgresql : Engine::sqlite)
      : folder(std::filesystem::temp_directory_path() / ("mytoken-test-" + random_text(12))),
        engine_(engine),
        knobs_(std::move(knobs)) {
    std::filesystem::create_directories(folder);
    clock.set(std::chrono::duration_cast<std::chrono::seconds>(
                  std::chrono::system_clock::now().time_since_epoch())
                  .count());
    ProviderOptions options;
    options.clock = &clock;
    provider = std::make_unique<ScriptedProvider>(options, knobs_);
    rotating_ = rotating;
    change_ = change;
    open();
  }

  ~Installation() {
    close();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  // What a restart of the server does: everything in memory is gone.
  void restart() {
    close();
    open();
  }

  template <class T>
  T run(Task<T> task) {
    return test::run(io, std::move(task));
  }

  // Runs `count` tasks at once, on two threads; results in order.
  template <class T>
  std::vector<T> run_all(std::size_t count, const std::function<Task<T>(std::size_t)>& make) {
    std::vector<std::optional<T>> results(count);
    std::atomic<std::size_t> left{count};
    asio::io_context contexts[2];
    auto guard0 = asio::make_work_guard(contexts[0]);
    auto guard1 = asio::make_work_guard(contexts[1]);
    for (std::size_t i = 0; i < count; ++i) {
      asio::co_spawn(contexts[i % 2].get_executor(), make(i),
                     [&, i](std::exception_ptr error, T value) {
                       if (!error) results[i].emplace(std::move(value));
                       if (--left == 0) {
                         guard0.reset();
                         guard1.reset();
                       }
                     });
    }
    std::thread other([&] { contexts[1].run_for(std::chrono::seconds(120)); });
    contexts[0].run_for(std::chrono::seconds(120));
    other.join();
    std::vector<T> list;
    for (auto& result : results) {
      EXPECT_TRUE(result.has_value());
      if (result) list.push_back(std::move(*result));
    }
    // The HTTP client keeps connections per io_context, so it goes before they do.
    reopen_http();
    return list;
  }

  // The steps of a login, each as the API would call it.
  Result<service::LoginStart> start(service::TokenWish wish = {},
                                    const std::string& web_redirect = {}) {
    service::LoginRequest request;
    request.wish = std::move(wish);
    if (request.wish.oidc_issuer.empty()) request.wish.oidc_issuer = provider->issuer();
    request.web = !web_redirect.empty();
    request.redirect_uri = web_redirect;
    request.client = client();
    return run(service::start_login(*context, std::move(request)));
  }
  static Secret consent_of(const service::LoginStart& start) {
    return Secret(start.consent_uri.substr(start.consent_uri.rfind('/') + 1));
  }
  static Secret browser() { return Secret("a-browser-with-a-long-binding-secret"); }
  // Consent and the provider; what comes back to /redirect, in the browser that consented.
  service::Redirect consented(const service::LoginStart& start, service::ConsentEdits edits = {}) {
    auto url =
        run(service::accept_consent(*context, consent_of(start), std::move(edits), browser()));
    EXPECT_TRUE(url) << url.error().description;
    service::Redirect back;
    if (url) back = follow(*url);
    back.browser = browser();
    return back;
  }
  Result<service::LoginEnd> finish(service::Redirect back) {
    return run(service::finish_login(*context, std::move(back)));
  }
  Result<json::object> poll(const Secret& polling_code) {
    return run(service::poll(*context, polling_code, client()));
  }

  // A login through consent, provider and poll; result: the poller's answer.
  json::object login(service::TokenWish wish = {}) {
    service::LoginRequest request;
    request.wish = std::move(wish);
    request.wish.oidc_issuer = provider->issuer();
    request.client = client();
    auto start = run(service::start_login(*context, std::move(request)));
    EXPECT_TRUE(start) << start.error().description << " / " << start.error().cause;
    if (!start) return {};
    const Secret consent(start->consent_uri.substr(start->consent_uri.rfind('/') + 1));
    const Secret browser("a-browser-with-a-long-binding-secret");
    auto url = run(service::accept_consent(*context, consent, {}, browser));
    EXPECT_TRUE(url) << url.error().description;
    if (!url) return {};
    service::Redirect back = follow(*url);
    back.browser = browser;
    auto end = run(service::finish_login(*context, back));
    EXPECT_TRUE(end) << end.error().description << " / " << end.error().cause;
    auto answer = run(service::poll(*context, start->polling_code, client()));
    EXPECT_TRUE(answer) << answer.error().description << " / " << answer.error().cause;
    return answer ? *answer : json::object();
  }

  Secret login_token(service::TokenWish wish = {}) {
    const json::object answer = login(std::move(wish));
    return Secret(std::string(string_member(answer, "mytoken")));
  }

  // What the provider appends to the redirect URI for an authorization URL.
  service::Redirect follow(const std::string& authorization_url) {
    net::HttpRequest request;
    request.url = authorization_url;
    const net::HttpResponse response = run(http->send(request));
    const std::string location(response.header("location"));
    service::Redirect back;
    back.client = client();
    std::string_view query = std::string_view(location).substr(location.find('?') + 1);
    while (!query.empty()) {
      const std::string_view pair = query.substr(0, query.find('&'));
      const std::string name(pair.substr(0, pair.find('=')));
      const std::string value = *percent_decode(pair.substr(pair.find('=') + 1), true);
      if (name == "state") back.state = value;
      if (name == "code") back.code = value;
      if (name == "error") back.error = value;
      if (name == "error_description") back.error_description = value;
      if (name == "iss") back.iss = value;
      query.remove_prefix(std::min(query.size(), pair.size() + 1));
    }
    return back;
  }

  service::Presentation present(const Secret& token) const {
    return {token, client(), clock.now()};
  }
  static service::ClientInfo client() { return {"192.0.2.1", "test/1"}; }

  service::AccessRequest access(const Secret& token) const {
    service::AccessRequest request;
    request.presentation = present(token);
    return request;
  }

  // Every event of a token, oldest first.
  std::vector<std::string> events(const std::string& mytoken_id) {
    run(context->database.flush(), true);
    std::vector<std::string> names;
    auto read = database->read_now([&](sql::Connection& db) -> Result<void> {
      auto rows = db.all(
          "SELECT event FROM events WHERE mytoken_id = $1 ORDER BY id",
          [](const sql::Row& r) { return r.string(0); }, sql::Blob{mytoken_id});
      if (rows) names = *rows;
      return {};
    });
    EXPECT_TRUE(read);
    return names;
  }

  static bool on_postgresql() {
    const char* engine = std::getenv("MYTOKEN_TEST_ENGINE");
    return engine && std::string_view(engine) == "postgresql";
  }
  // One more connection to the database, as another server has it. SQLite refuses a second one.
  Result<std::unique_ptr<sql::Database>> open_database() {
    if (engine_ == Engine::postgresql) {
      if (schema.empty()) {
        schema = PostgresCluster::shared().fresh_schema();
        PostgresCluster::shared().admin(
            "CREATE FUNCTION zeroblob(int) RETURNS bytea LANGUAGE sql AS "
            "$$ SELECT decode(repeat('00', $1), 'hex') $$; "
            "CREATE FUNCTION randomblob(int) RETURNS bytea LANGUAGE sql AS "
            "$$ SELECT substring(decode(repeat(md5(random()::text), $1), 'hex') FOR $1) $$",
            schema);
      }
      sql::PostgresOptions options;
      options.url = Secret(schema);
      auto opened = sql::open_postgres(options, log);
      if (!opened) return fail(opened.error());
      return std::unique_ptr<sql::Database>(std::move(*opened));
    }
    sql::SqliteOptions options;
    options.file = folder / "mytoken.sqlite";
    return sql::open_sqlite(options, log);
  }

  // The context of one more server on the same database.
  std::unique_ptr<service::Context> make_context(const service::Settings& settings,
                                                 const std::string& owner,
                                                 service::Journal& its_journal) {
    return make_context(settings, owner, its_journal, *database);
  }
  std::unique_ptr<service::Context> make_context(const service::Settings& settings,
                                                 const std::string& owner,
                                                 service::Journal& its_journal,
                                                 sql::Database& its_database) {
    return std::unique_ptr<service::Context>(new service::Context{
        settings, its_database, providers, *key, crypto::KeySet({*key}),
        service::derive_installation_secret(*key), resolver, clock, log, owner, its_journal});
  }

  // For tests with an io_context of their own: the HTTP client keeps connections per io_context, so
  // it goes before.
  void drop_http() { reopen_http(); }
  void background() { run(service::background_round(*context), true); }

  // Changes rows as somebody with access to the database could. In SQLite's dialect; see
  // open_database for what else PostgreSQL is taught.
  void execute(std::string sql) {
    if (engine_ == Engine::postgresql) {
      sql = std::regex_replace(sql, std::regex("x'([0-9A-Fa-f]*)'"), "'\\x$1'");
      sql = std::regex_replace(sql, std::regex("AS BLOB"), "AS BYTEA");
    }
    auto done = database->write_now([&](sql::Transaction& db) -> Result<void> {
      auto changed = db.execute(sql);
      if (!changed) return tl::unexpected(changed.error());
      return {};
    });
    EXPECT_TRUE(done) << done.error().cause;
  }

  // Everything in the folder of the installation, database and journal, as bytes.
  std::string stored_bytes() {
    restart();
    std::string bytes;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      std::ifstream in(entry.path(), std::ios::binary);
      bytes += std::string(std::istreambuf_iterator<char>(in), {});
    }
    if (!schema.empty()) {
      const auto& cluster = PostgresCluster::shared();
      std::istringstream tables(cluster.admin(
          "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()", schema));
      for (std::string table; std::getline(tables, table);)
        bytes += cluster.admin("SET bytea_output = 'escape'; SELECT * FROM " + table, schema);
    }
    return bytes;
  }

  // Without a refresh token for the provider, without a provider: what is configured from now on.
  void configure_no_provider() { providers = {}; }
  void configure_maximum_lifetime(Seconds lifetime) {
    longest_life = lifetime;
    reopen_http();
  }

  void configure_enforced(oidc::EnforcedRestrictions restrictions) {
    enforced = std::move(restrictions);
    reopen_http();
  }

  std::int64_t count(const std::string& sql) {
    std::int64_t number = -1;
    auto read = database->read_now([&](sql::Connection& db) -> Result<void> {
      auto row = db.one(sql, [](const sql::Row& r) { return r.integer(0); });
      if (row && *row) number = **row;
      return {};
    });
    EXPECT_TRUE(read);
    return number;
  }

  std::filesystem::path folder;
  std::string schema;       // URL of the schema on PostgreSQL; "" on SQLite
  Seconds longest_life{0};  // mytokens_max_lifetime of the provider
  oidc::EnforcedRestrictions enforced;
  ManualClock clock;
  CollectingLog log;
  NamesByTable resolver;
  asio::io_context io{1};
  std::unique_ptr<ScriptedProvider> provider;
  std::unique_ptr<net::HttpClient> http;
  std::unique_ptr<FaultyDatabase> database;
  std::unique_ptr<service::Journal> journal;
  oidc::Providers providers;
  std::optional<crypto::Key> key;
  std::unique_ptr<service::Context> context;

 private:
  void run(Task<void> task, bool) {
    auto wrapper = [](Task<void> inner) -> Task<int> {
      co_await std::move(inner);
      co_return 0;
    };
    test::run(io, wrapper(std::move(task)));
  }

  void reopen_http() {
    providers = {};
    http = net::make_curl_client({});
    oidc::ProviderSettings settings;
    settings.issuer = provider->issuer();
    settings.client_id = "client";
    settings.client_secret = Secret("client-secret");
    settings.scopes = {"openid", "profile", "email", "offline_access"};
    settings.rotating_refresh_tokens = rotating_;
    settings.mytokens_max_lifetime = longest_life;
    settings.enforced = enforced;
    providers.add(std::make_shared<oidc::Provider>(settings, *http, clock, log));
  }

  void open() {
    if (!key) key = crypto::Key::generate(crypto::Algorithm::es256);
    reopen_http();
    database.reset();
    auto opened = open_database();
    ASSERT_TRUE(opened) << opened.error().cause;
    database = std::make_unique<FaultyDatabase>(std::move(*opened));
    auto migrated = database->migrate(store::migrations());
    ASSERT_TRUE(migrated) << migrated.error().cause;
    auto opened_journal = service::Journal::open(folder / "journal", log);
    ASSERT_TRUE(opened_journal);
    journal = std::move(*opened_journal);
    ASSERT_TRUE(journal->bind("this-installation"));
    service::Settings settings;
    settings.issuer = "https://mytoken.example.org";
    if (change_) change_(settings);
    context = make_context(settings, "server-1", *journal);
  }

  void close() {
    context.reset();
    journal.reset();
    database.reset();
    providers = {};
    http.reset();
  }

  Engine engine_;
  ProviderKnobs knobs_;
  bool rotating_ = true;
  std::function<void(service::Settings&)> change_;
};

}  // namespace mytoken::test
