// Rows as the rest of the program sees them. Sealed columns stay sealed here.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace mytoken::store {

using UserId = std::int64_t;
using RefreshTokenId = std::int64_t;

// Who sent a request, as events record it.
struct ClientInfo {
  std::string address;     // canonical, "" if unknown
  std::string user_agent;  // at most 500 characters
};

// What every use of a mytoken reads first (DESIGN §7 step 2).
struct TokenState {
  std::string id;  // 64 bytes
  UserId user_id = 0;
  std::optional<RefreshTokenId> refresh_token_id;
  std::string sealed_key;
  std::int64_t seq_no = 0;
  PreciseTime last_rotated{};
  // Of rotating tokens that came back with an older database; see store/restore.h.
  std::optional<std::int64_t> restored_seq_no;
  std::optional<std::int64_t> first_seq_no;
  bool superseded = false;

  // The successor's number.
  std::int64_t next_seq_no() const {
    return first_seq_no && *first_seq_no > seq_no ? *first_seq_no : seq_no + 1;
  }
  bool is_predecessor(std::int64_t number) const {
    return number + 1 == seq_no || (restored_seq_no && number == *restored_seq_no && first_seq_no &&
                                    seq_no == *first_seq_no);
  }
  // True for a number that was handed out and that the database does not know of, and for every
  // number once such a one was presented.
  bool is_lost(std::int64_t number) const {
    if (superseded || number > seq_no) return true;
    return number < seq_no && restored_seq_no && first_seq_no && number > *restored_seq_no &&
           number < *first_seq_no;
  }
};

struct NewToken {
  std::string id;
  std::optional<std::string> parent_id;
  UserId user_id = 0;
  std::optional<RefreshTokenId> refresh_token_id;
  std::string sealed_key;
  std::string name;
  Time created{};
  std::int64_t number = 0;  // orders those of one second (ordered_id)
  std::string created_ip;
  std::optional<Time> expires_at;
  std::string capabilities;             // JSON
  std::string restrictions;             // JSON
  std::optional<std::string> rotation;  // JSON
};

// A clause with its counters and the ancestor it is charged with (spec tokens.md §5.8, 5.13).
struct ClauseRow {
  std::string hash;  // 64 bytes
  std::optional<std::int64_t> limit_at;
  std::optional<std::int64_t> limit_other;
  std::int64_t used_at = 0;
  std::int64_t used_other = 0;
  std::optional<std::string> parent_mytoken_id;
  std::optional<std::string> parent_hash;
  bool uses_unknown = false;  // used up because of a restore, see store/restore.h
};

struct RefreshTokenRow {
  RefreshTokenId id = 0;
  std::string issuer;
  std::string sealed_token;
  std::int64_t version = 0;
  std::string state;  // ok, suspect, dead
  bool offline_granted = true;
  Time failed_at{};
};

struct ProxyRow {
  std::string id;    // digest of the short token or code
  std::string kind;  // short_token, transfer_code
  std::string mytoken_id;
  std::string sealed_jwt;
  Time created{};
  std::optional<Time> expires_at;
  std::string response_type = "token";
  bool revokes_token = false;
  std::optional<std::string> key_for_purge{};  // with revokes_token
};

struct FlowRow {
  std::string id;
  std::string consent_hash;
  std::optional<std::string> polling_hash;
  std::optional<std::string> state_hash;
  std::string status = "started";
  std::optional<std::string> error;
  std::string issuer;
  std::string request;  // JSON
  std::string key_for_consent;
  std::optional<std::string> key_for_polling;
  std::optional<std::string> key_for_state;
  std::optional<std::string> sealed_secrets;
  std::optional<std::string> browser_hash;
  Time created{};
  std::string created_ip;
  Time expires_at{};
  std::optional<std::string> mytoken_id;
  std::optional<std::string> sealed_jwt;
  std::optional<std::string> key_for_purge{};
};

struct OutboxRow {
  std::int64_t id = 0;
  std::string kind;
  std::string issuer;
  std::string sealed_payload;
  std::int64_t attempts = 0;
};

}  // namespace mytoken::store
