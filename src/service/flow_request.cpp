// The stored form of a login request, and which redirect URIs are acceptable; see flow_request.h.
#include "service/flow_request.h"

#include <re2/re2.h>

namespace mytoken::service {

json::object to_json(const FlowRequest& request) {
  json::object object;
  object["application_name"] = request.wish.application_name;
  object["name"] = request.wish.name;
  object["restrictions"] = token::to_json(request.wish.restrictions);
  object["capabilities"] =
      json::value_from(request.wish.capabilities.value_or(token::Capabilities()));
  if (request.wish.rotation) object["rotation"] = token::to_json(*request.wish.rotation);
  object["response_type"] = token::name(request.wish.response_type);
  object["max_token_len"] = request.wish.max_token_len;
  if (!request.wish.tags.empty()) object["tags"] = token::to_json(request.wish.tags);
  object["web"] = request.web;
  object["redirect_uri"] = request.redirect_uri;
  return object;
}

Result<FlowRequest> parse_flow_request(const std::string& text) {
  const auto damaged = [] { return fail(internal_error("a stored login request is damaged")); };
  auto value = parse_json(text);
  if (!value || !value->is_object()) return damaged();
  const json::object& object = value->as_object();
  FlowRequest request;
  request.wish.application_name = string_member(object, "application_name");
  request.wish.name = string_member(object, "name");
  const auto* restrictions = object.if_contains("restrictions");
  if (!restrictions) return damaged();
  auto clauses = token::parse_restrictions_claim(*restrictions);
  auto rotation = token::parse_rotation(object.if_contains("rotation"));
  auto type = token::parse_response_type(string_member(object, "response_type"));
  const auto* capabilities = object.if_contains("capabilities");
  if (!clauses || !rotation || !type || !capabilities || !capabilities->is_array())
    return damaged();
  request.wish.restrictions = std::move(*clauses);
  request.wish.rotation = *rotation;
  request.wish.response_type = *type;
  request.wish.capabilities.emplace();
  for (const auto& entry : capabilities->as_array()) {
    if (!entry.is_string()) return damaged();
    request.wish.capabilities->emplace_back(entry.as_string());
  }
  if (const auto* length = object.if_contains("max_token_len"); length && length->is_int64()) {
    request.wish.max_token_len = length->as_int64();
  }
  auto tags = token::parse_tags(object.if_contains("tags"));
  if (!tags) return damaged();
  request.wish.tags = std::move(*tags);
  if (const auto* web = object.if_contains("web"); web && web->is_bool())
    request.web = web->as_bool();
  request.redirect_uri = string_member(object, "redirect_uri");
  return request;
}

bool is_sane_redirect_uri(std::string_view uri, std::string_view issuer) {
  for (const char c : uri) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '\\') return false;
  }
  if (uri.starts_with('/')) return !uri.starts_with("//");
  while (issuer.ends_with('/'))
    issuer.remove_suffix(1);
  // http only where this server itself is on http (development).
  const bool is_own =
      uri.starts_with(issuer) && (uri.size() == issuer.size() || uri[issuer.size()] == '/' ||
                                  uri[issuer.size()] == '?' || uri[issuer.size()] == '#');
  if (is_own) return true;
  if (!uri.starts_with("https://")) return false;
  std::string_view authority = uri.substr(8);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  return !authority.empty() && authority.find('@') == std::string_view::npos;
}

bool is_acceptable_redirect_uri(const Settings& settings, const std::string& uri) {
  const std::string own = base_url(settings);
  const bool is_here = uri.starts_with('/') || uri == own || uri.starts_with(own + "/");
  return is_sane_redirect_uri(uri, settings.issuer) &&
         (is_here || is_trusted_redirect_uri(settings, uri));
}

bool is_trusted_redirect_uri(const Settings& settings, const std::string& uri) {
  if (!is_sane_redirect_uri(uri, settings.issuer)) return false;
  // The shortest match that says where the browser goes: the whole origin, or the path's slash.
  const std::size_t origin =
      uri.starts_with('/') ? 1
                           : std::min(uri.find_first_of("/?#", uri.find("://") + 3), uri.size());
  for (const std::string& pattern : settings.trusted_redirect_uris) {
    // Patterns of existing configurations are prefixes ("^https://trusted\.example/"): what follows
    // them is free, but they must match from the first character on, and a match that ends within
    // the host's name trusts nobody ("https://trusted.example" is no word on
    // https://trusted.example.evil.test).
    const re2::RE2 expression(pattern, re2::RE2::Quiet);
    re2::StringPiece rest(uri);
    if (!expression.ok() || !re2::RE2::Consume(&rest, expression) ||
        uri.size() - rest.size() < origin) {
      continue;
    }
    // A wildcard may run over the end of the host ("^https://.*\\.trusted\\.example/" matches
    // https://evil.test/x.trusted.example/): what would match behind any host trusts none.
    if (uri.starts_with('/')) return true;
    const std::string elsewhere = "https://host.invalid" + uri.substr(origin);
    re2::StringPiece other(elsewhere);
    if (!re2::RE2::Consume(&other, expression)) return true;
  }
  return false;
}

}  // namespace mytoken::service
