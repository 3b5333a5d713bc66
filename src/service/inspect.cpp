// Introspection; see inspect.h.
#include "service/inspect.h"

#include "store/history.h"

namespace mytoken::service {
namespace {

// The clauses with what was used of them; a clause that was never used shows no counters.
json::array counted(const Authenticated& token) {
  json::array clauses = token::to_json(token.claims().restrictions);
  for (std::size_t i = 0; i < clauses.size(); ++i) {
    const std::string hash = token::clause_hash(token.claims().restrictions[i]);
    for (const auto& row : token.clauses) {
      if (row.hash != hash || (row.used_at == 0 && row.used_other == 0)) continue;
      clauses[i].as_object()["usages_AT_done"] = row.used_at;
      clauses[i].as_object()["usages_other_done"] = row.used_other;
    }
  }
  return clauses;
}

}  // namespace

Task<Result<json::object>> introspect(Context& context, Presentation presentation) {
  const ClientInfo client = presentation.client;
  auto admission = co_await admit(context, std::move(presentation), "");
  if (!admission) co_return tl::unexpected(admission.error());
  const Authenticated& token = admission->token;
  if (auto r = require_capability(token, "tokeninfo:introspect"); !r)
    co_return tl::unexpected(r.error());
  json::object inner = token::to_json(token.claims());
  if (!token.claims().restrictions.empty()) inner["restrictions"] = counted(token);
  json::object answer;
  answer["valid"] = true;
  answer["token_type"] =
      token.representation == token::Presented::short_token ? "short_token" : "token";
  answer["mom_id"] = token::mom_id(token.state.id);
  answer["token"] = std::move(inner);
  // Nobody waits for this line of history to be durable; who reads the history waits for what was
  // queued.
  const std::string id = token.state.id;
  const Clock& clock = context.clock;
  const bool queued = context.database.write_later([id, client, &clock](sql::Transaction& db) {
    return store::add_event(db, clock, id, "tokeninfo_introspect", "", client);
  });
  if (!queued) co_return fail(unavailable("the history queue is full"));
  co_return answer;
}

}  // namespace mytoken::service
