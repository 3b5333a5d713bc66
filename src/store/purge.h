// Removing what is over (spec tokens.md §12, operations.md §18), in portions of bounded size, each
// found by an index, whatever else is stored:
//
//   flows                 an hour past their end, finished ones with their mytoken: it cannot be
//                         opened any more
//   used guest codes      at their end
//   codes, replaced short a day past their end, until then they are recognised; a code that nobody
//     tokens, answers of  used takes along the mytoken that was created with it
//     rotations
//   history               older than Retention::events
//   mytokens              Retention::expired_tokens past their end, with all that belongs to them;
//                         what descends from them moves to their parent, and limited clauses stay
//                         while anybody is charged to them
//   guests                without any mytoken, as long after their login or after they were last
//                         seen with one; their tags go along
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sql/connection.h"
#include "store/tokens.h"

namespace mytoken::store {

struct Retention {
  Seconds events{365 * 86400};
  Seconds expired_tokens{30 * 86400};
};

struct Purged {
  std::int64_t rows = 0;  // removed or changed
  bool more = false;      // something is left
  // Refresh tokens that lost their last mytoken. Nobody presented a mytoken that could open them:
  // they cannot be revoked at their provider.
  std::int64_t orphans = 0;
  // Those of mytokens that nobody collected can, in the same transaction.
  struct Uncollected {
    std::string mytoken_id;
    std::string key_for_purge;
    Orphan refresh_token;
  };
  std::vector<Uncollected> uncollected;
};

// Rows that one statement of a portion removes at most.
inline constexpr std::int64_t purge_portion = 500;

// Removes one portion. Repeat while there is more, each time in a transaction of its own. Guests
// are the users of `guest_issuer`: each is somebody new (service/guests.h), so one without mytokens
// never comes back. Users of other issuers stay.
Result<Purged> purge_expired(sql::Transaction& db, Time now, const Retention& retention,
                             const std::string& guest_issuer);

}  // namespace mytoken::store
