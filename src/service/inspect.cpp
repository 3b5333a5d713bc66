// Introspection; see inspect.h.
#include "service/inspect.h"

#include "service/charge.h"
#include "store/history.h"
#include "store/usages.h"

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

// For people: what a member of a clause asks for, against what was described.
std::string explain(std::string_view claim, const token::Clause& clause,
                    const token::ClientFacts& facts, token::Counters counters) {
  const auto used = [](const std::optional<std::int64_t>& limited, std::int64_t count) {
    const std::int64_t limit = limited.value_or(count + 1);
    if (limit == 0) return std::string("the clause admits no such use at all");
    return count < limit
               ? "the budget of a mytoken from which this one was made is used up"
               : std::to_string(count) + " of " + std::to_string(limit) + " uses are made";
  };
  if (claim == "nbf") return "not valid before " + std::to_string(to_unix(*clause.nbf));
  if (claim == "exp") return "expired after " + std::to_string(to_unix(*clause.exp));
  if (claim == "scope") return "only these scopes may be requested: " + token::join(clause.scope);
  if (claim == "audience")
    return "only these audiences may be requested: " + token::join(clause.audience);
  if (claim == "hosts") {
    if (facts.address.empty()) return "the client's address is not known";
    return facts.address + " is none of: " + token::join(clause.hosts);
  }
  if (claim == "geoip_allow" || claim == "geoip_disallow") {
    if (!facts.country) return "this server cannot tell the country of an address";
    const bool known = !facts.country->empty() && *facts.country != "-";
    return (known ? "the country " + *facts.country : std::string("an unknown country")) +
           " is not admitted";
  }
  if (claim == "usages_AT") return used(clause.usages_at, counters.at);
  return used(clause.usages_other, counters.other);
}

// The clause with this member alone.
token::Clause only(const token::Clause& clause, std::string_view claim) {
  token::Restrictions one{clause};
  std::vector<std::string> others = token::restriction_claims();
  std::erase(others, claim);
  token::remove_claims(one, others);
  return one.front();
}

// Everything that stands against the use, clause by clause.
json::object judge(const Context& context, const Authenticated& token, const DescribedUse& use,
                   const token::ClientFacts& facts, const std::vector<std::string>& spent) {
  token::Restrictions clauses = token.claims().restrictions;
  token::remove_claims(clauses, context.settings.unsupported_restrictions);
  const bool capable =
      use.request.use == token::Use::other || token::has(token.claims().capabilities, "AT");
  const Time when = use.time.value_or(context.clock.now());
  json::array list;
  std::optional<std::size_t> first;
  for (std::size_t i = 0; i < clauses.size(); ++i) {
    // The counters go by the clause as it was signed.
    const std::string hash = token::clause_hash(token.claims().restrictions[i]);
    token::Counters counters;
    for (const auto& row : token.clauses)
      if (row.hash == hash) counters = {row.used_at, row.used_other};
    json::array refused;
    const auto refuse = [&](std::string_view claim) {
      json::object reason;
      reason["claim"] = claim;
      reason["explanation"] = explain(claim, clauses[i], facts, counters);
      refused.emplace_back(std::move(reason));
    };
    for (const std::string& claim : token::restriction_claims()) {
      const bool is_spent =
          claim == (use.request.use == token::Use::access_token ? "usages_AT" : "usages_other") &&
          std::find(spent.begin(), spent.end(), hash) != spent.end();
      if (is_spent ||
          !token::refusal_reason(only(clauses[i], claim), use.request, facts, when, counters)
               .empty()) {
        refuse(claim);
      }
    }
    json::object judged;
    judged["allowed"] = refused.empty();
    if (refused.empty() && !first) first = i;
    if (!refused.empty()) judged["refused_by"] = std::move(refused);
    list.emplace_back(std::move(judged));
  }
  json::object answer;
  answer["allowed"] = capable && (clauses.empty() || first.has_value());
  answer["capability"] = capable;
  if (first) answer["clause"] = *first;
  answer["clauses"] = std::move(list);
  return answer;
}

Task<Result<json::object>> judge_use(Context& context, const Authenticated& token, DescribedUse use,
                                     std::string client_address) {
  const token::Restrictions& restrictions = token.claims().restrictions;
  const bool foreign = use.address != client_address;
  std::optional<LookUps::Turn> turn;
  if (foreign && token::needs_names(restrictions)) {
    auto begun = context.look_ups.begin(token.claims().sub);
    if (!begun) co_return tl::unexpected(begun.error());
    turn.emplace(std::move(*begun));
  }
  const token::ClientFacts facts =
      co_await client_facts(context, restrictions, use.address,
                            foreign ? net::AddressOf::request : net::AddressOf::client);
  turn.reset();
  std::vector<std::string> spent;
  if (context.settings.strict_usage_inheritance && !token.clauses.empty()) {
    const auto kind = use.request.use == token::Use::access_token ? store::UsageKind::at
                                                                  : store::UsageKind::other;
    auto work = [&](sql::Connection& db) { return store::spent_above(db, token.state.id, kind); };
    auto found = co_await context.database.read(work);
    if (!found) co_return tl::unexpected(found.error());
    spent = std::move(*found);
  }
  co_return judge(context, token, use, facts, spent);
}

}  // namespace

Task<Result<json::object>> introspect(Context& context, Presentation presentation,
                                      std::optional<DescribedUse> use) {
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
  if (use) {
    if (use->address.empty()) use->address = client.address;
    auto judged = co_await judge_use(context, token, std::move(*use), client.address);
    if (!judged) co_return tl::unexpected(judged.error());
    answer["use"] = std::move(*judged);
  }
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
