// Which clause of an admitted mytoken permits a use, and what that use is charged to: the clause
// and those that its limits were taken from (spec api.md §2.4 check 7, tokens.md §§5.8, 5.13).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "service/authenticate.h"

namespace mytoken::service {

// What the network knows about the client, as far as the clauses ask for it.
Task<token::ClientFacts> client_facts(Context& context, const token::Restrictions& restrictions,
                                      std::string address,
                                      net::AddressOf whose = net::AddressOf::client);

// Check 7 without charging. Error usage_restricted.
Result<void> require_clause(const Context& context, const Authenticated& token,
                            const token::UseRequest& request, const token::ClientFacts& facts);

// Check 7 with charging, inside the transaction that is to commit it: fresh counters, first usable
// clause, its chain of ancestors. Result: nothing if the token has no restrictions. Error
// usage_restricted.
struct Charge {
  std::optional<std::size_t> clause;
  std::vector<store::ClauseKey> chain;  // the clause and what it is charged to
};
// The charge that the counters of the admission promise; it may be overtaken until it is made.
// nullopt: charge_clause finds out.
std::optional<Charge> plan_charge(const Context& context, const Authenticated& token,
                                  const token::UseRequest& request,
                                  const token::ClientFacts& facts);
Result<Charge> charge_clause(sql::Transaction& db, const Context& context,
                             const Authenticated& token, const token::UseRequest& request,
                             const token::ClientFacts& facts);

}  // namespace mytoken::service
