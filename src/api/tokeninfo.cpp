// POST tokeninfo (spec api.md §6): one action each of introspection, history, trees, lists and
// notifications.
//
// Beyond the published API, all optional: `limit` (1 to 1000) and `cursor` ask for pages of
// event_history, subtokens and list_mytokens, whose answers then have `next_cursor` while there is
// more; introspect takes `use`, an object that describes a use, and answers which clause would
// permit it and why the others would not (service/inspect.h).
#include <algorithm>

#include "api/common.h"
#include "api/endpoints.h"
#include "base/ip_address.h"
#include "service/inspect.h"
#include "service/tokeninfo.h"

namespace mytoken::api {
namespace {

constexpr std::string_view actions[] = {"introspect", "event_history", "subtokens", "list_mytokens",
                                        "notifications"};
constexpr std::size_t most_selectors = 200;

// `mom_ids`, and its older form for one.
Result<std::vector<std::string>> selectors_of(const http::Parameters& parameters) {
  auto selectors = parameters.list("mom_ids");
  if (!selectors) return selectors;
  if (selectors->empty()) {
    auto one = parameters.text("mom_id");
    if (!one) return tl::unexpected(one.error());
    if (*one) selectors->push_back(std::move(**one));
  }
  if (selectors->size() > most_selectors) {
    return fail(
        invalid_request("mom_ids has more than " + std::to_string(most_selectors) + " entries"));
  }
  return selectors;
}

Result<service::Page> page_of(const http::Parameters& parameters) {
  auto limit = parameters.integer("limit", 1, 1000);
  if (!limit) return tl::unexpected(limit.error());
  auto cursor = parameters.text("cursor");
  if (!cursor) return tl::unexpected(cursor.error());
  return service::Page{*limit, cursor->value_or("")};
}

// Scopes or audiences: a string of words or a list of strings.
Result<std::vector<std::string>> words_of(const json::object& use, std::string_view member) {
  std::vector<std::string> words;
  const json::value* value = use.if_contains(member);
  if (!value || value->is_null()) return words;
  if (const json::string* text = value->if_string()) return token::words(*text);
  const json::array* list = value->if_array();
  if (!list)
    return fail(
        invalid_request("use." + std::string(member) + " must be a string or a list of strings"));
  for (const json::value& entry : *list) {
    if (!entry.is_string())
      return fail(invalid_request("use." + std::string(member) + " must hold strings"));
    words.emplace_back(entry.as_string());
  }
  return words;
}

Result<std::optional<service::DescribedUse>> described_use(const http::Parameters& parameters) {
  auto member = parameters.structured("use");
  if (!member) return tl::unexpected(member.error());
  if (!*member) return std::optional<service::DescribedUse>();
  const json::object* use = (*member)->if_object();
  if (!use) return fail(invalid_request("use must be an object"));
  service::DescribedUse described;
  for (const auto& entry : *use) {
    const std::string_view name = entry.key();
    if (name != "kind" && name != "scope" && name != "audience" && name != "ip" && name != "time")
      return fail(invalid_request(
          "use has an unknown member; known are kind, scope, audience, ip and time"));
  }
  const std::string_view kind = string_member(*use, "kind");
  if (const json::value* given = use->if_contains("kind");
      given && !given->is_null() && kind != "AT" && kind != "other") {
    return fail(invalid_request("use.kind must be AT or other"));
  }
  described.request.use = kind == "other" ? token::Use::other : token::Use::access_token;
  auto scopes = words_of(*use, "scope");
  if (!scopes) return tl::unexpected(scopes.error());
  described.request.scopes = std::move(*scopes);
  auto audiences = words_of(*use, "audience");
  if (!audiences) return tl::unexpected(audiences.error());
  described.request.audiences = std::move(*audiences);
  if (const json::value* ip = use->if_contains("ip"); ip && !ip->is_null()) {
    const auto address = ip->is_string() ? Address::parse(ip->as_string()) : std::nullopt;
    if (!address) return fail(invalid_request("use.ip must be an IPv4 or IPv6 address"));
    described.address = address->text();
  }
  if (const json::value* time = use->if_contains("time"); time && !time->is_null()) {
    if (!time->is_int64() || time->as_int64() < 0)
      return fail(invalid_request("use.time must be Unix seconds"));
    described.time = from_unix(time->as_int64());
  }
  return std::optional(std::move(described));
}

Task<http::Response> introspect(const Api& api, http::Request& request,
                                const http::Parameters& parameters) {
  auto use = described_use(parameters);
  if (!use) co_return error_answer(api, use.error(), request);
  auto presented = require_token(api, request, parameters);
  if (!presented) co_return error_answer(api, presented.error(), request);
  auto answer = co_await service::introspect(api.context, std::move(presented->presentation),
                                             std::move(*use));
  if (!answer) co_return error_answer(api, answer.error(), request);
  co_return http::Response::json(200, std::move(*answer));
}

}  // namespace

Task<http::Response> tokeninfo(const Api& api, http::Request& request) {
  auto parameters = http::Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  auto member = parameters->text("action");
  if (!member) co_return error_answer(api, member.error(), request);
  const std::string action = member->value_or("introspect");
  if (std::find(std::begin(actions), std::end(actions), action) == std::end(actions)) {
    const std::string shown = action.size() > 100 ? "…" : action;
    co_return error_answer(
        api, invalid_request("value '" + shown + "' not valid for TokeninfoAction"), request);
  }
  const auto& enabled = api.settings.tokeninfo_actions;
  if (std::find(enabled.begin(), enabled.end(), action) == enabled.end()) {
    co_return error_answer(
        api, invalid_request("the action " + action + " is switched off on this server"), request);
  }
  if (action == "introspect") co_return co_await introspect(api, request, *parameters);
  auto selectors = selectors_of(*parameters);
  if (!selectors) co_return error_answer(api, selectors.error(), request);
  auto page = page_of(*parameters);
  if (!page) co_return error_answer(api, page.error(), request);
  auto presented = require_token(api, request, *parameters);
  if (!presented) co_return error_answer(api, presented.error(), request);
  const TokenSource source = presented->source;
  service::OperationRequest operation =
      operation_request(request, std::move(presented->presentation));
  Result<service::OperationAnswer> answer = tl::unexpected(Error{});
  if (action == "event_history") {
    answer = co_await service::event_history(api.context, std::move(operation),
                                             std::move(*selectors), std::move(*page));
  } else if (action == "subtokens") {
    answer = co_await service::subtokens(api.context, std::move(operation), std::move(*page));
  } else if (action == "list_mytokens") {
    answer = co_await service::list_mytokens(api.context, std::move(operation), std::move(*page));
  } else {
    answer = co_await service::token_notifications(api.context, std::move(operation),
                                                   std::move(*selectors));
  }
  co_return operation_answer(api, request, source, std::move(answer));
}

}  // namespace mytoken::api
