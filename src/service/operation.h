// One operation of a mytoken that "counts other" (spec tokens.md §3, 6.4): admission, capability
// and clause first, then one transaction in which the usage is charged, the operation done, the
// token rotated and the events written. Sub-tokens and access tokens have ways of their own
// (issue.h, access.h); everything else that needs a mytoken goes this way.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "service/authenticate.h"

namespace mytoken::service {

// A request's mytoken and, as SHA-256, what it asks for: a repetition of the same request with the
// predecessor of a rotated token is answered like the first.
struct OperationRequest {
  Presentation presentation;
  std::string request_hash;
};

// What an operation may need beyond the token itself; runs on a snapshot before the clause is
// looked at. Errors: insufficient_capabilities, invalid_grant.
using Authorise = std::function<Result<void>(sql::Connection&, const Authenticated&)>;
Authorise needs(std::string_view capability);

struct LoggedEvent {
  std::string name;
  std::string comment;
};
// What was done: members of the answer (none: an empty answer), and events on the presented token,
// before and after that of its rotation.
struct Outcome {
  json::object body;
  std::vector<LoggedEvent> events;
  std::vector<LoggedEvent> events_before_rotation;
  bool token_ended = false;  // by the work: nothing is left to be rotated
};

struct Operation {
  Authorise authorise;
  // Reading, on a snapshot and after the clause was looked at; done again for a repeated request.
  // Or:
  std::function<Result<Outcome>(sql::Connection&, const Authenticated&)> look;
  // Changing something, inside the transaction. Whatever the authorisation rests on and may change
  // is checked here again.
  std::function<Result<Outcome>(sql::Transaction&, const Authenticated&)> work;
  // False: restrictions are not looked at and nothing is counted (revocation of another token).
  bool counts = true;
  // True: lines of history that are still on their way are waited for before looking.
  bool looks_at_history = false;
};

struct OperationAnswer {
  json::object body;  // with token_update if the token was rotated; empty: nothing to say
  Secret rotated;     // the presented token's successor; empty: it was not rotated
};

// Errors: those of admit, of `authorise`, usage_restricted, and of `work`. A failed operation
// neither counts nor rotates nor logs.
Task<Result<OperationAnswer>> operate(Context& context, OperationRequest request,
                                      Operation operation);

// A token of the user as the presented one may reach it.
struct Target {
  std::string id;
  bool is_self = false;
};
// `mom_id` names the presented token, a descendant of it (`own`, unless empty, or `any` is needed),
// or another token of the same user (`any` is needed). Errors: insufficient_capabilities naming
// what is missing; invalid_grant (403): unknown, or another user's.
Result<Target> reach(sql::Connection& db, const Authenticated& token, std::string_view mom_id,
                     std::string_view own, std::string_view any);

}  // namespace mytoken::service
