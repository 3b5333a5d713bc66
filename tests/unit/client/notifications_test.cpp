// Notifications and calendars against recorded answers (spec notifications.md §3 and §7).
#include <mytoken/notifications.h>

#include <gtest/gtest.h>

#include "unit/cli/fake_server.h"

namespace mytoken::client {
namespace {

using test::answer_error;
using test::FakeAnswer;
using test::FakeRequest;
using test::FakeServer;

constexpr const char* first_token = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNOP";
constexpr const char* second_token = "ABCDEFGHJKLMNOPabcdefghijkmnopqrstuvwxyz";
constexpr const char* code = "Zk0123456789";

FakeAnswer answer_text(const std::string& text, int status = 200) {
  return {status, text, "Content-Type: application/json\r\n", false};
}
FakeAnswer no_content(const FakeRequest&) {
  return {204, "", "", false};
}

struct Scene {
  explicit Scene(FakeServer::Handler handler) : server(std::move(handler)) {
    server.metadata_changes["notifications_endpoint"] = server.url() + "/n";
    client = std::move(*Client::open(server.url()));
    lease = std::move(*source.acquire({}));
  }
  FakeRequest last() const { return server.requests().back(); }

  FakeServer server;
  MemoryTokenSource source{Secret(first_token)};
  std::unique_ptr<Client> client;
  std::unique_ptr<TokenLease> lease;
};

TEST(Notifications, a_list_is_read_newest_first_with_sorted_sets_and_its_rotated_token_kept) {
  Scene it([](const FakeRequest&) {
    return answer_text(R"({"notifications":[
      {"notification_id":1,"notification_type":"mail","management_code":"a","user_wide":true,
       "notification_classes":["security","expiration"]},
      {"notification_id":2,"notification_type":"mail","management_code":"b","user_wide":false,
       "notification_classes":["AT_creations"],"subscribed_tokens":["y","x"],
       "total_subscribed_tokens":7,
       "tags":[{"tag":"z","color":"#000001"},{"tag":"ci","color":"#33ff57"}]}],
      "token_update":{"mytoken":"ABCDEFGHJKLMNOPabcdefghijkmnopqrstuvwxyz"}})");
  });
  const auto list = list_notifications(*it.client, *it.lease);
  ASSERT_TRUE(list.has_value()) << list.error().text();
  EXPECT_EQ(it.last().path, "/n");
  EXPECT_EQ(it.last().authorization, std::string("Bearer ") + first_token);
  ASSERT_EQ(list->notifications.size(), 2U);
  const Notification& newest = list->notifications.front();
  EXPECT_EQ(newest.id, 2);
  EXPECT_EQ(newest.subscribed_tokens, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(newest.total_subscribed_tokens, 7);
  EXPECT_EQ(newest.tags.front().name, "ci");
  EXPECT_EQ(newest.tags.front().color, "#33ff57");
  const Notification& other = list->notifications.back();
  EXPECT_TRUE(other.user_wide);
  EXPECT_EQ(other.classes, (std::vector<std::string>{"expiration", "security"}));
  EXPECT_FALSE(other.total_subscribed_tokens.has_value());
  EXPECT_EQ(it.lease->token().reveal(), second_token);
  EXPECT_EQ(list->json.find("token_update"), std::string::npos);
}

TEST(Notifications, an_empty_list_may_be_null) {
  Scene it([](const FakeRequest&) { return answer_text(R"({"notifications":null})"); });
  const auto list = list_notifications(*it.client, *it.lease);
  ASSERT_TRUE(list.has_value());
  EXPECT_TRUE(list->notifications.empty());
}

TEST(Notifications, W15_lists_are_sent_sorted_and_once) {
  Scene it([](const FakeRequest&) { return answer_text(R"({"management_code":"m"})", 201); });
  NotificationRequest request;
  request.type = "mail";
  request.classes = {"security", "expiration", "security"};
  request.tags = {"z", "a"};
  const auto created = create_notification(*it.client, *it.lease, request);
  ASSERT_TRUE(created.has_value()) << created.error().text();
  EXPECT_EQ(created->management_code, "m");
  EXPECT_EQ(it.last().method, "POST");
  EXPECT_EQ(it.last().json,
            (json::object{{"notification_type", "mail"},
                          {"notification_classes", json::array{"expiration", "security"}},
                          {"include_children", false},
                          {"user_wide", false},
                          {"tags", json::array{"a", "z"}}}));
}

TEST(Notifications, an_invite_has_no_code) {
  Scene it(no_content);
  NotificationRequest request;
  request.type = "ics_invite";
  request.mom_id = "other==";
  request.comment = "why";
  const auto created = create_notification(*it.client, *it.lease, request);
  ASSERT_TRUE(created.has_value()) << created.error().text();
  EXPECT_EQ(created->management_code, "");
  EXPECT_EQ(string_member(it.last().json, "comment"), "why");
  EXPECT_EQ(string_member(it.last().json, "mom_id"), "other==");
}

TEST(Notifications, the_code_alone_is_enough_to_look_change_and_delete) {
  Scene it([](const FakeRequest& request) {
    if (request.method != "GET") return no_content(request);
    return answer_text(R"({"notification_id":1,"notification_type":"mail","user_wide":false,
      "management_code":"Zk0123456789","notification_classes":["expiration"],
      "oidc_iss":"https://op.example.org","oidc_sub":"alice"})");
  });
  const auto found = get_notification(*it.client, code);
  ASSERT_TRUE(found.has_value()) << found.error().text();
  EXPECT_EQ(found->owner_subject, "alice");
  EXPECT_EQ(it.last().path, std::string("/n/") + code);

