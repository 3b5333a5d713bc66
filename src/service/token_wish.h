// What is asked of a new token: the members that all requests for a mytoken share (spec api.md
// §4.2), from JSON to checked values. One way for the API, the pages and whoever else takes them.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/task.h"
#include "service/context.h"
#include "token/claims.h"
#include "token/tag.h"

namespace mytoken::service {

// What may be asked of a new token, parsed and well-formed.
struct TokenWish {
  std::string oidc_issuer;
  token::Restrictions restrictions;
  std::optional<token::Capabilities> capabilities;  // nullopt: not given; empty: an explicit []
  std::optional<token::Rotation> rotation;
  std::string name;
  std::string application_name;
  token::ResponseType response_type = token::ResponseType::token;
  std::int64_t max_token_len = 0;
  std::vector<token::TagWish> tags;
};

// The members that make_wish reads, by what their value is in a form (api.md §2.2).
inline constexpr std::string_view wish_texts[] = {"oidc_issuer", "name", "application_name",
                                                  "response_type"};
inline constexpr std::string_view wish_integers[] = {"max_token_len"};
inline constexpr std::string_view wish_structures[] = {
    "include", "restrictions", "capabilities", "rotation", "tags", "subscribe_notifications"};

// `request`: these members as a client sent them, others are ignored, null is absent. Profiles that
// it includes and templates that it names are resolved first (profiles.md §5). Errors:
// invalid_request naming the member or the template, those of the database.
Task<Result<TokenWish>> make_wish(Context& context, json::object request);
// The same of a request without names of templates (token/template.h). Error invalid_request.
Result<TokenWish> parse_wish(const json::object& request, Time now);

}  // namespace mytoken::service
