// Templates taken into requests (token/template.h): entries come from the database, on one snapshot
// and only if the request names any. Nothing is kept between requests, so every server sees what
// was written last.
#pragma once
#include "base/json.h"
#include "base/task.h"
#include "service/context.h"
#include "sql/connection.h"
#include "token/restriction.h"
#include "token/template.h"

namespace mytoken::service {

// Reads entries from the database. Errors: those of the database, a damaged payload.
token::TemplateResolver::Lookup stored_templates(sql::Connection& db);

// A request's members (api.md §4.2) with `include` and all templates resolved; see
// TemplateResolver::request.
Task<Result<json::object>> resolve_request(Context& context, json::object request);

// Restrictions in any form a request may have (names, clauses, both), resolved and read: times are
// taken from now on. For configured texts: parse those that begin with { or [ as JSON first.
Task<Result<token::Restrictions>> resolve_restrictions(Context& context, json::value value);

}  // namespace mytoken::service
