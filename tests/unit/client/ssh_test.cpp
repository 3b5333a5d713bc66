// The ssh transport: how the program is called, what its answers mean, how it is ended (spec
// ssh.md §4, cli.md §1.10 and §1.13).
#include <gtest/gtest.h>
#include <mytoken/notifications.h>
#include <signal.h>

#include <functional>
#include <thread>

#include "unit/client/stand_in_ssh.h"

namespace mytoken::client {
namespace {

using test::StandInSsh;

constexpr const char* jwt = "eyJ0eXAiOiJNVCtKV1QifQ.eyJ0b2tlbl90eXBlIjoibXl0b2tlbiJ9.c2ln";

struct Scene {
  Scene() {
    client = std::move(*Client::open_over_ssh("mt-host"));
    lease = std::move(*source.acquire({}));
  }
  StandInSsh ssh;
  MemoryTokenSource source{Secret()};
  std::unique_ptr<Client> client;
  std::unique_ptr<TokenLease> lease;
};

TEST(Ssh, W7_the_program_gets_the_host_behind_two_dashes_and_the_payload_as_base64) {
  Scene it;
  it.ssh.answers("abcdefghijklmnop-QRST.123\n");
  const auto token = it.client->access_token(*it.lease, {{"a", "b"}, {"x"}, "it's \"mine\""});
  ASSERT_TRUE(token.has_value()) << token.error().text();
  EXPECT_EQ(token->access_token.reveal(), "abcdefghijklmnop-QRST.123");
  EXPECT_EQ(token->token_type, "Bearer");
  const auto arguments = it.ssh.arguments();
  ASSERT_EQ(arguments.size(), 5U);
  EXPECT_EQ(arguments[0], "--");
  EXPECT_EQ(arguments[1], "mt-host");
  EXPECT_EQ(arguments[2], "AT");
  EXPECT_EQ(it.ssh.payload(),
            (json::object{{"scope", "a b"}, {"audience", "x"}, {"comment", "it's \"mine\""}}));
}

TEST(Ssh, W7_a_host_that_looks_like_an_option_is_a_host) {
  Scene it;
  const auto client = std::move(*Client::open_over_ssh("-oProxyCommand=false"));
  it.ssh.answers("OK\n");
  ASSERT_TRUE(client->revoke(*it.lease).has_value());
  EXPECT_EQ(it.ssh.arguments(), (std::vector<std::string>{"--", "-oProxyCommand=false", "revoke"}));
  EXPECT_FALSE(Client::open_over_ssh("").has_value());
}

TEST(Ssh, neither_stdin_nor_variables_with_tokens_reach_the_program) {
  Scene it;
  ::setenv("MYTOKEN", "secret-one", 1);
  ::setenv("BEARER_TOKEN", "secret-two", 1);
  it.ssh.answers("OK\n");
  EXPECT_TRUE(it.client->revoke(*it.lease).has_value());
  ::unsetenv("MYTOKEN");
  ::unsetenv("BEARER_TOKEN");
  EXPECT_EQ(it.ssh.read("environment").find("secret-"), std::string::npos);
  EXPECT_NE(it.ssh.read("environment").find("PATH="), std::string::npos);
  EXPECT_EQ(it.ssh.read("input"), "");
}

struct Example {
  const char* request;
  json::object payload;
  std::string answer;
  std::function<bool(Scene&)> call;
};

// True if the call succeeded.
template <class Answer>
bool ok(const Answer& answer) {
  if (!answer) ADD_FAILURE() << answer.error().text();
  return answer.has_value();
}

std::vector<Example> examples() {
  const auto tokeninfo = [](const char* action) {
    return [action](Scene& it) { return ok(it.client->tokeninfo(*it.lease, action)); };
  };
  const std::string calendar = R"({"id":"c1","ics_path":"https://mt.example.org/calendars/c1"})";
  return {
      {"introspect", {}, R"({"valid":true})", tokeninfo("introspect")},
      {"history", {}, R"({"events":[]})", tokeninfo("event_history")},
      {"list-subtokens", {}, R"({"mytokens":{}})", tokeninfo("subtokens")},
      {"list-all-mytokens", {}, R"({"mytokens":[]})", tokeninfo("list_mytokens")},
      {"tokeninfo-notifications",
       {{"mom_ids", json::array{"a"}}},
       "{}",
       [](Scene& it) { return ok(it.client->tokeninfo(*it.lease, "notifications", {"a"})); }},
      {"MT",
       {{"name", "n"}, {"error_on_restrictions", true}},
       jwt,
       [](Scene& it) {
         MytokenRequest request;
         request.name = "n";
         return ok(it.client->sub_token(*it.lease, request));
       }},
      {"revoke",
       {{"mom_id", "m"}, {"recursive", true}},
       "OK",
       [](Scene& it) {
         return ok(it.client->revoke(*it.lease, {"m", true}));
       }},
      {"add-tag",
       {{"tag", "t"}, {"include_children", true}, {"mom_id", "m"}},
       "OK",
       [](Scene& it) { return ok(it.client->add_tag(*it.lease, "t", "m", true)); }},
      {"remove-tag",
       {{"tag", "t"}, {"include_children", false}},
       "OK",
       [](Scene& it) { return ok(it.client->remove_tag(*it.lease, "t")); }},
      {"email-get",
       {},
       R"({"email_address":"a@example.org","email_verified":true,"prefer_html_mail":false})",
       [](Scene& it) { return ok(email_settings(*it.client, *it.lease)); }},
      {"email-set",
       {{"prefer_html_mail", true}},
       "OK",
       [](Scene& it) {
         return ok(change_email_settings(*it.client, *it.lease, {"", true}));
       }},
      {"tags-list",
       {},
       R"({"tags":[{"tag":"ci","color":"#33ff57"}]})",
       [](Scene& it) { return ok(list_tags(*it.client, *it.lease)); }},
      {"tag-create",
       {{"tag", "a b"}, {"color", "FFA500"}},
       "OK",
       [](Scene& it) { return ok(create_tag(*it.client, *it.lease, "a b", "FFA500")); }},
      {"tag-update",
       {{"tag", "old"}, {"name", "new"}},
       "OK",
       [](Scene& it) {
         return ok(update_tag(*it.client, *it.lease, "old", {"new", ""}));
       }},
      {"tag-delete",
       {{"tag", "old"}},
       "OK",
       [](Scene& it) { return ok(delete_tag(*it.client, *it.lease, "old")); }},
      {"notifications",
       {},
       R"({"notifications":[]})",
       [](Scene& it) { return ok(list_notifications(*it.client, *it.lease)); }},
      {"notification-create",
       {{"notification_type", "mail"},
        {"notification_classes", json::array{"expiration"}},
        {"include_children", false},
        {"user_wide", false}},
       R"({"management_code":"m"})",
       [](Scene& it) {
         NotificationRequest request;
         request.type = "mail";
         request.classes = {"expiration"};
         const auto created = create_notification(*it.client, *it.lease, request);
         return ok(created) && created->management_code == "m";
       }},
      {"notification-create",
       {{"notification_type", "ics_invite"},
        {"notification_classes", json::array()},
        {"include_children", false},
        {"user_wide", false}},
       "OK",
       [](Scene& it) {
         NotificationRequest request;
         request.type = "ics_invite";
         return ok(create_notification(*it.client, *it.lease, request));
       }},
      {"notification-update",
       {{"management_code", "m"}, {"notification_classes", json::array{"security"}}},
       "OK",
       [](Scene& it) {
         NotificationChange change;
         change.classes = {"security"};
         return ok(update_notification(*it.client, it.lease.get(), "m", change));
       }},
      {"notification-delete",
       {{"management_code", "m"}},
       "OK",
       [](Scene& it) { return ok(delete_notification(*it.client, it.lease.get(), "m")); }},
      {"notification-add-token",
       {{"management_code", "m"}, {"mom_id", "x"}, {"include_children", true}},
       "OK",
       [](Scene& it) {
         return ok(add_notification_token(*it.client, it.lease.get(), "m", "x", true));
       }},
      {"notification-remove-token",
       {{"management_code", "m"}},
       "OK",
       [](Scene& it) { return ok(remove_notification_token(*it.client, it.lease.get(), "m")); }},
      {"calendars",
       {},
       R"({"calendars":[]})",
       [](Scene& it) { return ok(list_calendars(*it.client, *it.lease)); }},
      {"calendar-create",
       {{"description", "d"}, {"tags", json::array()}},
       calendar,
       [](Scene& it) { return ok(create_calendar(*it.client, *it.lease, "d", {})); }},
      {"calendar-update",
       {{"calendar_id", "c1"}, {"tags", json::array{"ci"}}},
       "OK",
       [](Scene& it) {
         CalendarChange change;
         change.tags = {"ci"};
         const auto updated = update_calendar(*it.client, *it.lease, "c1", change);
         return ok(updated) && updated->calendar.id == "c1" &&
                updated->calendar.tags.front().name == "ci";
       }},
      {"calendar-delete",
       {{"calendar_id", "c1"}},
       "OK",
       [](Scene& it) { return ok(delete_calendar(*it.client, *it.lease, "c1")); }},
      {"calendar-add-mytoken",
       {{"calendar_id", "c1"}, {"mom_id", ""}, {"comment", "why"}},
       calendar,
       [](Scene& it) { return ok(add_calendar_token(*it.client, *it.lease, "c1", "", "why")); }},
      {"calendar-remove-mytoken",
       {{"calendar_id", "c1"}, {"mom_id", ""}},
       "OK",
       [](Scene& it) { return ok(remove_calendar_token(*it.client, *it.lease, "c1")); }},
      {"calendar-add-tag",
       {{"calendar_id", "c1"}, {"tag", "t"}},
       "OK",
       [](Scene& it) { return ok(add_calendar_tag(*it.client, *it.lease, "c1", "t")); }},
      {"calendar-remove-tag",
       {{"calendar_id", "c1"}, {"tag", "t"}},
       "OK",
       [](Scene& it) { return ok(remove_calendar_tag(*it.client, *it.lease, "c1", "t")); }},
  };
}

TEST(Ssh, every_request_has_its_published_name_and_members) {
  Scene it;
  for (const Example& example : examples()) {
    SCOPED_TRACE(example.request);
    it.ssh.answers(example.answer + "\n");
    EXPECT_TRUE(example.call(it));
    EXPECT_EQ(it.ssh.request(), example.request);
    EXPECT_EQ(it.ssh.payload(), example.payload);
    EXPECT_EQ(it.ssh.arguments().size(), example.payload.empty() ? 3U : 5U);
  }
}

TEST(Ssh, a_new_mytoken_can_be_a_jwt_a_short_token_or_a_transfer_code) {
  Scene it;
  it.ssh.answers(std::string(jwt) + "\n");
  EXPECT_EQ(it.client->sub_token(*it.lease, {})->mytoken.reveal(), jwt);
  const std::string short_token(64, 'x');
  it.ssh.answers(short_token.substr(1) + "A\n");
  EXPECT_EQ(it.client->sub_token(*it.lease, {})->mytoken_type, "short_token");
  it.ssh.answers("xkcdWvQz\n");
  EXPECT_EQ(it.client->sub_token(*it.lease, {})->transfer_code.reveal(), "xkcdWvQz");
}

TEST(Ssh, W7_what_is_no_token_is_never_taken_for_one) {
  Scene it;
  for (const char* text : {"invalid_token: token revoked or no longer valid\n", "access_denied\n",
                           "usage_restricted", "", "\n", "OK\n", "Invalid Request\n\nusage: ...\n",
                           "unknown mimetype; supported are: []\n",
                           "abcdefghijklmnopqrstuvwxyz0123456789\nand a second line\n",
                           "{\"access_token\":\"x\"}\n", "tooshort\n"}) {
    SCOPED_TRACE(text);
    it.ssh.answers(text);
    EXPECT_FALSE(it.client->access_token(*it.lease).has_value());
  }
  for (const char* text : {"access_denied\n", "insufficient_capabilities: create_mytoken\n",
                           "mom_id is required\n", "OK then\n", "not-a-code\n", ""}) {
    SCOPED_TRACE(text);
    it.ssh.answers(text);
    EXPECT_FALSE(it.client->sub_token(*it.lease, {}).has_value());
  }
}

TEST(Ssh, W7_errors_are_the_servers_with_and_without_an_exit_status) {
  Scene it;
  for (const int status : {0, 1}) {
    it.ssh.answers("insufficient_capabilities: AT is missing\n", status);
    const auto token = it.client->access_token(*it.lease);
    ASSERT_FALSE(token.has_value());
    EXPECT_EQ(token.error().kind, ErrorKind::server);
    EXPECT_EQ(token.error().code, "insufficient_capabilities");
    EXPECT_EQ(token.error().description, "AT is missing");
    it.ssh.answers("management_code is required\n", status);
    const auto deleted = delete_notification(*it.client, it.lease.get(), "m");
    ASSERT_FALSE(deleted.has_value());
    EXPECT_EQ(deleted.error().kind, ErrorKind::server);
    EXPECT_EQ(deleted.error().text(), "management_code is required");
    it.ssh.answers("not_found: calendar not found\n", status);
    EXPECT_EQ(list_calendars(*it.client, *it.lease).error().code, "not_found");
  }
  // A result of a command that failed is none.
  it.ssh.answers("abcdefghijklmnop-QRST.123\n", 1);
  const auto token = it.client->access_token(*it.lease);
  ASSERT_FALSE(token.has_value());
  EXPECT_EQ(token.error().text().find("QRST"), std::string::npos) << token.error().text();
}

TEST(Ssh, W10_an_older_server_does_not_support_a_request) {
  Scene it;
  it.ssh.answers("Unknown request\nusage: ...\n");
  const auto list = list_notifications(*it.client, *it.lease);
  ASSERT_FALSE(list.has_value());
  EXPECT_EQ(list.error().code, not_supported);
}

TEST(Ssh, what_has_no_request_is_not_available_and_starts_nothing) {
  Scene it;
  const auto refused = [](const auto& answer) {
    return !answer && answer.error().kind == ErrorKind::usage &&
           answer.error().description.starts_with("not available over ssh");
  };
  EXPECT_TRUE(refused(it.client->metadata()));
  EXPECT_TRUE(refused(it.client->jwks()));
  EXPECT_TRUE(refused(it.client->capabilities()));
  EXPECT_TRUE(refused(it.client->create_transfer_code(*it.lease)));
  EXPECT_TRUE(refused(it.client->redeem_transfer_code(Secret("xkcdWvQz"))));
  EXPECT_TRUE(refused(it.client->start_authorization({})));
  EXPECT_TRUE(refused(it.client->introspect(*it.lease, R"({"kind":"AT"})")));
  // The answer would be about another token than was asked for.
  EXPECT_TRUE(refused(it.client->tokeninfo(*it.lease, "event_history", {"other"})));
  EXPECT_TRUE(refused(list_grants(*it.client, *it.lease)));
  EXPECT_TRUE(refused(list_ssh_keys(*it.client, *it.lease)));
  EXPECT_TRUE(refused(get_notification(*it.client, "m")));
  EXPECT_FALSE(it.ssh.was_called());
}

TEST(Ssh, a_failure_of_the_program_is_told_with_host_request_and_status) {
  Scene it;
  it.ssh.answers("", 255);
  const auto token = it.client->access_token(*it.lease);
  ASSERT_FALSE(token.has_value());
  EXPECT_EQ(token.error().kind, ErrorKind::network);
  EXPECT_EQ(token.error().description, "ssh mt-host AT failed with exit status 255");
  it.ssh.runs("kill -9 $$");
  EXPECT_EQ(it.client->access_token(*it.lease).error().description,
            "ssh mt-host AT failed with exit status 137");
  std::filesystem::remove(it.ssh.folder / "ssh");
  ::setenv("PATH", it.ssh.folder.c_str(), 1);
  EXPECT_EQ(it.client->access_token(*it.lease).error().kind, ErrorKind::usage);
}

TEST(Ssh, too_much_output_is_an_error) {
  StandInSsh ssh;
  Options options;
  options.longest_answer = 1000;
  const auto client = std::move(*Client::open_over_ssh("h", options));
  MemoryTokenSource source{Secret()};
  const auto lease = std::move(*source.acquire({}));
  ssh.runs("yes abcdefghijklmnopqrstuvwxyz0123456789");
  const auto token = client->access_token(*lease);
  ASSERT_FALSE(token.has_value());
  EXPECT_EQ(token.error().kind, ErrorKind::protocol);
}

// True if the stand-in is gone, or was ended before it could say its number.
bool is_gone(const StandInSsh& ssh) {
  const std::string pid = ssh.read("pid");
  return pid.empty() || ::kill(std::stoi(pid), 0) != 0;
}

TEST(Ssh, a_stop_ends_the_program) {
  Scene it;
  it.ssh.runs("exec sleep 60");
  std::stop_source stop;
  std::thread stopper([&] {
    while (!it.ssh.was_called())
      std::this_thread::yield();
    stop.request_stop();
  });
  Call call;
  call.stop = stop.get_token();
  const auto token = it.client->access_token(*it.lease, {}, call);
  stopper.join();
  ASSERT_FALSE(token.has_value());
  EXPECT_EQ(token.error().kind, ErrorKind::cancelled);
  EXPECT_TRUE(is_gone(it.ssh));
}

TEST(Ssh, a_deadline_ends_a_program_that_does_not_listen) {
  Scene it;
  it.ssh.runs("trap '' TERM; exec sleep 60");
  Call call;
  call.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  const auto token = it.client->access_token(*it.lease, {}, call);
  ASSERT_FALSE(token.has_value());
  EXPECT_EQ(token.error().kind, ErrorKind::timeout);
  EXPECT_TRUE(is_gone(it.ssh));
}

}  // namespace
}  // namespace mytoken::client
