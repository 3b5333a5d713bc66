// What happened to a token: events, the metadata of its access tokens, and the answer of its last
// rotation.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sql/connection.h"
#include "store/records.h"

namespace mytoken::store {

// Appends an event; comments are cut to 1000 characters. A token that is gone by now has no
// history: nothing happens.
Result<void> add_event(sql::Transaction& db, const Clock& clock, const std::string& mytoken_id,
                       std::string_view event, std::string_view comment, const ClientInfo& client);

struct Event {
  std::int64_t id = 0;  // ascending in time
  std::string mytoken_id;
  Time time{};
  std::string name;
  std::string comment;
  std::string ip;
  std::string user_agent;
};
// Whose events: of these tokens, and of the descendants of those. Every id once.
struct EventSelection {
  std::vector<std::string> tokens;
  std::vector<std::string> above;
  std::optional<std::int64_t> before;  // only events older than this one
};
// At most `most` events, newest first, each once however often it is selected.
Result<std::vector<Event>> events_of(sql::Connection& db, const EventSelection& selection,
                                     std::int64_t most);

struct AccessTokenRecord {
  std::optional<Time> expires_at;
  std::string comment;
  std::string scope;
  std::string audience;  // JSON array
  std::string hash;      // SHA-256
};
Result<void> add_access_token(sql::Transaction& db, const Clock& clock,
                              const std::string& mytoken_id, const AccessTokenRecord& record,
                              const ClientInfo& client);

// The retry memory of a rotation (DESIGN §7): one per token, the last.
struct RotationRecord {
  std::int64_t predecessor_seq_no = 0;
  std::string request_hash;
  std::string sealed_answer;
  Time expires_at{};
};
Result<void> set_rotation_record(sql::Transaction& db, const std::string& mytoken_id,
                                 const RotationRecord& record);
// Counts a repetition of this rotation's request. False: there were three, or a later rotation.
Result<bool> claim_repetition(sql::Transaction& db, const std::string& mytoken_id,
                              std::int64_t predecessor_seq_no);
Result<std::optional<RotationRecord>> rotation_record(sql::Connection& db,
                                                      const std::string& mytoken_id);

}  // namespace mytoken::store
