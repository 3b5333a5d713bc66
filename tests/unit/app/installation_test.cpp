// What servers of one installation share, on both engines: keys, secret, clock, journal. A server
// that does not fit gets one line that says what to do, and has changed nothing.
#include "app/installation.h"

#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <mutex>
#include <sstream>

#include "app/server.h"
#include "config_fixture.h"
#include "sql/postgres.h"
#include "sql/sqlite.h"
#include "store/history.h"
#include "store/refresh_tokens.h"
#include "store/schema.h"
#include "store/tokens.h"
#include "support/manual_clock.h"
#include "support/postgres_cluster.h"
#include "unit/app/one_request.h"

namespace mytoken::app {
namespace {

using mytoken::test::ManualClock;
using mytoken::test::PostgresCluster;
using test::contains;
using test::get;

class MemoryLog final : public Log {
 public:
  MemoryLog() : Log(2, LogLevel::debug, Format::text) {}
  std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 protected:
  void emit(std::string_view line) override {
    const std::lock_guard lock(mutex_);
    text_ += line;
  }
  mutable std::mutex mutex_;
  std::string text_;
};

std::string bytes_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

enum class Engine { sqlite, postgresql };

class OneInstallation : public testing::TestWithParam<Engine> {
 protected:
  OneInstallation() {
    for (const char* name : {"one", "two"}) {
      const SigningKeyFile file{crypto::Algorithm::es256, folder.file(name)};
      EXPECT_TRUE(make_key(file, 2048));
      keys.push_back(*load_key(file));
    }
    use_new_database();
  }

  void use_new_database() {
    if (GetParam() == Engine::postgresql) {
      url = PostgresCluster::shared().fresh_schema();
    } else {
      url = "sqlite://" + folder.file("db-" + std::to_string(databases++));
    }
  }

  // `active` and `verify`: names of key files.
  Config config(const std::string& active, const std::vector<std::string>& verify = {},
                const std::string& journal = "journal") {
    std::string more;
    for (const std::string& name : verify)
      more += (more.empty() ? "" : ", ") + ("{key_file: " + folder.file(name) + "}");
    Loaded loaded = load_config(
        {{folder.write("config.yaml",
                       "issuer: http://127.0.0.1:8000\n"
                       "service_operator: {name: Tests, mail_contact: tests@example.org}\n"
                       "server: {listen: ['127.0.0.1:0'], threads: 1, healthcheck: true}\n"
                       "signing: {mytoken: {alg: ES256, key_file: " +
                           folder.file(active) + ", keys: [" + more +
                           "]}}\n"
                           "database: {url: '" +
                           url + "', journal: " + folder.file(journal) +
                           "}\n"
                           "providers:\n"
                           "  - {issuer: 'http://127.0.0.1:1', client_id: a, client_secret: b, "
                           "scopes: [openid]}\n")},
         false,
         {}});
    EXPECT_EQ(test::lines(loaded.errors), "");
    return loaded.config;
  }
  Result<std::unique_ptr<Instance>> start(Config config) {
    return Instance::start(std::move(config), {nullptr, &clock, nullptr, &log});
  }
  std::unique_ptr<Instance> started(Config config) {
    auto instance = start(std::move(config));
    EXPECT_TRUE(instance) << instance.error().cause;
    return instance ? std::move(*instance) : nullptr;
  }
  // The line that a start is refused with; database and journal are as before.
  std::string refusal(Config config) {
    const std::string before = stored() + bytes_of(config.journal_file);
    const std::string journal = config.journal_file;
    auto instance = start(std::move(config));
    EXPECT_FALSE(instance);
    EXPECT_TRUE(stored() + bytes_of(journal) == before) << "something was changed";
    if (instance) return {};
    EXPECT_EQ(instance.error().cause.find('\n'), std::string::npos);
    return instance.error().cause;
  }

