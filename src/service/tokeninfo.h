// What a mytoken may learn about itself and others (spec api.md §6): history, sub-tokens, the
// user's tokens, notifications. Introspection has a file of its own (inspect.h). All of these count
// "other" and rotate.
//
// Answers are complete unless a page is asked for: with `limit` at most that many events, or
// top-level tokens with everything below them, are answered, and `next_cursor` tells where the next
// page begins. Without a limit an answer ends, with a cursor, where it would become too large for
// one (100,000 events or tokens).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "service/operation.h"

namespace mytoken::service {

struct Page {
  std::optional<std::int64_t> limit;
  std::string cursor;  // `next_cursor` of the page before; "" = from the beginning
};

// `selectors`: this, children, children@<mom_id>, <mom_id>; empty: the presented token. Errors:
// insufficient_capabilities, invalid_grant, invalid_request (cursor).
Task<Result<OperationAnswer>> event_history(Context& context, OperationRequest request,
                                            std::vector<std::string> selectors, Page page);
// The tree below the presented token.
Task<Result<OperationAnswer>> subtokens(Context& context, OperationRequest request, Page page);
// The trees of all the user's tokens.
Task<Result<OperationAnswer>> list_mytokens(Context& context, OperationRequest request, Page page);
// Notifications and calendars of tokens.
Task<Result<OperationAnswer>> token_notifications(Context& context, OperationRequest request,
                                                  std::vector<std::string> selectors);

}  // namespace mytoken::service
