// What a server has in common with the others of its installation: the database's id, the signing
// keys, the installation's secret, the time, and the journal that goes with the database. A server
// that does not fit is told so in one line before it changes anything.
#pragma once
#include <string>

#include "app/keys.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "service/journal.h"
#include "sql/database.h"

namespace mytoken::app {

struct Newcomer {
  const Keys& keys;
  const Clock& clock;
  std::string owner;          // as in leases
  bool alone = false;         // the embedded database: servers that it lists have ended
  bool accept_clock = false;  // times in the future are not refused
};

// Reads only. Errors (cause: one line that says what to do): none of the keys is registered, a
// running server signs with a key that is missing here, the clock is behind, the journal belongs to
// another installation. A database without tables, or of an older schema, has nothing to object.
Result<void> check_installation(sql::Database& database, const service::Journal& journal,
                                const Newcomer& newcomer);

struct Membership {
  std::string id;
  Secret secret;  // for codes and the outbox; the same for all servers
  Time newest;    // the latest time in the database when this server came
};

// On the current schema: the same checks; then makes the installation, if this is its first server,
// registers all keys, lists this server as running and binds the journal. Logs a warning for each
// running server that does not know this one's signing key.
Result<Membership> join_installation(sql::Database& database, service::Journal& journal,
                                     const Newcomer& newcomer, Log& log);

// This server is ending; what the database makes of it when it can.
void leave_installation(sql::Database& database, const std::string& owner);

}  // namespace mytoken::app
