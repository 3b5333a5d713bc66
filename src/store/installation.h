// What all servers of one installation share (migration 2): its id, its secret under every
// registered signing key, the newest time that a server wrote, and the servers that run.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "sql/connection.h"

namespace mytoken::store {

struct InstallationKey {
  std::string thumbprint;     // RFC 7638
  std::string sealed_secret;  // under the private key
};

struct RunningServer {
  std::string owner;                    // its name in leases
  std::string signing_key;              // thumbprint
  std::vector<std::string> known_keys;  // thumbprints
  Time time{};                          // of its clock, at its last sign of life
};

struct InstallationRecord {
  std::string id;
  std::vector<InstallationKey> keys;
  std::vector<RunningServer> servers;
  Time newest{};  // the latest time in the database, as far as it is found by an index
};

// nullopt: no server has joined yet, or the schema is older. Before migrate() an error may mean
// that there are no tables at all.
Result<std::optional<InstallationRecord>> find_installation(sql::Connection& db);

// Makes the installation with the proposed id unless there is one, and keeps others from joining
// until the transaction ends. Result: its id.
Result<std::string> lock_installation(sql::Transaction& db, const std::string& proposed_id,
                                      Time now);
Result<void> register_key(sql::Transaction& db, const InstallationKey& key, Time now);

// Lists a server that starts. `set_back`: `newest` becomes its time even if it was later.
Result<void> add_server(sql::Transaction& db, const RunningServer& server, bool set_back = false);
// The sign of life of a running server. False: it is not listed any more.
Result<bool> report_server(sql::Transaction& db, const std::string& owner, Time now);
Result<void> remove_server(sql::Transaction& db, const std::string& owner);
// Rows of servers that have given no sign of life since.
Result<void> remove_servers_before(sql::Transaction& db, Time time);

// The latest time that any server wrote.
Result<Time> newest_time(sql::Connection& db);

}  // namespace mytoken::store
