// Connecting: what the URL leaves open, the settings of a session, and errors in one line without
// the password.
#include <algorithm>

#include "sql/postgres_connection.h"

namespace mytoken::sql {
namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

constexpr std::string_view not_understood =
    "the database URL is not understood: write postgresql://user:password@host/database, with "
    "letters like @ / : % in user and password percent-encoded";

// What the URL itself gives the option; "" if nothing.
std::string_view given(const PQconninfoOption* options, std::string_view keyword) {
  for (const PQconninfoOption* option = options; option->keyword; ++option) {
    if (keyword == option->keyword && option->val) return option->val;
  }
  return {};
}

// An @ that is not percent-encoded makes the rest of a password host or port, which errors quote.
bool is_sound(const PQconninfoOption* options) {
  return given(options, "port").find_first_not_of("0123456789,") == std::string_view::npos &&
         given(options, "host").find('@') == std::string_view::npos;
}

// One line: what libpq says, and what to do. What it is about can only be read from its words,
// which may be in another language; then the hint names all there is.
Error cannot_open(const std::string& why) {
  const auto says = [&why](std::string_view part) { return why.find(part) != std::string::npos; };
  std::string_view hint =
      "check host, port, database, user and password in database.url, and that the server runs";
  if (says("read-only") || says("hot standby"))
    hint = "it takes no writes: let database.url name the primary, or all hosts of the cluster";
  return unavailable("cannot open the database: " + why + ": " + std::string(hint));
}

}  // namespace

PostgresConnection::PostgresConnection(PGconn* handle, std::chrono::milliseconds patience)
    : handle_(handle), patience_(patience) {}

PostgresConnection::~PostgresConnection() {
  by_key_.clear();
}

Result<std::unique_ptr<PostgresConnection>> PostgresConnection::open(
    const PostgresOptions& options) {
  const std::string url(options.url.reveal());
  // libpq's words about a bad URL may quote the password.
  std::unique_ptr<PQconninfoOption, FreeOptions> parsed(PQconninfoParse(url.c_str(), nullptr));
  if (!parsed || !is_postgres_url(url) || !is_sound(parsed.get())) {
    return fail(internal_error(std::string(not_understood)));
  }
  const auto seconds = std::max<std::int64_t>(
      std::chrono::ceil<std::chrono::seconds>(options.connect_timeout).count(), 2);
  const std::string connect_timeout = std::to_string(seconds);
  const std::string silence = std::to_string(options.statement_timeout.count());
  std::vector<const char*> names = {"dbname"};
  std::vector<const char*> values = {url.c_str()};
  auto set = [&](const char* name, const char* value, bool always) {
    if (!always && !given(parsed.get(), name).empty()) return;
    names.push_back(name);
    values.push_back(value);
  };
  set("target_session_attrs", "read-write", true);
  set("connect_timeout", connect_timeout.c_str(), false);
  set("tcp_user_timeout", silence.c_str(), false);
  set("keepalives_idle", "10", false);
  set("application_name", "mytoken-server", false);
  set("client_encoding", "UTF8", true);
  names.push_back(nullptr);
  values.push_back(nullptr);
  PGconn* handle = PQconnectdbParams(names.data(), values.data(), 1);
  if (!handle) return fail(cannot_open("no memory"));
  // The server ends a statement that takes too long; a second later we end the silence.
  std::unique_ptr<PostgresConnection> connection(
      new PostgresConnection(handle, options.statement_timeout + std::chrono::seconds(1)));
  if (PQstatus(handle) != CONNECTION_OK) return fail(cannot_open(one_line(PQerrorMessage(handle))));
  PQsetNoticeReceiver(
      handle,
      [](void* self, const PGresult* notice) {
        const char* severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
        if (severity && std::string_view(severity) == "WARNING")
          static_cast<PostgresConnection*>(self)->warned_ = true;
      },
      connection.get());
  if (PQsetnonblocking(handle, 1) != 0 || PQenterPipelineMode(handle) == 0) {
    return fail(cannot_open(one_line(PQerrorMessage(handle))));
  }
  // What is not begun as a write cannot write. A transaction whose owner fell silent is ended by
  // the server.
  const std::string settings =
      "SELECT set_config('default_transaction_read_only', 'on', false), "
      "set_config('statement_timeout', '" +
      silence + "', false), set_config('lock_timeout', '" +
      std::to_string(options.lock_timeout.count()) +
      "', false), set_config('idle_in_transaction_session_timeout', '" +
      std::to_string(3 * options.statement_timeout.count()) + "', false)";
  if (auto done = connection->control(settings); !done) {
    return fail(cannot_open(done.error().cause));
  }
  connection->round_trips_ = 0;
  return connection;
}

}  // namespace mytoken::sql