  NotificationChange change;
  change.classes = {"security"};
  ASSERT_TRUE(update_notification(*it.client, nullptr, code, change).has_value());
  EXPECT_EQ(it.last().method, "PUT");
  EXPECT_EQ(it.last().path, std::string("/n/") + code + "/nc");
  EXPECT_EQ(it.last().json, (json::object{{"notification_classes", json::array{"security"}}}));

  ASSERT_TRUE(delete_notification(*it.client, nullptr, code).has_value());
  EXPECT_EQ(it.last().method, "DELETE");
  EXPECT_EQ(it.last().body, "");
  for (const FakeRequest& request : it.server.requests())
    EXPECT_EQ(request.authorization, "");
}

TEST(Notifications, an_empty_set_of_tags_is_sent_and_no_change_is_an_error) {
  Scene it(no_content);
  NotificationChange change;
  change.tags.emplace();
  ASSERT_TRUE(update_notification(*it.client, nullptr, code, change).has_value());
  EXPECT_EQ(it.last().json, (json::object{{"tags", json::array()}}));
  const auto nothing = update_notification(*it.client, nullptr, code, {});
  ASSERT_FALSE(nothing.has_value());
  EXPECT_EQ(nothing.error().kind, ErrorKind::usage);
}

TEST(Notifications, tokens_are_added_and_removed_by_id_or_as_the_presented_one) {
  Scene it(no_content);
  ASSERT_TRUE(add_notification_token(*it.client, it.lease.get(), code, "", true).has_value());
  EXPECT_EQ(it.last().method, "POST");
  EXPECT_EQ(it.last().path, std::string("/n/") + code + "/token");
  EXPECT_EQ(it.last().authorization, std::string("Bearer ") + first_token);
  EXPECT_EQ(it.last().json, (json::object{{"include_children", true}}));
  ASSERT_TRUE(remove_notification_token(*it.client, it.lease.get(), code, "other==").has_value());
  EXPECT_EQ(it.last().method, "DELETE");
  EXPECT_EQ(it.last().json, (json::object{{"mom_id", "other=="}}));
}

TEST(Notifications, W16_codes_and_ids_are_one_segment_each) {
  Scene it(no_content);
  ASSERT_TRUE(delete_notification(*it.client, nullptr, "a/b?c").has_value());
  EXPECT_EQ(it.last().path, "/n/a%2Fb%3Fc");
  ASSERT_TRUE(delete_calendar(*it.client, *it.lease, "x y/z").has_value());
  EXPECT_EQ(it.last().path, "/n/calendars/x%20y%2Fz");
}

TEST(Notifications, W10_a_server_without_them_is_told_apart) {
  FakeServer server(no_content);
  const auto client = std::move(*Client::open(server.url()));
  MemoryTokenSource source{Secret(first_token)};
  const auto lease = std::move(*source.acquire({}));
  EXPECT_EQ(list_notifications(*client, *lease).error().code, not_supported);
  EXPECT_EQ(list_calendars(*client, *lease).error().code, not_supported);
  // Announced, but not there.
  Scene it([](const FakeRequest&) { return answer_error(404, "not_found"); });
  EXPECT_EQ(list_notifications(*it.client, *it.lease).error().code, not_supported);
  EXPECT_EQ(list_calendars(*it.client, *it.lease).error().code, not_supported);
}

