// Work that must happen after a commit and survive a crash: today the revocation of refresh tokens
// at their provider.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "sql/connection.h"
#include "store/records.h"

namespace mytoken::store {

Result<void> add_outbox(sql::Transaction& db, const Clock& clock, const std::string& kind,
                        const std::string& issuer, const std::string& sealed_payload);
// Claims up to `most` due entries for `lease`: they are not due again before that, whoever asks.
Result<std::vector<OutboxRow>> claim_outbox(sql::Transaction& db, Time now, Seconds lease,
                                            int most);
Result<void> finish_outbox(sql::Transaction& db, std::int64_t id);
Result<void> postpone_outbox(sql::Transaction& db, std::int64_t id, Time next_at);

// Takes or renews a named lease for background work. False: another owner holds it.
Result<bool> take_named_lease(sql::Transaction& db, std::string_view name, const std::string& owner,
                              Time now, Seconds length);

}  // namespace mytoken::store
