// A user's grants; see grants.h.
#include "service/grants.h"

#include "store/grants.h"

namespace mytoken::service {
namespace {

constexpr std::string_view ssh = "ssh";

}  // namespace

Task<Result<OperationAnswer>> list_grants(Context& context, OperationRequest request) {
  Operation operation;
  operation.authorise = needs("read@settings:grants");
  operation.look = [has_ssh = context.settings.ssh](sql::Connection& db,
                                                    const Authenticated& token) -> Result<Outcome> {
    json::array list;
    if (has_ssh) {
      auto enabled = store::is_grant_enabled(db, token.state.user_id, ssh);
      if (!enabled) return tl::unexpected(enabled.error());
      json::object entry;
      entry["grant_type"] = ssh;
      entry["enabled"] = *enabled;
      list.push_back(std::move(entry));
    }
    Outcome outcome;
    outcome.body["grant_types"] = std::move(list);
    outcome.events.push_back({"settings_grants_listed", ""});
    return outcome;
  };
  return operate(context, std::move(request), std::move(operation));
}

Result<void> check_grant(const Settings& settings, std::string_view grant_type, bool enabled) {
  if (grant_type.empty()) return fail(invalid_request("no valid 'grant_type' found"));
  if (grant_type != ssh)
    return fail(invalid_request("grant_type is none that users switch on or off"));
  if (enabled && !settings.ssh)
    return fail(invalid_request("grant_type ssh is not available on this server"));
  return {};
}

Task<Result<OperationAnswer>> set_grant(Context& context, OperationRequest request,
                                        std::string grant_type, bool enabled) {
  Operation operation;
  operation.authorise = needs("settings:grants");
  operation.work = [grant_type = std::move(grant_type), enabled](
                       sql::Transaction& db, const Authenticated& token) -> Result<Outcome> {
    if (auto r = store::set_grant(db, token.state.user_id, grant_type, enabled); !r)
      return tl::unexpected(r.error());
    Outcome outcome;
    outcome.events.push_back(
        {enabled ? "settings_grant_enabled" : "settings_grant_disabled", grant_type});
    return outcome;
  };
  return operate(context, std::move(request), std::move(operation));
}

}  // namespace mytoken::service
