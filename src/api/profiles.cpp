// Routes, HTTP Basic, and the ways an entry's id may be given; see profiles.h.
#include "api/profiles.h"

#include "api/common.h"
#include "api/group_passwords.h"
#include "base/encoding.h"
#include "http/status.h"
#include "service/profiles.h"

namespace mytoken::api {
namespace {

using http::Parameters;
using http::Request;
using http::Response;
using token::TemplateKind;

struct Paths {
  TemplateKind kind;
  // A literal kind wins over a group of that name.
  std::string_view list;
  std::string_view entry;
  std::string_view list_of_group;
  std::string_view entry_of_group;
};
constexpr Paths table[] = {
    {TemplateKind::profiles, "/api/v0/pt/profiles", "/api/v0/pt/profiles/{id}",
     "/api/v0/pt/{group}/profiles", "/api/v0/pt/{group}/profiles/{id}"},
    {TemplateKind::capabilities, "/api/v0/pt/capabilities", "/api/v0/pt/capabilities/{id}",
     "/api/v0/pt/{group}/capabilities", "/api/v0/pt/{group}/capabilities/{id}"},
    {TemplateKind::restrictions, "/api/v0/pt/restrictions", "/api/v0/pt/restrictions/{id}",
     "/api/v0/pt/{group}/restrictions", "/api/v0/pt/{group}/restrictions/{id}"},
    {TemplateKind::rotation, "/api/v0/pt/rotation", "/api/v0/pt/rotation/{id}",
     "/api/v0/pt/{group}/rotation", "/api/v0/pt/{group}/rotation/{id}"},
};

// What the path says.
struct Target {
  TemplateKind kind = TemplateKind::profiles;
  std::string group;
  std::string id;  // "" if the path has none
};

// The group's segment is form-encoded: + is a blank, %2B a plus.
std::string group_in_path(const Request& request, std::size_t segments_after) {
  std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  std::string_view segment;
  for (std::size_t left = segments_after + 1; left > 0; --left) {
    while (path.ends_with('/'))
      path.remove_suffix(1);
    const std::size_t slash = path.rfind('/');
    segment = slash == std::string_view::npos ? path : path.substr(slash + 1);
    path = path.substr(0, slash == std::string_view::npos ? 0 : slash);
  }
  // Slashes written as %2F count as separators for the router: then the count is another one.
  const std::string& decoded = request.path_parameters.at(0);
  auto group = percent_decode(segment) == decoded ? percent_decode(segment, true) : std::nullopt;
  return group ? std::move(*group) : decoded;
}

struct Credentials {
  std::string user;
  Secret password;
};

// RFC 7617; nullopt: none, or not well-formed.
std::optional<Credentials> credentials_of(const Request& request) {
  const std::string_view header = request.headers.get("Authorization");
  if (header.size() < 6 || !equals_ignoring_case(header.substr(0, 6), "Basic "))
    return std::nullopt;
  std::string_view encoded = header.substr(6);
  while (encoded.starts_with(' '))
    encoded.remove_prefix(1);
  auto text = decode_base64(encoded);
  if (!text) return std::nullopt;
  const Secret both(std::move(*text));
  const std::string_view pair = both.reveal();
  const std::size_t colon = pair.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return Credentials{std::string(pair.substr(0, colon)),
                     Secret(std::string(pair.substr(colon + 1)))};
}

// The path's group is written with its own name and password. Errors: as
// GroupPasswords::require, 401 without credentials, 403 for those of another group.
Task<Result<void>> require_group(const Api& api, const Request& request, std::string group) {
  auto given = credentials_of(request);
  if (!given) co_return fail(http::http_error(401, "the group's name and password are needed"));
  auto known =
      co_await api.group_passwords->require(request, given->user, std::move(given->password));
  if (!known) co_return known;
  if (given->user != group) co_return fail(http::http_error(403, "Forbidden"));
  co_return Result<void>();
}

// 16 bytes: a UUID with dashes, in braces, after "urn:uuid:", or 32 hexadecimal digits.
std::optional<std::string> parse_id(std::string_view text) {
  if (text.size() > 9 && equals_ignoring_case(text.substr(0, 9), "urn:uuid:"))
    text.remove_prefix(9);
  else if (text.size() > 2 && text.front() == '{' && text.back() == '}')
    text = text.substr(1, text.size() - 2);
  std::string digits(text);
  if (digits.size() == 36) {
    for (const std::size_t at : {23u, 18u, 13u, 8u}) {
      if (digits[at] != '-') return std::nullopt;
      digits.erase(at, 1);
    }
  }
  return digits.size() == 32 ? decode_hex(lower(digits)) : std::nullopt;
}

// From the path, the query, or the body, in this order.
Result<std::string> entry_id(const Target& target, const Request& request,
                             const Parameters& parameters) {
  std::string text = target.id;
  if (text.empty()) text = request.query_value("id").value_or("");
  if (text.empty()) {
    auto member = parameters.text("id");
    if (!member) return tl::unexpected(member.error());
    text = member->value_or("");
  }
  if (text.empty()) return fail(invalid_request("the id of the entry must be given"));
  auto id = parse_id(text);
  if (!id) return fail(invalid_request("the id must be a UUID"));
  return std::move(*id);
}

Result<service::Template> parse_entry(const Target& target, const Parameters& parameters) {
  service::Template entry{target.kind, target.group, {}, {}};
  auto name = parameters.text("name");
  if (!name) return tl::unexpected(name.error());
  entry.name = name->value_or("");
  auto payload = parameters.structured("payload");
  if (!payload) return tl::unexpected(payload.error());
  if (*payload) entry.payload = std::move(**payload);
  return entry;
}

Task<Response> groups(const Api& api, Request& request) {
  auto list = co_await service::template_groups(api.context);
  if (!list) co_return error_answer(api, list.error(), request);
  co_return Response::json(200, std::move(*list));
}

Task<Response> list_entries(const Api& api, Request& request, Target target) {
  auto list = co_await service::template_list(api.context, target.kind, std::move(target.group));
  if (!list) co_return error_answer(api, list.error(), request);
  co_return Response::json(200, std::move(*list));
}

Task<Response> create_entry(const Api& api, Request& request, Target target) {
  auto parameters = Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  if (auto r = co_await require_group(api, request, target.group); !r)
    co_return error_answer(api, r.error(), request);
  auto entry = parse_entry(target, *parameters);
  if (!entry) co_return error_answer(api, entry.error(), request);
  auto done = co_await service::add_template(api.context, std::move(*entry));
  if (!done) co_return error_answer(api, done.error(), request);
  co_return Response::empty(201);
}

Task<Response> change_entry(const Api& api, Request& request, Target target) {
  auto parameters = Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  if (auto r = co_await require_group(api, request, target.group); !r)
    co_return error_answer(api, r.error(), request);
  auto id = entry_id(target, request, *parameters);
  if (!id) co_return error_answer(api, id.error(), request);
  auto entry = parse_entry(target, *parameters);
  if (!entry) co_return error_answer(api, entry.error(), request);
  auto done = co_await service::change_template(api.context, std::move(*id), std::move(*entry));
  if (!done) co_return error_answer(api, done.error(), request);
  co_return Response::empty(200);
}

Task<Response> remove_entry(const Api& api, Request& request, Target target) {
  Result<Parameters> parameters;  // of the path alone if that has the id
  if (target.id.empty()) parameters = Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  if (auto r = co_await require_group(api, request, target.group); !r)
    co_return error_answer(api, r.error(), request);
  auto id = entry_id(target, request, *parameters);
  if (!id) co_return error_answer(api, id.error(), request);
  auto done = co_await service::remove_template(api.context, std::move(*id), target.kind,
                                                std::move(target.group));
  if (!done) co_return error_answer(api, done.error(), request);
  co_return Response::no_content();
}

using Endpoint = Task<Response> (*)(const Api&, Request&, Target);

struct Shape {
  TemplateKind kind;
  bool has_group;
  bool has_id;
};

http::Handler handler(const Api& api, Shape shape, Endpoint endpoint) {
  return [&api, shape, endpoint](Request& request) {
    Target target{shape.kind, std::string(token::default_template_group), {}};
    if (shape.has_group) target.group = group_in_path(request, shape.has_id ? 2 : 1);
    if (shape.has_id) target.id = request.path_parameters.back();
    return endpoint(api, request, std::move(target));
  };
}

}  // namespace

void add_profile_routes(http::Router& router, const Api& api) {
  if (!api.settings.server_profiles) return;
  router.add({"GET", "/api/v0/pt", [&api](Request& request) { return groups(api, request); }});
  for (const Paths& paths : table) {
    for (const bool has_group : {false, true}) {
      const std::string_view list = has_group ? paths.list_of_group : paths.list;
      const std::string_view entry = has_group ? paths.entry_of_group : paths.entry;
      const Shape without_id{paths.kind, has_group, false};
      const Shape with_id{paths.kind, has_group, true};
      router.add({"GET", list, handler(api, without_id, list_entries)});
      router.add({"POST", list, handler(api, without_id, create_entry)});
      router.add({"PUT", list, handler(api, without_id, change_entry)});
      router.add({"DELETE", list, handler(api, without_id, remove_entry)});
      router.add({"PUT", entry, handler(api, with_id, change_entry)});
      router.add({"DELETE", entry, handler(api, with_id, remove_entry)});
    }
  }
}

}  // namespace mytoken::api
