// From the members of a request to a wish; see token_wish.h.
#include "service/token_wish.h"

#include <algorithm>
#include <cstdint>

#include "base/encoding.h"
#include "service/templates.h"

namespace mytoken::service {
namespace {

constexpr std::size_t longest_name = 100;
constexpr std::size_t longest_application_name = 255;

// nullptr: absent or null.
const json::value* member(const json::object& request, std::string_view name) {
  const json::value* value = request.if_contains(name);
  return value && !value->is_null() ? value : nullptr;
}

Error wrong(std::string_view name, std::string_view rule) {
  return invalid_request("parameter '" + std::string(name) + "' must be " + std::string(rule));
}

Result<std::string> text(const json::object& request, std::string_view name,
                         std::size_t most = std::string::npos) {
  const json::value* value = member(request, name);
  if (!value) return std::string();
  const json::string* string = value->if_string();
  if (!string) return fail(wrong(name, "a string"));
  if (most != std::string::npos && characters(*string) > most) {
    return fail(invalid_request(std::string(name) + " is longer than " + std::to_string(most) +
                                " characters"));
  }
  return std::string(*string);
}

Result<std::int64_t> token_length(const json::object& request) {
  const json::value* value = member(request, "max_token_len");
  if (!value) return 0;
  const std::int64_t* number = value->if_int64();
  if (!number) return fail(wrong("max_token_len", "an integer"));
  if (*number < INT32_MIN || *number > INT32_MAX) {
    return fail(wrong("max_token_len", "between " + std::to_string(INT32_MIN) + " and " +
                                           std::to_string(INT32_MAX)));
  }
  return *number;
}

// As the resolver leaves them: an array of names.
Result<std::optional<token::Capabilities>> capabilities(const json::object& request) {
  const json::value* value = member(request, "capabilities");
  if (!value) return std::optional<token::Capabilities>();
  const json::array* list = value->if_array();
  token::Capabilities names;
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    const json::string* name = (*list)[i].if_string();
    if (name) names.emplace_back(*name);
    if (!name) list = nullptr;
  }
  if (!list) return fail(invalid_request("capabilities must be a list of names"));
  return std::optional<token::Capabilities>(token::without_duplicates(std::move(names)));
}

// What is to be notified about a new token. There are no notifications yet, and a token must not
// fail for one that cannot be made (notifications.md §3.2): well-formed wishes have no effect, and
// the configuration document announces no notifications.
Result<void> check_subscriptions(const json::object& request) {
  const json::value* value = member(request, "subscribe_notifications");
  if (!value || (value->is_string() && value->as_string().empty())) return {};
  const json::array* list = value->if_array();
  if (!list || !std::all_of(list->begin(), list->end(),
                            [](const json::value& entry) { return entry.is_object(); })) {
    return fail(invalid_request("subscribe_notifications must be a list of objects"));
  }
  return {};
}

}  // namespace

Result<TokenWish> parse_wish(const json::object& request, Time now) {
  if (auto r = check_subscriptions(request); !r) return tl::unexpected(r.error());
  TokenWish wish;
  auto issuer = text(request, "oidc_issuer");
  if (!issuer) return tl::unexpected(issuer.error());
  wish.oidc_issuer = std::move(*issuer);
  auto name = text(request, "name", longest_name);
  if (!name) return tl::unexpected(name.error());
  wish.name = std::move(*name);
  auto application = text(request, "application_name", longest_application_name);
  if (!application) return tl::unexpected(application.error());
  wish.application_name = std::move(*application);
  auto clauses = token::parse_restrictions(member(request, "restrictions"), now);
  if (!clauses) return tl::unexpected(clauses.error());
  wish.restrictions = token::without_repetitions(std::move(*clauses));
  auto names = capabilities(request);
  if (!names) return tl::unexpected(names.error());
  wish.capabilities = std::move(*names);
  auto rotation = token::parse_rotation(member(request, "rotation"));
  if (!rotation) return tl::unexpected(rotation.error());
  wish.rotation = *rotation;
  auto type = text(request, "response_type");
  if (!type) return tl::unexpected(type.error());
  auto response_type = token::parse_response_type(*type);
  if (!response_type) return tl::unexpected(response_type.error());
  wish.response_type = *response_type;
  auto length = token_length(request);
  if (!length) return tl::unexpected(length.error());
  wish.max_token_len = *length;
  auto tags = token::parse_tags(member(request, "tags"));
  if (!tags) return tl::unexpected(tags.error());
  wish.tags = std::move(*tags);
  return wish;
}

Task<Result<TokenWish>> make_wish(Context& context, json::object request) {
  auto resolved = co_await resolve_request(context, std::move(request));
  if (!resolved) co_return tl::unexpected(resolved.error());
  co_return parse_wish(*resolved, context.clock.now());
}

}  // namespace mytoken::service
