// The choice of a clause over stored counters, and its charge; see charge.h.
#include "service/charge.h"

#include <algorithm>

#include "service/lost_time.h"
#include "store/restore.h"

namespace mytoken::service {
namespace {

const store::ClauseRow* row_of(const std::vector<store::ClauseRow>& rows, const std::string& hash) {
  for (const auto& row : rows) {
    if (row.hash == hash) return &row;
  }
  return nullptr;
}

// The choice over rows of counters; clauses whose hash is in `spent` may not be used (an ancestor's
// budget is gone).
std::optional<token::Choice> choose(const Context& context, const token::Restrictions& restrictions,
                                    const std::vector<std::string>& hashes,
                                    const std::vector<store::ClauseRow>& rows,
                                    const std::vector<std::string>& spent,
                                    const token::UseRequest& request,
                                    const token::ClientFacts& facts) {
  const auto counters = [&](std::size_t i) -> token::Counters {
    const store::ClauseRow* row = row_of(rows, hashes[i]);
    return row ? token::Counters{row->used_at, row->used_other} : token::Counters{};
  };
  const Time now = context.clock.now();
  if (spent.empty() && context.settings.unsupported_restrictions.empty()) {
    return token::choose_clause(restrictions, request, facts, now, counters);
  }
  token::Restrictions usable = restrictions;
  token::remove_claims(usable, context.settings.unsupported_restrictions);
  for (std::size_t i = 0; i < usable.size(); ++i) {
    if (std::find(spent.begin(), spent.end(), hashes[i]) != spent.end()) {
      usable[i].usages_at = 0;
      usable[i].usages_other = 0;
    }
  }
  return token::choose_clause(usable, request, facts, now, counters);
}

std::vector<std::string> hashes_of(const token::Restrictions& restrictions) {
  std::vector<std::string> hashes;
  hashes.reserve(restrictions.size());
  for (const auto& clause : restrictions)
    hashes.push_back(token::clause_hash(clause));
  return hashes;
}

}  // namespace

Task<token::ClientFacts> client_facts(Context& context, const token::Restrictions& restrictions,
                                      std::string address, net::AddressOf whose) {
  token::ClientFacts facts;
  facts.address = std::move(address);
  if (!facts.address.empty() && token::needs_names(restrictions)) {
    facts.names = co_await context.resolver.confirmed_names(facts.address, whose);
  }
  if (context.countries != nullptr && token::needs_country(restrictions))
    facts.country = context.countries->country(facts.address);
  co_return facts;
}

Result<void> require_clause(const Context& context, const Authenticated& token,
                            const token::UseRequest& request, const token::ClientFacts& facts) {
  const auto& restrictions = token.claims().restrictions;
  if (restrictions.empty()) return {};
  const std::vector<std::string> hashes = hashes_of(restrictions);
  if (choose(context, restrictions, hashes, token.clauses, {}, request, facts)) return {};
  std::vector<store::ClauseRow> unused = token.clauses;
  bool unknown = false;
  for (store::ClauseRow& row : unused) {
    if (!row.uses_unknown) continue;
    unknown = true;
    row.used_at = row.used_other = 0;
  }
  if (unknown && choose(context, restrictions, hashes, unused, {}, request, facts))
    return fail(uses_are_unknown(context, token));
  return fail(usage_restricted());
}

std::optional<Charge> plan_charge(const Context& context, const Authenticated& token,
                                  const token::UseRequest& request,
                                  const token::ClientFacts& facts) {
  constexpr std::size_t longest_chain = 50;  // in one go
  Charge plan;
  const auto& restrictions = token.claims().restrictions;
  if (restrictions.empty()) return plan;
  const std::vector<std::string> hashes = hashes_of(restrictions);
  const auto choice = choose(context, restrictions, hashes, token.clauses, {}, request, facts);
  if (!choice || !choice->clause) return std::nullopt;
  const store::ClauseRow* row = row_of(token.clauses, hashes[*choice->clause]);
  if (!row) return std::nullopt;
  plan.clause = *choice->clause;
  plan.chain.push_back({token.state.id, row->hash});
  if (!context.settings.strict_usage_inheritance || !row->parent_mytoken_id || !row->parent_hash)
    return plan;
  std::optional<store::ClauseKey> next =
      store::ClauseKey{*row->parent_mytoken_id, *row->parent_hash};
  while (next) {
    const auto found = token.ancestors.find(*next);
    if (found == token.ancestors.end() || plan.chain.size() == longest_chain) return std::nullopt;
    plan.chain.push_back(std::move(*next));
    next = found->second;
  }
  return plan;
}

Result<Charge> charge_clause(sql::Transaction& db, const Context& context,
                             const Authenticated& token, const token::UseRequest& request,
                             const token::ClientFacts& facts) {
  const auto& restrictions = token.claims().restrictions;
  if (restrictions.empty()) return Charge{};
  auto rows = store::clauses_of(db, token.state.id);
  if (!rows) return tl::unexpected(rows.error());
  const std::vector<std::string> hashes = hashes_of(restrictions);
  std::vector<std::string> spent;
  const auto kind =
      request.use == token::Use::access_token ? store::UsageKind::at : store::UsageKind::other;
  for (std::size_t attempt = 0; attempt <= restrictions.size(); ++attempt) {
    const auto choice = choose(context, restrictions, hashes, *rows, spent, request, facts);
    if (!choice || !choice->clause) break;
    const std::string& hash = hashes[*choice->clause];
    Charge charge{*choice->clause, {}};
    auto reserved = store::reserve_usage(db, token.state.id, hash, kind,
                                         context.settings.strict_usage_inheritance, &charge.chain);
    if (!reserved) return tl::unexpected(reserved.error());
    if (*reserved) return charge;
    // An ancestor's budget is used up: another clause may still do. Which ones cannot is asked
    // once, not found out one by one.
    if (spent.empty()) {
      auto above = store::spent_above(db, token.state.id, kind);
      if (!above) return tl::unexpected(above.error());
      spent = std::move(*above);
    }
    spent.push_back(hash);
  }
  if (!spent.empty()) {
    auto unknown = store::has_unknown_uses(db, token.state.id);
    if (!unknown) return tl::unexpected(unknown.error());
    if (*unknown) return fail(uses_are_unknown(context, token));
  }
  return fail(usage_restricted());
}

}  // namespace mytoken::service
