// Notifications and calendars: requests and the reading of their answers (spec notifications.md §3
// and §7).
#include <mytoken/notifications.h>

#include <algorithm>

#include "base/json.h"
#include "client/reading.h"

namespace mytoken::client {
namespace {

using Method = Exchange::Method;

std::vector<std::string> sorted(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts;
}

Exchange exchange_of(Method method, std::vector<std::string> path) {
  Exchange exchange;
  exchange.method = method;
  exchange.endpoint = "notifications_endpoint";
  exchange.path = std::move(path);
  exchange.is_long = true;
  return exchange;
}

// The request with `body`; a null lease means that no mytoken is sent.
Outcome<Document> send(Client& client, TokenLease* lease, Exchange exchange,
                       const json::object& body, const Call& call) {
  if (!lease) exchange.token = Exchange::Token::none;
  if (!body.empty()) exchange.body = json::serialize(body);
  return client.exchange(lease, exchange, call);
}

Outcome<Done> send_change(Client& client, TokenLease* lease, Exchange exchange,
                          const json::object& body, const Call& call) {
  auto answer = send(client, lease, std::move(exchange), body, call);
  if (!answer) return failure(std::move(answer.error()));
  return Done{std::move(answer->token_update)};
}

// Lists exist on every server that offers the function at all.
ClientError of_list(ClientError error, const Client& client, const char* what) {
  if (error.http_status != 404) return error;
  error.kind = ErrorKind::usage;
  error.code = not_supported;
  error.description = "not supported by this server: " + client.server_url() + " has no " + what;
  return error;
}

std::string text_member(const json::object& object, std::string_view name) {
  return std::string(string_member(object, name));
}

std::vector<Tag> tags_in(const json::object& object) {
  std::vector<Tag> tags;
  const auto* value = member(object, "tags");
  const auto* array = value ? value->if_array() : nullptr;
  if (!array) return tags;
  for (const auto& entry : *array) {
    if (const auto* tag = entry.if_object())
      tags.push_back({text_member(*tag, "tag"), text_member(*tag, "color")});
  }
  std::sort(tags.begin(), tags.end(), [](const Tag& a, const Tag& b) { return a.name < b.name; });
  return tags;
}

Notification notification_in(const json::object& object) {
  Notification notification;
  notification.id = integer_member(object, "notification_id").value_or(0);
  notification.type = text_member(object, "notification_type");
  notification.management_code = text_member(object, "management_code");
  notification.user_wide = bool_member(object, "user_wide");
  notification.classes = sorted(text_members(object, "notification_classes"));
  notification.subscribed_tokens = sorted(text_members(object, "subscribed_tokens"));
  notification.total_subscribed_tokens = integer_member(object, "total_subscribed_tokens");
  notification.tags = tags_in(object);
  notification.owner_issuer = text_member(object, "oidc_iss");
  notification.owner_subject = text_member(object, "oidc_sub");
  return notification;
}

Calendar calendar_in(const json::object& object) {
  return {text_member(object, "id"), text_member(object, "ics_path"),
          text_member(object, "description"), tags_in(object),
          sorted(text_members(object, "subscribed_tokens"))};
}

// The objects in the list `name` of an answer.
std::vector<json::object> objects_in(const std::string& text, std::string_view name) {
  std::vector<json::object> objects;
  const auto answer = parse_json(text);
  const auto* object = answer ? answer->if_object() : nullptr;
  const auto* value = object ? member(*object, name) : nullptr;
  const auto* array = value ? value->if_array() : nullptr;
  if (!array) return objects;
  for (const auto& entry : *array) {
    if (const auto* found = entry.if_object()) objects.push_back(*found);
  }
  return objects;
}

json::object object_in(const std::string& text) {
  auto value = parse_json(text);
  return value && value->is_object() ? std::move(value->get_object()) : json::object();
}

Outcome<CalendarAnswer> calendar_answer(Outcome<Document> answer) {
  if (!answer) return failure(std::move(answer.error()));
  CalendarAnswer calendar{calendar_in(object_in(answer->json)), std::move(answer->json),
                          std::move(answer->token_update)};
  if (calendar.calendar.id.empty())
    return failure(ErrorKind::protocol, "the server answered without a calendar");
  return calendar;
}

json::object target(const std::string& mom_id) {
  json::object body;
  if (!mom_id.empty()) body["mom_id"] = mom_id;
  return body;
}

// A calendar as far as a change of it tells.
std::string told(const std::string& id, const CalendarChange& change) {
  json::object calendar{{"id", id}};
  if (change.description) calendar["description"] = *change.description;
  if (change.tags) {
    json::array tags;
    for (const std::string& tag : sorted(*change.tags))
      tags.push_back(json::object{{"tag", tag}});
    calendar["tags"] = std::move(tags);
  }
  return json::serialize(calendar);
}

Failure nothing_to_change() {
  return failure(ErrorKind::usage, "there is nothing to change");
}

}  // namespace

const std::vector<NotificationClass>& notification_classes() {
  static const std::vector<NotificationClass> classes{
      {"AT_creations", "an access token was issued"},
      {"subtoken_creations", "a mytoken was made from it"},
      {"setting_changes", "settings of the user were changed"},
      {"expiration", "it expires soon"},
      {"rt_failure", "it cannot get access tokens any more"},
      {"security", "all below"},
      {"security:ips", "it was used from a new address"},
      {"security:blocked_usages", "a use was refused"},
      {"security:blocked_usages:capabilities", "for lack of a capability"},
      {"security:blocked_usages:restrictions", "because of its restrictions"},
      {"security:revoked", "it was used after its end (user-wide only)"}};
  return classes;
}

Outcome<NotificationList> list_notifications(Client& client, TokenLease& lease, const Call& call) {
  auto answer = send(client, &lease, exchange_of(Method::get, {}), {}, call);
  if (!answer) return failure(of_list(std::move(answer.error()), client, "notifications"));
  NotificationList list;
  for (const json::object& object : objects_in(answer->json, "notifications"))
    list.notifications.push_back(notification_in(object));
  std::sort(list.notifications.begin(), list.notifications.end(),
            [](const Notification& a, const Notification& b) { return a.id > b.id; });
  list.json = std::move(answer->json);
  list.token_update = std::move(answer->token_update);
  return list;
}

Outcome<Notification> get_notification(Client& client, const std::string& management_code,
                                       const Call& call) {
  auto answer = send(client, nullptr, exchange_of(Method::get, {management_code}), {}, call);
  if (!answer) return failure(std::move(answer.error()));
  Notification notification = notification_in(object_in(answer->json));
  if (notification.management_code.empty())
    return failure(ErrorKind::protocol, "the server answered without a notification");
  return notification;
}

Outcome<CreatedNotification> create_notification(Client& client, TokenLease& lease,
                                                 const NotificationRequest& request,
                                                 const Call& call) {
  json::object body{{"notification_type", request.type}};
  body["notification_classes"] = array_of(sorted(request.classes));
  if (!request.mom_id.empty()) body["mom_id"] = request.mom_id;
  body["include_children"] = request.include_children;
  body["user_wide"] = request.user_wide;
  if (!request.tags.empty()) body["tags"] = array_of(sorted(request.tags));
  if (!request.comment.empty()) body["comment"] = request.comment;
  auto answer = send(client, &lease, exchange_of(Method::post, {}), body, call);
  if (!answer) return failure(std::move(answer.error()));
  return CreatedNotification{text_member(object_in(answer->json), "management_code"),
                             std::move(answer->token_update)};
}

Outcome<Done> update_notification(Client& client, TokenLease* lease,
                                  const std::string& management_code,
                                  const NotificationChange& change, const Call& call) {
  json::object body;
  if (change.classes) body["notification_classes"] = array_of(sorted(*change.classes));
  if (change.tags) body["tags"] = array_of(sorted(*change.tags));
  if (body.empty()) return nothing_to_change();
  return send_change(client, lease, exchange_of(Method::put, {management_code, "nc"}), body, call);
}

Outcome<Done> delete_notification(Client& client, TokenLease* lease,
                                  const std::string& management_code, const Call& call) {
  return send_change(client, lease, exchange_of(Method::delete_, {management_code}), {}, call);
}

Outcome<Done> add_notification_token(Client& client, TokenLease* lease,
                                     const std::string& management_code, const std::string& mom_id,
                                     bool include_children, const Call& call) {
  json::object body = target(mom_id);
  body["include_children"] = include_children;
  return send_change(client, lease, exchange_of(Method::post, {management_code, "token"}), body,
                     call);
}

Outcome<Done> remove_notification_token(Client& client, TokenLease* lease,
                                        const std::string& management_code,
                                        const std::string& mom_id, const Call& call) {
  return send_change(client, lease, exchange_of(Method::delete_, {management_code, "token"}),
                     target(mom_id), call);
}

Outcome<CalendarList> list_calendars(Client& client, TokenLease& lease, const Call& call) {
  auto answer = send(client, &lease, exchange_of(Method::get, {"calendars"}), {}, call);
  if (!answer) return failure(of_list(std::move(answer.error()), client, "calendars"));
  CalendarList list;
  for (const json::object& object : objects_in(answer->json, "calendars"))
    list.calendars.push_back(calendar_in(object));
  std::sort(list.calendars.begin(), list.calendars.end(),
            [](const Calendar& a, const Calendar& b) { return a.id < b.id; });
  list.json = std::move(answer->json);
  list.token_update = std::move(answer->token_update);
  return list;
}

Outcome<CalendarAnswer> get_calendar(Client& client, TokenLease& lease, const std::string& id,
                                     const Call& call) {
  auto list = list_calendars(client, lease, call);
  if (!list) return failure(std::move(list.error()));
  for (const json::object& object : objects_in(list->json, "calendars")) {
    if (string_member(object, "id") == id)
      return CalendarAnswer{calendar_in(object), json::serialize(object),
                            std::move(list->token_update)};
  }
  return failure(ErrorKind::server, "calendar not found", "not_found");
}

Outcome<CalendarAnswer> create_calendar(Client& client, TokenLease& lease,
                                        const std::string& description,
                                        const std::vector<std::string>& tags, const Call& call) {
  json::object body;
  if (!description.empty()) body["description"] = description;
  body["tags"] = array_of(sorted(tags));
  return calendar_answer(
      send(client, &lease, exchange_of(Method::post, {"calendars"}), body, call));
}

Outcome<CalendarAnswer> update_calendar(Client& client, TokenLease& lease, const std::string& id,
                                        const CalendarChange& change, const Call& call) {
  json::object body;
  if (change.description) body["description"] = *change.description;
  if (change.tags) body["tags"] = array_of(sorted(*change.tags));
  if (body.empty()) return nothing_to_change();
  auto answer = send(client, &lease, exchange_of(Method::put, {"calendars", id}), body, call);
  // Over ssh the answer is only that it worked.
  if (answer && object_in(answer->json).empty()) answer->json = told(id, change);
  return calendar_answer(std::move(answer));
}

Outcome<Done> delete_calendar(Client& client, TokenLease& lease, const std::string& id,
                              const Call& call) {
  return send_change(client, &lease, exchange_of(Method::delete_, {"calendars", id}), {}, call);
}

Outcome<CalendarAnswer> add_calendar_token(Client& client, TokenLease& lease, const std::string& id,
                                           const std::string& mom_id, const std::string& comment,
                                           const Call& call) {
  const json::object body{{"mom_id", mom_id}, {"comment", comment}};
  return calendar_answer(
      send(client, &lease, exchange_of(Method::post, {"calendars", id}), body, call));
}

Outcome<Done> remove_calendar_token(Client& client, TokenLease& lease, const std::string& id,
                                    const std::string& mom_id, const Call& call) {
  // Member mom_id must be there, be it empty: without a body this is the end of the calendar.
  return send_change(client, &lease, exchange_of(Method::delete_, {"calendars", id}),
                     {{"mom_id", mom_id}}, call);
}

Outcome<Done> add_calendar_tag(Client& client, TokenLease& lease, const std::string& id,
                               const std::string& tag, const Call& call) {
  return send_change(client, &lease, exchange_of(Method::post, {"calendars", id, "tags"}),
                     {{"tag", tag}}, call);
}

Outcome<Done> remove_calendar_tag(Client& client, TokenLease& lease, const std::string& id,
                                  const std::string& tag, const Call& call) {
  return send_change(client, &lease, exchange_of(Method::delete_, {"calendars", id, "tags"}),
                     {{"tag", tag}}, call);
}

}  // namespace mytoken::client
