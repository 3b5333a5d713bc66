// Fitting requested clauses into a parent's (spec tokens.md §5.12). Vectors:
// restrictions_tighten.json.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "token/restriction.h"

namespace mytoken::token {

// Confirmed names of an address at this moment; only asked for single addresses under a host name
// (§5.12).
using NamesOf = std::function<std::vector<std::string>(const std::string& address)>;

struct Tightened {
  Restrictions restrictions;
  bool ok = false;                   // false: something requested was dropped
  std::vector<std::size_t> parents;  // for each result clause the index of the parent's clause it
                                     // was fitted into (§5.13); empty if the parent has no clauses
};

Tightened tighten(const Restrictions& parent, const Restrictions& requested,
                  const NamesOf& names_of);

// Addresses in `requested` whose names tighten() may ask for, given `parent`.
std::vector<std::string> addresses_needing_names(const Restrictions& parent,
                                                 const Restrictions& requested);

// Provider feedback (§5.11): keeps only granted scopes (audiences) in each clause, but never
// empties a limited list.
Restrictions narrowed_to_granted(Restrictions restrictions,
                                 const std::vector<std::string>* granted_scopes,
                                 const std::vector<std::string>* granted_audiences);

}  // namespace mytoken::token
