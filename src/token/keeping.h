// Clauses that come from elsewhere than a request, within the limits that the request set itself.
#pragma once
#include "token/restriction.h"
#include "token/tightening.h"

namespace mytoken::token {

// `base`, limited further by what `requested` allows at most over all its clauses: times, hosts,
// numbers of uses (shared out in order, together never more than requested), countries, and scopes
// and audiences where the base names none. Base clauses whose hosts exclude all requested ones are
// left out; so the result can be empty, which then permits nothing.
Restrictions keeping_limits(Restrictions base, const Restrictions& requested,
                            const NamesOf& names_of);

}  // namespace mytoken::token
