// Choosing the clause that permits a use (spec tokens.md §5.4–5.7). Pure: what the network knows
// about the client is passed in. Vectors: restrictions_verify.json.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "token/restriction.h"

namespace mytoken::token {

// What is known of the client. `names` are reverse DNS names that a forward look-up confirmed
// (§5.4).
struct ClientFacts {
  std::string address;  // canonical IPv4 or IPv6 text, "" = unknown (fails closed)
  std::vector<std::string> names;
  std::optional<std::string> country;  // two letters; nullopt = no database; "-" or "" = unknown
};

enum class Use { access_token, other };

struct Counters {
  std::int64_t at = 0;
  std::int64_t other = 0;
};

struct UseRequest {
  Use use = Use::other;
  std::vector<std::string>
      scopes;  // requested, access tokens only; offline_access is ignored (clients.md rule 6)
  std::vector<std::string> audiences;
};

// Which look-ups the clauses need before choose_clause can decide.
bool needs_names(const Restrictions& restrictions);
bool needs_country(const Restrictions& restrictions);

// Index of the used clause. `counters(i)` = uses of clause i so far. No clauses: allowed, nothing
// is charged.
struct Choice {
  std::optional<std::size_t> clause;  // nullopt: the token has no restrictions
};
// nullopt: refused.
std::optional<Choice> choose_clause(const Restrictions& restrictions, const UseRequest& request,
                                    const ClientFacts& client, Time now,
                                    const std::function<Counters(std::size_t)>& counters);

// Why clause i does not permit the use: the first failing member's JSON name, or "" if it permits
// it.
std::string refusal_reason(const Clause& clause, const UseRequest& request,
                           const ClientFacts& client, Time now, Counters counters);

// What to ask the provider for (§5.7): requested, else the clause's, else (scopes only) the
// provider's.
struct Selection {
  std::vector<std::string> scopes;
  std::vector<std::string> audiences;
};
Selection select(const UseRequest& request, const Clause* clause,
                 const std::vector<std::string>& provider_scopes);

// One hosts entry against the client.
bool host_matches(std::string_view entry, const ClientFacts& client);

}  // namespace mytoken::token
