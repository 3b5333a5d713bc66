// Only a JWT can be looked into; what a short token allows the server knows alone.
#include "cli/parent_clause.h"

#include <mytoken/inspect.h>

#include <array>

namespace mytoken::cli {
namespace {

constexpr std::array<std::string_view, 7> inherited{
    "nbf", "exp", "scope", "audience", "hosts", "geoip_allow", "geoip_disallow"};

}  // namespace

std::optional<json::object> only_clause(const Secret& mytoken) {
  if (client::classify(mytoken.reveal()) != client::TokenKind::mytoken_jwt) return std::nullopt;
  const auto jwt = client::decode_jwt(mytoken.reveal());
  const auto payload = jwt ? parse_json(jwt->payload) : Result<json::value>(json::value());
  if (!payload || !payload->is_object()) return std::nullopt;
  const auto* clauses = payload->get_object().if_contains("restrictions");
  const auto* list = clauses ? clauses->if_array() : nullptr;
  if (!list || list->size() != 1 || !list->front().is_object()) return std::nullopt;
  return list->front().get_object();
}

json::object completed(json::object wish, const json::object& parent) {
  if (wish.contains("include")) return wish;
  for (const std::string_view name : inherited) {
    const bool is_said = wish.contains(name) || (name == "hosts" && wish.contains("ip"));
    if (const auto* value = parent.if_contains(name); value && !is_said) wish[name] = *value;
  }
  return wish;
}

std::string completed(const std::string& wishes, const json::object& parent) {
  auto value = parse_json(wishes);
  auto* list = value ? value->if_array() : nullptr;
  if (!list) return wishes;
  for (json::value& wish : *list) {
    if (auto* object = wish.if_object()) wish = completed(std::move(*object), parent);
  }
  return json::serialize(*value);
}

}  // namespace mytoken::cli
