// Logins in progress (spec oidc.md §6): one row per flow; its status changes by compare-and-set, so
// that a redirect is processed once and a polling code is redeemed once.
#pragma once
#include <optional>
#include <string>

#include "sql/connection.h"
#include "store/records.h"

namespace mytoken::store {

Result<void> add_flow(sql::Transaction& db, const FlowRow& flow);
// By SHA-256 of the consent code, of the state, of the polling code. Expired flows are returned
// too.
Result<std::optional<FlowRow>> flow_by_consent(sql::Connection& db, const std::string& hash);
Result<std::optional<FlowRow>> flow_by_state(sql::Connection& db, const std::string& hash);
Result<std::optional<FlowRow>> flow_by_polling(sql::Connection& db, const std::string& hash);

// started|consented -> consented with everything of the accepted request. False: the flow is past
// that.
struct Consent {
  std::string former_request;  // what was decided about: nothing happens if it is another by now
  std::string request;
  std::string state_hash;
  std::string key_for_state;
  std::string sealed_secrets;
  std::string browser_hash;
};
Result<bool> consent_flow(sql::Transaction& db, const std::string& id, const Consent& consent);
// Any of `from` -> `to`; false if the flow is in none of them. `error` is stored with it.
Result<bool> move_flow(sql::Transaction& db, const std::string& id, std::string_view from,
                       std::string_view to, const std::optional<std::string>& error = std::nullopt);
// exchanging -> done with the result for the poller, and what is needed if nobody collects it.
Result<bool> finish_flow(sql::Transaction& db, const std::string& id, const std::string& mytoken_id,
                         const std::optional<std::string>& sealed_jwt,
                         const std::optional<std::string>& key_for_purge = std::nullopt);
// Deletes a finished flow; false: somebody else did.
Result<bool> take_flow(sql::Transaction& db, const std::string& id, std::string_view status);

}  // namespace mytoken::store
