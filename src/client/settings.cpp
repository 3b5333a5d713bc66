// Requests and answers of the user settings. Lists are sorted here, servers give them in any order;
// null stands for an empty list.
#include <mytoken/settings.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/clock.h"
#include "client/reading.h"

namespace mytoken::client {
namespace {

using Method = Exchange::Method;

constexpr const char* grants_endpoint = "grant_type_endpoint";
constexpr const char* email_endpoint = "email_endpoint";
constexpr const char* tags_endpoint = "tags_endpoint";

Exchange exchange_with(Method method, const char* endpoint, std::vector<std::string> path = {},
                       const json::object& members = {}) {
  Exchange exchange;
  exchange.method = method;
  exchange.endpoint = endpoint;
  exchange.path = std::move(path);
  if (!members.empty()) exchange.body = json::serialize(members);
  return exchange;
}

// A server may announce an address and not serve it (mail switched off). That is no missing entity
// where `is_collection`.
ClientError named(ClientError error, const char* what, bool is_collection) {
  if (error.http_status != 404 || !is_collection) return error;
  error.kind = ErrorKind::usage;
  error.code = not_supported;
  error.description = std::string("not supported by this server: ") + what;
  return error;
}

// The object of an answer; its successor goes to `update`.
Outcome<json::object> object_of(Outcome<Document> answer, std::optional<TokenUpdate>& update) {
  if (!answer) return failure(std::move(answer.error()));
  update = std::move(answer->token_update);
  auto value = parse_json(answer->json);
  if (!value || !value->is_object())
    return failure(ErrorKind::protocol, "the server answered with something that is no object");
  return std::move(value->get_object());
}

Outcome<Done> done_of(Outcome<Document> answer, const char* what, bool is_collection) {
  if (!answer) return failure(named(std::move(answer.error()), what, is_collection));
  return Done{std::move(answer->token_update)};
}

// The objects in the array `name`, none for null.
std::vector<const json::object*> objects_in(const json::object& answer, std::string_view name) {
  std::vector<const json::object*> objects;
  const auto* value = member(answer, name);
  const auto* array = value ? value->if_array() : nullptr;
  if (!array) return objects;
  for (const json::value& entry : *array) {
    if (const auto* object = entry.if_object()) objects.push_back(object);
  }
  return objects;
}

std::optional<Time> time_member(const json::object& object, std::string_view name) {
  const auto seconds = integer_member(object, name);
  if (!seconds || *seconds <= 0 || *seconds > std::numeric_limits<std::uint32_t>::max())
    return std::nullopt;
  return from_unix(*seconds);
}

Outcome<Done> switch_grant(Client& client, TokenLease& lease, Method method,
                           const std::string& grant_type, const Call& call) {
  Exchange change = exchange_with(method, grants_endpoint, {}, {{"grant_type", grant_type}});
  change.token = Exchange::Token::in_body;
  return done_of(client.exchange(&lease, change, call), "grants of users", true);
}

constexpr const char* ssh = "access with ssh keys";
constexpr const char* mail = "mail";
constexpr const char* tags_of_user = "tags";

}  // namespace

Outcome<Grants> list_grants(Client& client, TokenLease& lease, const Call& call) {
  Grants list;
  auto answer =
      object_of(client.exchange(&lease, exchange_with(Method::get, grants_endpoint), call),
                list.token_update);
  if (!answer) return failure(named(std::move(answer.error()), "grants of users", true));
  for (const json::object* entry : objects_in(*answer, "grant_types")) {
    list.grants.push_back(
        {std::string(string_member(*entry, "grant_type")), bool_member(*entry, "enabled")});
  }
  std::sort(list.grants.begin(), list.grants.end(),
            [](const Grant& a, const Grant& b) { return a.grant_type < b.grant_type; });
  return list;
}

Outcome<Done> enable_grant(Client& client, TokenLease& lease, const std::string& grant_type,
                           const Call& call) {
  return switch_grant(client, lease, Method::post, grant_type, call);
}

Outcome<Done> disable_grant(Client& client, TokenLease& lease, const std::string& grant_type,
                            const Call& call) {
  return switch_grant(client, lease, Method::delete_, grant_type, call);
}

Outcome<SshKeys> list_ssh_keys(Client& client, TokenLease& lease, const Call& call) {
  SshKeys list;
  auto answer =
      object_of(client.exchange(&lease, exchange_with(Method::get, grants_endpoint, {"ssh"}), call),
                list.token_update);
  if (!answer) return failure(named(std::move(answer.error()), ssh, true));
  list.is_grant_enabled = bool_member(*answer, "grant_enabled");
  for (const json::object* entry : objects_in(*answer, "ssh_keys")) {
    list.keys.push_back({std::string(string_member(*entry, "name")),
                         std::string(string_member(*entry, "ssh_key_fp")),
                         time_member(*entry, "created"), time_member(*entry, "last_used")});
  }
  std::sort(list.keys.begin(), list.keys.end(), [](const SshKey& a, const SshKey& b) {
    return std::tie(a.name, a.fingerprint) < std::tie(b.name, b.fingerprint);
  });
  return list;
}

Outcome<Authorization> start_adding_ssh_key(Client& client, TokenLease& lease,
                                            const SshKeyRequest& request, const Call& call) {
  json::object members{{"grant_type", "mytoken"}, {"ssh_key", request.ssh_key}};
  if (!request.name.empty()) members["name"] = request.name;
  if (!request.restrictions.empty()) {
    auto clauses = parse_json(request.restrictions);
    if (!clauses || !clauses->is_array())
      return failure(ErrorKind::usage, "restrictions must be a JSON array");
    members["restrictions"] = std::move(*clauses);
  }
  if (request.capabilities) members["capabilities"] = array_of(*request.capabilities);
  if (!request.application_name.empty()) members["application_name"] = request.application_name;
  Exchange start = exchange_with(Method::post, grants_endpoint, {"ssh"}, members);
  start.token = Exchange::Token::in_body;
  std::optional<TokenUpdate> update;
  auto answer = object_of(client.exchange(&lease, start, call), update);
  if (!answer) return failure(named(std::move(answer.error()), ssh, true));
  auto authorization = parse_authorization(*answer, client.server_url());
  if (authorization) authorization->token_update = std::move(update);
  return authorization;
}

Outcome<SshAccess> wait_for_ssh_key(Client& client, const Authorization& authorization,
                                    const Client::Progress& progress, const Call& call) {
  std::optional<TokenUpdate> none;
  auto answer = object_of(client.wait_for(exchange_with(Method::post, grants_endpoint, {"ssh"}),
                                          authorization, progress, call),
                          none);
  if (!answer) return failure(std::move(answer.error()));
  SshAccess access;
  access.user = Secret(std::string(string_member(*answer, "ssh_user")));
  access.host_config = Secret(std::string(string_member(*answer, "ssh_host_config")));
  if (access.user.empty())
    return failure(ErrorKind::protocol, "the server answered without a user name for ssh");
  return access;
}

Outcome<Done> remove_ssh_key(Client& client, TokenLease& lease, const std::string& key,
                             const Call& call) {
  const char* name = key.starts_with("SHA256:") ? "ssh_key_fp" : "ssh_key";
  Exchange removal = exchange_with(Method::delete_, grants_endpoint, {"ssh"}, {{name, key}});
  removal.token = Exchange::Token::in_body;
  return done_of(client.exchange(&lease, removal, call), ssh, true);
}

Outcome<EmailSettings> email_settings(Client& client, TokenLease& lease, const Call& call) {
  EmailSettings settings;
  auto answer = object_of(client.exchange(&lease, exchange_with(Method::get, email_endpoint), call),
                          settings.token_update);
  if (!answer) return failure(named(std::move(answer.error()), mail, true));
  settings.address = string_member(*answer, "email_address");
  settings.is_verified = bool_member(*answer, "email_verified");
  if (member(*answer, "prefer_html_mail"))
    settings.prefers_html = bool_member(*answer, "prefer_html_mail");
  return settings;
}

Outcome<Done> change_email_settings(Client& client, TokenLease& lease, const EmailChange& change,
                                    const Call& call) {
  json::object members;
  if (!change.address.empty()) members["email_address"] = change.address;
  if (change.prefers_html) members["prefer_html_mail"] = *change.prefers_html;
  if (members.empty()) return failure(ErrorKind::usage, "nothing to change");
  return done_of(
      client.exchange(&lease, exchange_with(Method::put, email_endpoint, {}, members), call), mail,
      true);
}

Outcome<Tags> list_tags(Client& client, TokenLease& lease, const Call& call) {
  Tags list;
  auto answer = object_of(client.exchange(&lease, exchange_with(Method::get, tags_endpoint), call),
                          list.token_update);
  if (!answer) return failure(named(std::move(answer.error()), tags_of_user, true));
  for (const json::object* entry : objects_in(*answer, "tags")) {
    list.tags.push_back(
        {std::string(string_member(*entry, "tag")), std::string(string_member(*entry, "color"))});
  }
  std::sort(list.tags.begin(), list.tags.end(),
            [](const Tag& a, const Tag& b) { return a.name < b.name; });
  return list;
}

Outcome<Done> create_tag(Client& client, TokenLease& lease, const std::string& name,
                         const std::string& color, const Call& call) {
  json::object members;
  if (!color.empty()) members["color"] = color;
  return done_of(
      client.exchange(&lease, exchange_with(Method::post, tags_endpoint, {name}, members), call),
      tags_of_user, true);
}

Outcome<Done> update_tag(Client& client, TokenLease& lease, const std::string& name,
                         const TagChange& change, const Call& call) {
  json::object members;
  if (!change.name.empty()) members["tag"] = change.name;
  if (!change.color.empty()) members["color"] = change.color;
  if (members.empty()) return failure(ErrorKind::usage, "nothing to change");
  return done_of(
      client.exchange(&lease, exchange_with(Method::put, tags_endpoint, {name}, members), call),
      tags_of_user, false);
}

Outcome<Done> delete_tag(Client& client, TokenLease& lease, const std::string& name,
                         const Call& call) {
  return done_of(
      client.exchange(&lease, exchange_with(Method::delete_, tags_endpoint, {name}), call),
      tags_of_user, false);
}

}  // namespace mytoken::client
