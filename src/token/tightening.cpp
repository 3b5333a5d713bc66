// Fitting the clauses of a request into the clauses of the parent: every comparison answers "does
// this certainly allow no more?", and anything uncertain is no. Budgets are handed out first fit,
// in the order of the request.
#include "token/tightening.h"

#include <algorithm>
#include <set>

#include "base/encoding.h"
#include "token/host_entry.h"

namespace mytoken::token {
namespace {

// Sorted, lower case if `ignoring_case`: made once per clause, compared many times.
std::vector<std::string> sorted(const std::vector<std::string>& list, bool ignoring_case) {
  std::vector<std::string> result;
  result.reserve(list.size());
  for (const std::string& text : list)
    result.push_back(ignoring_case ? lower(text) : text);
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

// Empty words only stand for surplus blanks.
std::vector<std::string> sorted_scope(const std::vector<std::string>& scope) {
  std::vector<std::string> result = sorted(scope, false);
  if (!result.empty() && result.front().empty()) result.erase(result.begin());
  return result;
}

// A clause prepared for comparisons.
struct Prepared {
  explicit Prepared(const Clause& clause)
      : nbf(clause.nbf),
        exp(clause.exp),
        scope(sorted_scope(clause.scope)),
        audience(sorted(clause.audience, false)),
        geoip_allow(sorted(clause.geoip_allow, true)),
        geoip_disallow(sorted(clause.geoip_disallow, true)),
        limits_hosts(!clause.hosts.empty()),
        usages_at(clause.usages_at),
        usages_other(clause.usages_other) {
    for (const std::string& text : clause.hosts) {
      if (auto entry = HostEntry::parse(text)) {
        hosts.push_back(std::move(*entry));
      } else {
        has_dead_host = true;
      }
    }
  }

  std::optional<Time> nbf;
  std::optional<Time> exp;
  std::vector<std::string> scope;
  std::vector<std::string> audience;
  std::vector<std::string> geoip_allow;
  std::vector<std::string> geoip_disallow;
  bool limits_hosts;           // hosts is given, even if no entry can ever match
  bool has_dead_host = false;  // an entry that is none
  std::vector<HostEntry> hosts;
  std::optional<std::int64_t> usages_at;
  std::optional<std::int64_t> usages_other;
};

bool includes(const std::vector<std::string>& outer, const std::vector<std::string>& inner) {
  return std::includes(outer.begin(), outer.end(), inner.begin(), inner.end());
}

bool list_is_tighter(const std::vector<std::string>& requested,
                     const std::vector<std::string>& base) {
  return base.empty() || (!requested.empty() && includes(base, requested));
}

bool count_is_tighter(std::optional<std::int64_t> requested, std::optional<std::int64_t> base) {
  return !base || (requested && *requested >= 0 && *requested <= *base);
}

bool hosts_are_tighter(const Prepared& requested, const Prepared& base, const NamesOf& names_of) {
  if (!base.limits_hosts) return true;
  if (requested.hosts.empty() || requested.has_dead_host) return false;
  return std::all_of(requested.hosts.begin(), requested.hosts.end(), [&](const HostEntry& inner) {
    // Networks answer without a look-up, so they are asked first.
    const auto covered_by = [&](const NamesOf& names) {
      return std::any_of(base.hosts.begin(), base.hosts.end(),
                         [&](const HostEntry& outer) { return outer.covers(inner, names); });
    };
    return covered_by(nullptr) || covered_by(names_of);
  });
}

// §5.12 isTighter. Names are asked for last.
bool is_tighter(const Prepared& requested, const Prepared& base, const NamesOf& names_of) {
  if (base.nbf && requested.nbf.value_or(Time{}) < *base.nbf) return false;
  if (base.exp && (!requested.exp || *requested.exp > *base.exp)) return false;
  return list_is_tighter(requested.scope, base.scope) &&
         list_is_tighter(requested.audience, base.audience) &&
         list_is_tighter(requested.geoip_allow, base.geoip_allow) &&
         includes(requested.geoip_disallow, base.geoip_disallow) &&
         count_is_tighter(requested.usages_at, base.usages_at) &&
         count_is_tighter(requested.usages_other, base.usages_other) &&
         hosts_are_tighter(requested, base, names_of);
}

void take(std::optional<std::int64_t>& budget, std::optional<std::int64_t> taken) {
  if (budget && taken) *budget -= *taken;
}

struct Base {
  Prepared clause;
  std::size_t index;  // in the parent's restrictions
};

// The parent's clauses; clauses of the same text share one counter and therefore one budget.
std::vector<Base> budgets(const Restrictions& parent) {
  std::vector<Base> base;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < parent.size(); ++i) {
    if (seen.insert(canonical(parent[i])).second) base.push_back({Prepared(parent[i]), i});
  }
  return base;
}

std::vector<std::string> kept(const std::vector<std::string>& list,
                              const std::vector<std::string>& granted) {
  std::vector<std::string> result;
  bool dropped = false;
  for (const std::string& word : list) {
    if (word.empty()) continue;
    if (std::find(granted.begin(), granted.end(), word) != granted.end()) {
      result.push_back(word);
    } else {
      dropped = true;
    }
  }
  return dropped && !result.empty() ? result : list;
}

}  // namespace

Tightened tighten(const Restrictions& parent, const Restrictions& requested,
                  const NamesOf& names_of) {
  if (parent.empty()) return {requested, true, {}};
  Tightened tightened{{}, true, {}};
  std::vector<Base> base = budgets(parent);
  for (const Clause& clause : requested) {
    const Prepared prepared(clause);
    const auto fit = std::find_if(base.begin(), base.end(), [&](const Base& candidate) {
      return is_tighter(prepared, candidate.clause, names_of);
    });
    if (fit == base.end()) {
      tightened.ok = false;
      continue;
    }
    take(fit->clause.usages_at, clause.usages_at);
    take(fit->clause.usages_other, clause.usages_other);
    tightened.restrictions.push_back(clause);
    tightened.parents.push_back(fit->index);
  }
  if (tightened.restrictions.empty()) {
    tightened.restrictions = parent;
    for (std::size_t i = 0; i < parent.size(); ++i)
      tightened.parents.push_back(i);
  }
  return tightened;
}

std::vector<std::string> addresses_needing_names(const Restrictions& parent,
                                                 const Restrictions& requested) {
  // A clause asks for names if it has a name and none of its networks covers the address.
  const auto asks = [](const Clause& clause, const Network& address) {
    bool has_name = false;
    for (const std::string& text : clause.hosts) {
      const auto entry = HostEntry::parse(text);
      if (!entry) continue;
      if (entry->kind() != HostEntry::Kind::network) {
        has_name = true;
      } else if (const auto network = Network::parse(text); network && network->contains(address)) {
        return false;
      }
    }
    return has_name;
  };
  std::vector<std::string> addresses;
  std::set<std::string> seen;
  for (const Clause& clause : requested) {
    for (const std::string& text : clause.hosts) {
      const auto network = Network::parse(text);
      if (!network || !network->is_single_address()) continue;
      std::string address = network->address().text();
      if (!seen.insert(address).second) continue;
      if (std::any_of(parent.begin(), parent.end(),
                      [&](const Clause& by) { return asks(by, *network); })) {
        addresses.push_back(std::move(address));
      }
    }
  }
  return addresses;
}

Restrictions narrowed_to_granted(Restrictions restrictions,
                                 const std::vector<std::string>* granted_scopes,
                                 const std::vector<std::string>* granted_audiences) {
  for (Clause& clause : restrictions) {
    if (granted_scopes) clause.scope = kept(clause.scope, *granted_scopes);
    if (granted_audiences) clause.audience = kept(clause.audience, *granted_audiences);
  }
  return restrictions;
}

}  // namespace mytoken::token
