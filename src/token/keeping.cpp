// The loosest of each requested limit, and each base clause within it; see keeping.h.
#include "token/keeping.h"

#include <algorithm>
#include <limits>

#include "token/host_entry.h"

namespace mytoken::token {
namespace {

using Texts = std::vector<std::string>;
using Count = std::optional<std::int64_t>;

bool contains(const Texts& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// All that any clause lists; empty if one of them does not limit the member.
Texts all_of(const Restrictions& clauses, Texts Clause::*member) {
  Texts all;
  for (const Clause& clause : clauses) {
    if ((clause.*member).empty()) return {};
    for (const std::string& text : clause.*member) {
      if (!contains(all, text)) all.push_back(text);
    }
  }
  return all;
}

// What every clause lists.
Texts common_of(const Restrictions& clauses, Texts Clause::*member) {
  Texts common = clauses.front().*member;
  for (const Clause& clause : clauses) {
    std::erase_if(common, [&](const std::string& text) { return !contains(clause.*member, text); });
  }
  return common;
}

// Clauses have budgets of their own, so the request's is their sum.
Count sum_of(const Restrictions& clauses, Count Clause::*member) {
  std::int64_t sum = 0;
  for (const Clause& clause : clauses) {
    const Count count = clause.*member;
    if (!count) return std::nullopt;
    sum = *count > std::numeric_limits<std::int64_t>::max() - sum
              ? std::numeric_limits<std::int64_t>::max()
              : sum + *count;
  }
  return sum;
}

void share_out(Count& budget, Count& count) {
  if (!budget) return;
  count = std::min(count.value_or(*budget), *budget);
  *budget -= *count;
}

// Entries of one list that the other covers.
void add_covered(Texts& to, const Texts& inner, const Texts& outer, const NamesOf& names_of) {
  for (const std::string& text : inner) {
    const auto entry = HostEntry::parse(text);
    if (!entry || contains(to, text)) continue;
    const bool covered = std::any_of(outer.begin(), outer.end(), [&](const std::string& other) {
      const auto cover = HostEntry::parse(other);
      return cover && (cover->covers(*entry, nullptr) || cover->covers(*entry, names_of));
    });
    if (covered) to.push_back(text);
  }
}

// False: no host is left.
bool limit_hosts(Texts& hosts, const Texts& requested, const NamesOf& names_of) {
  if (requested.empty()) return true;
  if (hosts.empty()) {
    hosts = requested;
    return true;
  }
  Texts both;
  add_covered(both, requested, hosts, names_of);
  add_covered(both, hosts, requested, nullptr);
  hosts = std::move(both);
  return !hosts.empty();
}

}  // namespace

Restrictions keeping_limits(Restrictions base, const Restrictions& requested,
                            const NamesOf& names_of) {
  if (requested.empty()) return base;
  const std::optional<Time> exp = expiry(requested);
  const std::optional<Time> nbf = not_before(requested);
  Count usages_at = sum_of(requested, &Clause::usages_at);
  Count usages_other = sum_of(requested, &Clause::usages_other);
  const Texts hosts = all_of(requested, &Clause::hosts);
  const Texts disallowed = common_of(requested, &Clause::geoip_disallow);
  Restrictions kept;
  for (Clause& clause : base) {
    if (!limit_hosts(clause.hosts, hosts, names_of)) continue;
    if (exp) clause.exp = std::min(clause.exp.value_or(*exp), *exp);
    if (nbf) clause.nbf = std::max(clause.nbf.value_or(*nbf), *nbf);
    share_out(usages_at, clause.usages_at);
    share_out(usages_other, clause.usages_other);
    for (auto member : {&Clause::scope, &Clause::audience, &Clause::geoip_allow}) {
      if ((clause.*member).empty()) clause.*member = all_of(requested, member);
    }
    for (const std::string& country : disallowed) {
      if (!contains(clause.geoip_disallow, country)) clause.geoip_disallow.push_back(country);
    }
    kept.push_back(std::move(clause));
  }
  return kept;
}

}  // namespace mytoken::token
