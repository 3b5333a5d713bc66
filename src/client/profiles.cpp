// Reading and writing of profiles and templates (spec profiles.md §3).
#include <mytoken/profiles.h>

#include <algorithm>

#include "base/json.h"
#include "client/reading.h"

namespace mytoken::client {
namespace {

Exchange exchange_of(Exchange::Method method, std::vector<std::string> path) {
  Exchange exchange;
  exchange.method = method;
  exchange.endpoint = "profiles_endpoint";
  exchange.path = std::move(path);
  exchange.token = Exchange::Token::none;
  exchange.is_long = true;
  return exchange;
}

// An empty list may come as null, which is read as an empty object.
Outcome<json::array> array_in(const std::string& text) {
  auto value = parse_json(text);
  if (value && value->is_array()) return std::move(value->get_array());
  if (value && value->is_object() && value->get_object().empty()) return json::array();
  return failure(ErrorKind::protocol, "the server answered with something that is no list");
}

Outcome<std::string> entry(const std::string& name, const std::string& payload) {
  auto value = parse_json(payload);
  if (!value) return failure(ErrorKind::usage, "the payload must be JSON");
  return json::serialize(json::object{{"name", name}, {"payload", std::move(*value)}});
}

Outcome<void> write(Client& client, const GroupLogin& login, Exchange exchange, const Call& call) {
  if (login.group.find(':') != std::string::npos)
    return failure(ErrorKind::usage, "the name of a group has no colon");
  exchange.basic_user = login.group;
  exchange.basic_password = login.password;
  auto answer = client.exchange(nullptr, exchange, call);
  if (!answer) return failure(std::move(answer.error()));
  return {};
}

}  // namespace

const char* name_of(TemplateType type) {
  switch (type) {
    case TemplateType::profiles:
      return "profiles";
    case TemplateType::capabilities:
      return "capabilities";
    case TemplateType::restrictions:
      return "restrictions";
    case TemplateType::rotation:
      break;
  }
  return "rotation";
}

Outcome<std::vector<std::string>> profile_groups(Client& client, const Call& call) {
  auto answer = client.exchange(nullptr, exchange_of(Exchange::Method::get, {}), call);
  if (!answer && answer.error().http_status == 404) {
    return failure(ErrorKind::usage,
                   "not supported by this server: " + client.server_url() + " has no profiles",
                   not_supported);
  }
  if (!answer) return failure(std::move(answer.error()));
  auto array = array_in(answer->json);
  if (!array) return failure(std::move(array.error()));
  std::vector<std::string> names;
  for (const auto& value : *array) {
    if (const auto* text = value.if_string()) names.emplace_back(std::string_view(*text));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Outcome<std::vector<Template>> list_templates(Client& client, TemplateType type,
                                              const std::string& group, const Call& call) {
  auto answer =
      client.exchange(nullptr, exchange_of(Exchange::Method::get, {group, name_of(type)}), call);
  if (!answer) return failure(std::move(answer.error()));
  auto array = array_in(answer->json);
  if (!array) return failure(std::move(array.error()));
  std::vector<Template> list;
  for (const auto& value : *array) {
    const auto* object = value.if_object();
    if (!object) continue;
    const auto* payload = object->if_contains("payload");
    list.push_back({std::string(string_member(*object, "id")),
                    std::string(string_member(*object, "name")),
                    payload ? json::serialize(*payload) : "null"});
  }
  std::sort(list.begin(), list.end(),
            [](const Template& a, const Template& b) { return a.name < b.name; });
  return list;
}

Outcome<void> create_template(Client& client, const GroupLogin& login, TemplateType type,
                              const std::string& name, const std::string& payload,
                              const Call& call) {
  Exchange exchange = exchange_of(Exchange::Method::post, {login.group, name_of(type)});
  auto body = entry(name, payload);
  if (!body) return failure(std::move(body.error()));
  exchange.body = std::move(*body);
  return write(client, login, std::move(exchange), call);
}

Outcome<void> replace_template(Client& client, const GroupLogin& login, TemplateType type,
                               const std::string& id, const std::string& name,
                               const std::string& payload, const Call& call) {
  Exchange exchange = exchange_of(Exchange::Method::put, {login.group, name_of(type), id});
  auto body = entry(name, payload);
  if (!body) return failure(std::move(body.error()));
  exchange.body = std::move(*body);
  return write(client, login, std::move(exchange), call);
}

Outcome<void> delete_template(Client& client, const GroupLogin& login, TemplateType type,
                              const std::string& id, const Call& call) {
  return write(client, login,
               exchange_of(Exchange::Method::delete_, {login.group, name_of(type), id}), call);
}

}  // namespace mytoken::client
