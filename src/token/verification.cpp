// Which clause permits a use. The members are tried cheap ones first; counters come last, because
// they may cost a look-up. Nothing here allocates for a clause that is decided by times, addresses
// or counts.
#include "token/verification.h"

#include <algorithm>

#include "base/encoding.h"
#include "token/host_entry.h"

namespace mytoken::token {
namespace {

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool contains_country(const std::vector<std::string>& list, std::string_view country) {
  return std::any_of(list.begin(), list.end(), [country](const std::string& entry) {
    return equals_ignoring_case(entry, country);
  });
}

bool has_word(const std::vector<std::string>& list) {
  return std::any_of(list.begin(), list.end(),
                     [](const std::string& word) { return !word.empty(); });
}

bool entry_matches(std::string_view text, const std::optional<Address>& address,
                   const std::vector<std::string>& names) {
  // Nothing is known of a client without an address, whatever names someone attached to it.
  if (!address) return false;
  const auto entry = HostEntry::parse(text);
  if (!entry) return false;
  if (entry->kind() == HostEntry::Kind::network) return entry->matches(*address);
  return std::any_of(names.begin(), names.end(),
                     [&entry](const auto& name) { return entry->matches_name(name); });
}

bool country_permits(const Clause& clause, const std::optional<std::string>& country,
                     std::string_view& reason) {
  const bool unknown = country && (country->empty() || *country == "-");
  if (!clause.geoip_allow.empty() &&
      (!country || unknown || !contains_country(clause.geoip_allow, *country))) {
    reason = "geoip_allow";
    return false;
  }
  if (!clause.geoip_disallow.empty() &&
      (!country || (!unknown && contains_country(clause.geoip_disallow, *country)))) {
    reason = "geoip_disallow";
    return false;
  }
  return true;
}

bool scopes_within(const UseRequest& request, const Clause& clause) {
  if (!has_word(clause.scope)) return true;
  // Clients ask for offline_access out of habit; the service adds it towards the provider itself.
  return std::all_of(
      request.scopes.begin(), request.scopes.end(), [&clause](const std::string& word) {
        return word.empty() || word == "offline_access" || contains(clause.scope, word);
      });
}

bool audiences_within(const UseRequest& request, const Clause& clause) {
  if (clause.audience.empty()) return true;
  // A list without a usable entry would become a request to the provider without audience, which is
  // no limit at all.
  if (!has_word(clause.audience)) return false;
  return std::all_of(request.audiences.begin(), request.audiences.end(),
                     [&clause](const std::string& word) {
                       return word.empty() || contains(clause.audience, word);
                     });
}

// The first member, in canonical order, that forbids the use; "" if none does. `used` yields the
// uses so far of the asked kind and is called only if the clause limits it.
template <class Used>
std::string_view forbidding(const Clause& clause, const UseRequest& request,
                            const ClientFacts& client, const std::optional<Address>& address,
                            Time now, const Used& used) {
  if (clause.nbf && now < *clause.nbf) return "nbf";
  if (clause.exp && now > *clause.exp) return "exp";
  if (request.use == Use::access_token) {
    if (!scopes_within(request, clause)) return "scope";
    if (!audiences_within(request, clause)) return "audience";
  }
  if (!clause.hosts.empty() &&
      std::none_of(clause.hosts.begin(), clause.hosts.end(), [&](const auto& entry) {
        return entry_matches(entry, address, client.names);
      })) {
    return "hosts";
  }
  std::string_view reason;
  if (!country_permits(clause, client.country, reason)) return reason;
  if (request.use == Use::access_token) {
    if (clause.usages_at && used() >= *clause.usages_at) return "usages_AT";
  } else {
    if (clause.usages_other && used() >= *clause.usages_other) return "usages_other";
  }
  return "";
}

std::int64_t of_kind(const Counters& counters, Use use) {
  return use == Use::access_token ? counters.at : counters.other;
}

}  // namespace

bool needs_names(const Restrictions& restrictions) {
  return std::any_of(restrictions.begin(), restrictions.end(), [](const Clause& clause) {
    return std::any_of(clause.hosts.begin(), clause.hosts.end(), [](const std::string& text) {
      const auto entry = HostEntry::parse(text);
      return entry && entry->kind() != HostEntry::Kind::network;
    });
  });
}

bool needs_country(const Restrictions& restrictions) {
  return std::any_of(restrictions.begin(), restrictions.end(), [](const Clause& clause) {
    return !clause.geoip_allow.empty() || !clause.geoip_disallow.empty();
  });
}

std::optional<Choice> choose_clause(const Restrictions& restrictions, const UseRequest& request,
                                    const ClientFacts& client, Time now,
                                    const std::function<Counters(std::size_t)>& counters) {
  if (restrictions.empty()) return Choice{};
  const auto address = Address::parse(client.address);
  for (std::size_t i = 0; i < restrictions.size(); ++i) {
    const auto used = [&counters, &request, i] { return of_kind(counters(i), request.use); };
    if (forbidding(restrictions[i], request, client, address, now, used).empty()) return Choice{i};
  }
  return std::nullopt;
}

std::string refusal_reason(const Clause& clause, const UseRequest& request,
                           const ClientFacts& client, Time now, Counters counters) {
  const auto used = [&counters, &request] { return of_kind(counters, request.use); };
  return std::string(
      forbidding(clause, request, client, Address::parse(client.address), now, used));
}

Selection select(const UseRequest& request, const Clause* clause,
                 const std::vector<std::string>& provider_scopes) {
  const auto without_blanks = [](std::vector<std::string> list) {
    std::erase_if(list, [](const std::string& word) { return word.empty(); });
    return list;
  };
  Selection selection;
  selection.scopes = without_blanks(request.scopes);
  // scopes_within() lets it pass everywhere; alone it would be a request without any scope of the
  // clause.
  if (clause && has_word(clause->scope) && !contains(clause->scope, "offline_access"))
    std::erase(selection.scopes, "offline_access");
  if (selection.scopes.empty() && clause) selection.scopes = without_blanks(clause->scope);
  if (selection.scopes.empty()) selection.scopes = provider_scopes;
  selection.audiences = without_blanks(request.audiences);
  if (selection.audiences.empty() && clause) selection.audiences = without_blanks(clause->audience);
  return selection;
}

bool host_matches(std::string_view entry, const ClientFacts& client) {
  return entry_matches(entry, Address::parse(client.address), client.names);
}

}  // namespace mytoken::token
