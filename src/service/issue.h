// Sub-mytokens: a new token made from an existing one (spec tokens.md §8, api.md §4.3).
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "base/json.h"
#include "service/authenticate.h"
#include "service/token_wish.h"

namespace mytoken::service {

struct SubtokenRequest {
  Presentation presentation;
  TokenWish wish;
  bool error_on_restrictions = false;
  std::string request_hash;  // SHA-256 of the request's parameters
  // Asked once before the names of so many addresses are looked up, which the request chooses; its
  // error ends the request. Unset: always allowed.
  std::function<Result<void>(std::size_t)> charge_look_ups = nullptr;
};

struct IssueAnswer {
  json::object body;  // api.md §4.7
  Secret rotated;     // the presented token's successor; empty: it was not rotated
};

Task<Result<IssueAnswer>> make_subtoken(Context& context, SubtokenRequest request);

// What make_subtoken would make of a request, for a person to decide about.
struct SubtokenPreview {
  std::string issuer;
  std::string provider_name;
  std::vector<std::string> provider_scopes;
  TokenWish wish;                 // as it would be granted: restrictions and capabilities fitted
  token::Capabilities grantable;  // the parent's: no other can be granted
};
// The same checks and errors as make_subtoken; nothing is stored, counted, logged or rotated.
Task<Result<SubtokenPreview>> preview_subtoken(Context& context, SubtokenRequest request);

}  // namespace mytoken::service