  // Everything in the database.
  std::string stored() {
    if (GetParam() == Engine::sqlite) return bytes_of(url.substr(9));
    const auto& cluster = PostgresCluster::shared();
    std::istringstream tables(cluster.admin(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1", url));
    std::string text;
    for (std::string table; std::getline(tables, table);)
      text += table + "\n" + cluster.admin("SELECT * FROM " + table, url);
    return text;
  }
  std::unique_ptr<sql::Database> database_itself() {
    if (GetParam() == Engine::sqlite) {
      sql::SqliteOptions options;
      options.file = url.substr(9);
      return std::move(*sql::open_sqlite(options, log));
    }
    sql::PostgresOptions options;
    options.url = Secret(url);
    return std::move(*sql::open_postgres(options, log));
  }
  // A database of the first schema, as earlier versions left it.
  std::unique_ptr<sql::Database> old_database() {
    auto database = database_itself();
    EXPECT_TRUE(database->migrate({store::migrations().front()}));
    return database;
  }
  void add_refresh_token(sql::Database& database, std::int64_t id) {
    const std::function<Result<void>(sql::Transaction&)> add =
        [&](sql::Transaction& db) -> Result<void> {
      auto user = store::find_or_add_user(db, "sub", "iss", std::nullopt, false, clock.now());
      if (!user) return tl::unexpected(user.error());
      return store::add_refresh_token(db, id, *user, "iss", "sealed", true, clock.now());
    };
    EXPECT_TRUE(database.write_now(add));
  }
  static std::int64_t count(Instance& server, const std::string& sql) {
    return count(server.context().database, sql);
  }
  static std::int64_t count(sql::Database& database, const std::string& sql) {
    std::int64_t number = -1;
    const std::function<Result<void>(sql::Connection&)> read =
        [&](sql::Connection& db) -> Result<void> {
      auto row = db.one(sql, [](const sql::Row& r) { return r.integer(0); });
      if (!row) return tl::unexpected(row.error());
      if (*row) number = **row;
      return {};
    };
    const auto done = database.read_now(read);
    EXPECT_TRUE(done) << done.error().cause;
    return number;
  }

  test::Folder folder;
  MemoryLog log;
  ManualClock clock;
  std::vector<crypto::Key> keys;
  std::string url;
  int databases = 0;
};

INSTANTIATE_TEST_SUITE_P(Sqlite, OneInstallation, testing::Values(Engine::sqlite));
INSTANTIATE_TEST_SUITE_P(Postgresql, OneInstallation, testing::Values(Engine::postgresql));

TEST_P(OneInstallation, the_secret_outlives_its_first_signing_key) {
  const Secret derived = service::derive_installation_secret(keys[0]);
  EXPECT_TRUE(started(config("one"))->context().installation_secret == derived);
  EXPECT_TRUE(started(config("one"))->context().installation_secret == derived);
  EXPECT_TRUE(started(config("two", {"one"}))->context().installation_secret == derived);
  EXPECT_TRUE(started(config("two"))->context().installation_secret == derived);
}

TEST_P(OneInstallation, a_coming_key_is_registered_before_it_signs) {
  const Secret derived = service::derive_installation_secret(keys[0]);
  EXPECT_TRUE(started(config("one", {"two"})));
  EXPECT_TRUE(started(config("two"))->context().installation_secret == derived);
}

TEST_P(OneInstallation, a_database_of_an_earlier_version_keeps_its_secret) {
  old_database().reset();
  const auto server = started(config("one"));
  ASSERT_TRUE(server);
  EXPECT_TRUE(server->context().installation_secret ==
              service::derive_installation_secret(keys[0]));
}

TEST_P(OneInstallation, a_server_with_another_key_is_refused) {
  ASSERT_TRUE(started(config("one")));
  const std::string line = refusal(config("two"));
  EXPECT_TRUE(contains(line, "the signing key of this server (" + keys[1].thumbprint() +
                                 ") is not one of its database's (" + keys[0].thumbprint() + ")"));
  EXPECT_TRUE(contains(line, "signing.mytoken.keys"));
}

TEST_P(OneInstallation, a_key_whose_copy_of_the_secret_is_damaged_is_refused) {
  {
    const auto server = started(config("one"));
    const std::function<Result<void>(sql::Transaction&)> damage =
        [](sql::Transaction& db) -> Result<void> {
      const std::string bytes(78, 'x');
      return db.post("UPDATE installation_keys SET sealed_secret = $1", sql::Blob{bytes});
    };
    ASSERT_TRUE(server->context().database.write_now(damage));
  }
  EXPECT_TRUE(contains(refusal(config("one")), "is damaged"));
}

TEST_P(OneInstallation, a_clock_behind_the_database_stops_the_start) {
  clock.set(1'800'000'000);
  ASSERT_TRUE(started(config("one")));
  clock.advance(std::chrono::seconds(-11));
  const std::string line = refusal(config("one"));
  EXPECT_TRUE(contains(line, "the clock of this server shows 2027-01-15 07:59:49 UTC"));
  EXPECT_TRUE(contains(line, "the database was written at 2027-01-15 08:00:00 UTC"));
  EXPECT_TRUE(contains(line, "--accept-clock"));
  clock.advance(std::chrono::seconds(1));
  EXPECT_TRUE(started(config("one")));
}

TEST_P(OneInstallation, a_clock_may_be_accepted) {
  clock.set(1'800'000'000);
  ASSERT_TRUE(started(config("one")));
  clock.set(1'700'000'000);
  Config accepting = config("one");
  accepting.accept_clock = true;
  EXPECT_TRUE(started(std::move(accepting)));
  EXPECT_TRUE(started(config("one")));  // from then on that is the time
}

TEST_P(OneInstallation, a_clock_behind_the_last_event_stops_the_start) {
  {
    const auto server = started(config("one"));
    const std::function<Result<void>(sql::Transaction&)> add =
        [&](sql::Transaction& db) -> Result<void> {
      auto user = store::find_or_add_user(db, "sub", "iss", std::nullopt, false, clock.now());
      if (!user) return tl::unexpected(user.error());
      store::NewToken token;
      token.id = "id";
      token.user_id = *user;
      if (auto r = store::add_token(db, token); !r) return r;
      // Ids of events begin with their microseconds.
      return db.post(
          "INSERT INTO events (id, mytoken_id, time, event, comment, ip, user_agent) VALUES "
          "($1, $2, $3, 'created', '', '', '')",
          std::int64_t{1'700'000'100} * 1'000'000 * 1024, sql::Blob{token.id}, clock.now());
    };
    const auto added = server->context().database.write_now(add);
    ASSERT_TRUE(added) << added.error().cause;
  }
  EXPECT_TRUE(contains(refusal(config("one")), "the database was written at 2023-11-14 22:15:00"));
}

TEST_P(OneInstallation, while_the_clock_is_set_back_nothing_is_served_that_depends_on_it) {
  const auto server = started(config("one"));
  ASSERT_TRUE(server);
  const auto status = [&](const std::string& path) {
    return get(server->port(), path).substr(9, 3);
  };
  EXPECT_EQ(status("/native"), "200");
  EXPECT_TRUE(contains(get(server->health_port(), "/readyz"), "HTTP/1.1 200 "));
  clock.advance(std::chrono::hours(-1));
  const std::string closed = get(server->port(), "/native");
  EXPECT_TRUE(contains(closed, "HTTP/1.1 503 "));
  EXPECT_TRUE(contains(closed, "Retry-After: 30\r\n"));
  EXPECT_EQ(status("/.well-known/mytoken-configuration"), "200");
  EXPECT_TRUE(contains(get(server->health_port(), "/readyz"), "\"clock_right\":false"));
  EXPECT_EQ(status("/native"), "503");
  clock.advance(std::chrono::hours(2));  // ahead is not behind
  EXPECT_EQ(status("/native"), "200");
  EXPECT_TRUE(contains(get(server->health_port(), "/readyz"), "HTTP/1.1 200 "));
  const std::string text = log.text();
  const std::string told = "the clock was set back";
  ASSERT_TRUE(contains(text, told));
  EXPECT_EQ(text.find(told, text.find(told) + 1), std::string::npos);
}

TEST_P(OneInstallation, a_journal_of_another_one_is_refused) {
  const std::string owner = started(config("one"))->context().journal.installation();
  {  // no server is there to replay it meanwhile
    auto journal = service::Journal::open(folder.file("journal"), log);
    ASSERT_TRUE(journal && (*journal)->bind(owner));
    ASSERT_TRUE((*journal)->append({42, 1, "sealed"}));
  }
  // A refresh token that is gone is nothing to keep.
  use_new_database();
  const std::string empty = refusal(config("one"));
  EXPECT_TRUE(contains(empty, "the journal " + folder.file("journal") + " belongs to another"));
  EXPECT_TRUE(contains(empty, "database.journal"));
  ASSERT_TRUE(started(config("one", {}, "another-journal")));
  EXPECT_TRUE(contains(refusal(config("one")), "belongs to another installation ("));
}

TEST_P(OneInstallation, an_unreadable_journal_is_refused_before_the_database_is_made) {
  folder.write("journal", "garbage\nin the middle\n");
  EXPECT_TRUE(contains(refusal(config("one")), "is damaged"));
  std::filesystem::remove(folder.file("journal"));
  std::filesystem::create_directory(folder.file("journal"));
  auto instance = start(config("one"));
  ASSERT_FALSE(instance);
  EXPECT_TRUE(contains(instance.error().cause, "is no file"));
  if (GetParam() == Engine::sqlite) {
    EXPECT_FALSE(std::filesystem::exists(url.substr(9)));
  }
}

TEST_P(OneInstallation, a_journal_without_a_name_is_known_by_its_refresh_tokens) {
  {
    auto database = old_database();
    add_refresh_token(*database, 42);
  }
  std::string old;
  {
    const std::string name = folder.file("other");
    auto journal = service::Journal::open(name, log);
    ASSERT_TRUE(journal && (*journal)->bind("x"));
    ASSERT_TRUE((*journal)->append({42, 1, "successor"}));
    old = bytes_of(name);
    old = old.substr(old.find('\n') + 1);
  }
  folder.write("journal", old);
  const std::string mine = url;
  use_new_database();
  EXPECT_TRUE(contains(refusal(config("one")), "belongs to another installation than"));
  {
    auto database = old_database();
    add_refresh_token(*database, 43);
  }
  EXPECT_TRUE(contains(refusal(config("one")), "belongs to another installation than"));
  url = mine;
  const auto server = started(config("one"));
  ASSERT_TRUE(server);
  EXPECT_TRUE(contains(bytes_of(folder.file("journal")), "mytoken-journal-2 installation "));
}

TEST_P(OneInstallation, lists_its_running_servers) {
  auto server = started(config("one", {"two"}));
  ASSERT_TRUE(server);
  EXPECT_EQ(count(*server, "SELECT count(*) FROM servers"), 1);
  EXPECT_EQ(count(*server, "SELECT count(*) FROM servers WHERE signing_key = '" +
                               keys[0].thumbprint() + "' AND known_keys = '" +
                               keys[0].thumbprint() + " " + keys[1].thumbprint() + "'"),
            1);
  server->stop();
  server.reset();
  EXPECT_EQ(count(*database_itself(), "SELECT count(*) FROM servers"), 0);
}

class SideBySide : public OneInstallation {};
INSTANTIATE_TEST_SUITE_P(Postgresql, SideBySide, testing::Values(Engine::postgresql));

TEST_P(SideBySide, a_server_that_lacks_the_key_of_a_running_one_is_refused) {
  auto first = started(config("one", {}, "journal-1"));
  ASSERT_TRUE(first);
  // It knows the first one's key; that the first does not know its key is said loudly.
  auto second = started(config("two", {"one"}, "journal-2"));
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->context().installation_secret == first->context().installation_secret);
  EXPECT_TRUE(contains(log.text(), "does not know this one's signing key"));
  const std::string line = refusal(config("one", {}, "journal-3"));
  EXPECT_TRUE(contains(line, "the running server " + second->context().owner));
  EXPECT_TRUE(contains(line, "signs with key " + keys[1].thumbprint()));
  second->stop();
  second.reset();
  EXPECT_TRUE(started(config("one", {}, "journal-3")));
}

TEST_P(SideBySide, a_server_that_was_killed_is_in_nobodys_way_after_a_minute) {
  { auto first = started(config("two", {"one"}, "journal-1")); }
  PostgresCluster::shared().admin("INSERT INTO servers VALUES ('killed', '" + keys[1].thumbprint() +
                                      "', '', " + std::to_string(to_unix(clock.now())) + ")",
                                  url);
  EXPECT_TRUE(contains(refusal(config("one", {}, "journal-1")), "the running server killed"));
  clock.advance(std::chrono::seconds(61));
  EXPECT_TRUE(started(config("one", {}, "journal-1")));
}

TEST_P(SideBySide, of_two_first_servers_with_different_keys_one_is_refused) {
  for (int round = 0; round < 5; ++round) {
    use_new_database();
    std::vector<std::future<Result<std::unique_ptr<Instance>>>> starts;
    for (const char* key : {"one", "two"}) {
      Config mine = config(key, {}, std::string("journal-") + key);
      starts.push_back(std::async(std::launch::async, [this, mine] { return start(mine); }));
    }
    auto one = starts[0].get();
    auto two = starts[1].get();
    EXPECT_NE(one.has_value(), two.has_value());
    const std::string line = one ? two.error().cause : one.error().cause;
    EXPECT_TRUE(contains(line, "is not one of its database's"));
  }
}

TEST_P(SideBySide, first_servers_with_one_key_all_join_one_installation) {
  std::vector<std::future<Result<std::unique_ptr<Instance>>>> starts;
  for (int i = 0; i < 4; ++i) {
    Config mine = config("one", {}, "journal-" + std::to_string(i));
    starts.push_back(std::async(std::launch::async, [this, mine] { return start(mine); }));
  }
  std::vector<std::unique_ptr<Instance>> servers;
  for (auto& one : starts) {
    auto server = one.get();
    ASSERT_TRUE(server) << server.error().cause;
    servers.push_back(std::move(*server));
  }
  EXPECT_EQ(count(*servers[0], "SELECT count(*) FROM servers"), 4);
  EXPECT_EQ(count(*servers[0], "SELECT count(*) FROM installation_keys"), 1);
}

}  // namespace
}  // namespace mytoken::app