constexpr const char* calendar_text =
    R"({"id":"c1","ics_path":"https://mt.example.org/calendars/c1","description":"CI",)"
    R"("tags":[{"tag":"ci","color":"33FF57"}],"subscribed_tokens":["b","a"]})";

TEST(Calendars, a_new_one_is_read_and_its_rotated_token_kept) {
  Scene it([](const FakeRequest&) {
    return answer_text(R"({"id":"c1","ics_path":"https://mt.example.org/calendars/c1","tags":null,)"
                       R"("token_update":{"mytoken":"ABCDEFGHJKLMNOPabcdefghijkmnopqrstuvwxyz"}})",
                       201);
  });
  const auto created = create_calendar(*it.client, *it.lease, "CI", {"z", "a"});
  ASSERT_TRUE(created.has_value()) << created.error().text();
  EXPECT_EQ(created->calendar.id, "c1");
  EXPECT_EQ(it.lease->token().reveal(), second_token);
  EXPECT_EQ(it.last().path, "/n/calendars");
  EXPECT_EQ(it.last().json, (json::object{{"description", "CI"}, {"tags", json::array{"a", "z"}}}));
}

TEST(Calendars, one_is_found_in_the_list) {
  Scene it([](const FakeRequest&) {
    return answer_text(std::string(R"({"calendars":[{"id":"c0","tags":[]},)") + calendar_text +
                       "]}");
  });
  const auto found = get_calendar(*it.client, *it.lease, "c1");
  ASSERT_TRUE(found.has_value()) << found.error().text();
  EXPECT_EQ(found->calendar.description, "CI");
  EXPECT_EQ(found->calendar.tags.front().color, "33FF57");
  EXPECT_EQ(found->calendar.subscribed_tokens, (std::vector<std::string>{"a", "b"}));
  const auto missing = get_calendar(*it.client, *it.lease, "c2");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, "not_found");
}

TEST(Calendars, a_change_sends_what_is_given_even_if_it_is_empty) {
  Scene it([](const FakeRequest&) { return answer_text(calendar_text); });
  CalendarChange change;
  change.description = "";
  ASSERT_TRUE(update_calendar(*it.client, *it.lease, "c1", change).has_value());
  EXPECT_EQ(it.last().method, "PUT");
  EXPECT_EQ(it.last().json, (json::object{{"description", ""}}));
  EXPECT_EQ(update_calendar(*it.client, *it.lease, "c1", {}).error().kind, ErrorKind::usage);
}

TEST(Calendars, W9_taking_a_token_out_always_says_so_in_the_body_and_deleting_has_none) {
  Scene it(no_content);
  ASSERT_TRUE(remove_calendar_token(*it.client, *it.lease, "c1").has_value());
  EXPECT_EQ(it.last().method, "DELETE");
  EXPECT_EQ(it.last().path, "/n/calendars/c1");
  EXPECT_EQ(it.last().json, (json::object{{"mom_id", ""}}));
  ASSERT_TRUE(remove_calendar_token(*it.client, *it.lease, "c1", "other==").has_value());
  EXPECT_EQ(it.last().json, (json::object{{"mom_id", "other=="}}));
  ASSERT_TRUE(delete_calendar(*it.client, *it.lease, "c1").has_value());
  EXPECT_EQ(it.last().method, "DELETE");
  EXPECT_EQ(it.last().body, "");
}

TEST(Calendars, tokens_and_tags_are_added) {
  Scene it([](const FakeRequest& request) {
    return request.path.ends_with("/tags") ? no_content(request) : answer_text(calendar_text);
  });
  const auto answer = add_calendar_token(*it.client, *it.lease, "c1", "", "why");
  ASSERT_TRUE(answer.has_value()) << answer.error().text();
  EXPECT_EQ(answer->calendar.ics_path, "https://mt.example.org/calendars/c1");
  EXPECT_EQ(it.last().json, (json::object{{"mom_id", ""}, {"comment", "why"}}));
  ASSERT_TRUE(add_calendar_tag(*it.client, *it.lease, "c1", "ci").has_value());
  EXPECT_EQ(it.last().method, "POST");
  EXPECT_EQ(it.last().path, "/n/calendars/c1/tags");
  ASSERT_TRUE(remove_calendar_tag(*it.client, *it.lease, "c1", "ci").has_value());
  EXPECT_EQ(it.last().method, "DELETE");
  EXPECT_EQ(it.last().json, (json::object{{"tag", "ci"}}));
}

}  // namespace
}  // namespace mytoken::client
