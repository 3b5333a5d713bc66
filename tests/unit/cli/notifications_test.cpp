// mytoken notifications and mytoken calendars against a server that keeps a recorded conversation;
// the forms on a pseudo-terminal.
#include <gtest/gtest.h>

#include "unit/cli/program.h"

namespace mytoken {
namespace {

using test::answer_error;
using test::answer_json;
using test::Cli;
using test::fake_mytoken;
using test::FakeAnswer;
using test::FakeRequest;
using test::FakeServer;
using test::Finished;
using test::Program;
using test::read_file;
using test::write_file;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A server with one notification "code-1", one calendar "cal-1" and the tag "ci", and a command
// with a mytoken in a file.
struct Scene {
  Scene() : server([this](const FakeRequest& request) { return answer(request); }) {
    server.metadata_changes["notifications_endpoint"] = server.url() + "/n";
    server.metadata_changes["usersettings_endpoint"] = server.url() + "/settings";
    write_file(cli.home / "mt", fake_mytoken(server.url()) + "\n");
    cli.environment["MYTOKEN_FILE"] = (cli.home / "mt").string();
  }
  FakeAnswer answer(const FakeRequest& request) {
    if (request.path == "/settings") {
      return answer_json({{"grant_type_endpoint", server.url() + "/grants"},
                          {"tags_endpoint", server.url() + "/tags"}});
    }
    if (!refusal.empty() && request.path.starts_with("/n")) return answer_error(403, refusal);
    if (request.path == "/tags")
      return rotated({{"tags", json::array{{{"tag", "ci"}, {"color", "#33ff57"}}}}});
    if (request.path == "/n" && request.method == "GET") {
      return rotated({{"notifications",
                       json::array{{{"notification_id", 1},
                                    {"notification_type", "mail"},
                                    {"management_code", "code-1"},
                                    {"user_wide", false},
                                    {"notification_classes", json::array{"security", "expiration"}},
                                    {"tags", json::array{{{"tag", "ci"}, {"color", "#33ff57"}}}},
                                    {"subscribed_tokens", json::array{"a", "b"}}}}}});
    }
    if (request.path == "/n" && string_member(request.json, "notification_type") == "mail")
      return rotated({{"management_code", "code-2"}}, 201);
    if (request.path == "/n/calendars" && request.method == "GET")
      return rotated({{"calendars", json::array{calendar()}}});
    const bool is_calendar = request.path.starts_with("/n/calendars");
    if (is_calendar && request.method != "DELETE") return rotated(calendar());
    return rotates ? rotated({}) : FakeAnswer{204, "", "", false};
  }
  static json::object calendar() {
    return {{"id", "cal-1"},
            {"ics_path", "https://mt.example.org/calendars/cal-1"},
            {"description", "CI"},
            {"tags", json::array{{{"tag", "ci"}, {"color", "#33ff57"}}}}};
  }
  // With the next mytoken, if they rotate.
  FakeAnswer rotated(json::object object, int status = 200) {
    if (rotates) object["token_update"] = {{"mytoken", fake_mytoken(server.url(), ++generation)}};
    return answer_json(object, status);
  }
  FakeRequest last() const { return server.requests().back(); }
  // "GET /n" and so on, without the documents.
  std::vector<std::string> conversation() const {
    std::vector<std::string> lines;
    for (const FakeRequest& request : server.requests()) {
      if (request.path != "/settings" && !request.path.starts_with("/.well-known"))
        lines.push_back(request.method + " " + request.path);
    }
    return lines;
  }

  bool rotates = false;
  std::string refusal;
  int generation = 1;
  FakeServer server;
  Cli cli;
};

TEST(NotificationsCommand, the_list_is_a_table_or_json) {
  Scene it;
  for (const char* name : {"notifications", "notify"}) {
    const Finished run = it.cli.run({name, "list"});
    EXPECT_EQ(run.code, 0) << run.err;
    EXPECT_TRUE(has(run.out, "MANAGEMENT CODE")) << run.out;
    EXPECT_TRUE(has(run.out, "expiration, security")) << run.out;
    EXPECT_TRUE(has(run.out, "code-1")) << run.out;
  }
  const auto shown = parse_json(it.cli.run({"notifications", "list", "--json"}).out);
  EXPECT_EQ(shown->at_pointer("/notifications/0/notification_id"), json::value(1));
}

TEST(NotificationsCommand, W15_create_sends_sorted_lists_after_creating_unknown_tags) {
  for (const char* name : {"create", "subscribe", "new"}) {
    Scene it;
    const Finished run =
        it.cli.run({"notifications", name, "--type", "mail", "--classes", "security, expiration",
                    "--tags", "new one,ci", "--user-wide"});
    EXPECT_EQ(run.code, 0) << run.err;
    EXPECT_EQ(run.out, "Management code: code-2\n");
    EXPECT_EQ(it.conversation(),
              (std::vector<std::string>{"GET /tags", "POST /tags/new%20one", "POST /n"}));
    EXPECT_EQ(it.last().json,
              (json::object{{"notification_type", "mail"},
                            {"notification_classes", json::array{"expiration", "security"}},
                            {"include_children", false},
                            {"user_wide", true},
                            {"tags", json::array{"ci", "new one"}}}));
  }
}

TEST(NotificationsCommand, W14_all_requests_of_a_command_present_the_newest_token) {
  Scene it;
  it.rotates = true;
  const Finished run = it.cli.run(
      {"notifications", "update", "code-1", "--add-tags", "x", "--remove-classes", "security"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(it.conversation(),
            (std::vector<std::string>{"GET /n", "GET /tags", "POST /tags/x", "PUT /n/code-1/nc"}));
  int number = 0;
  for (const FakeRequest& request : it.server.requests()) {
    if (request.path == "/settings" || request.path.starts_with("/.well-known")) continue;
    ++number;
    const std::string token = fake_mytoken(it.server.url(), number);
    EXPECT_TRUE(request.authorization == "Bearer " + token ||
                string_member(request.json, "mytoken") == token)
        << request.path;
  }
  EXPECT_EQ(read_file(it.cli.home / "mt"), fake_mytoken(it.server.url(), 5) + "\n");
}

TEST(NotificationsCommand, update_merges_with_what_is_there) {
  Scene it;
  const Finished run = it.cli.run({"notifications", "update", "code-1", "--add-classes",
                                   "AT_creations", "--remove-classes", "security", "--json"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(it.last().path, "/n/code-1/nc");
  EXPECT_EQ(it.last().json,
            (json::object{{"notification_classes", json::array{"AT_creations", "expiration"}},
                          {"tags", json::array{"ci"}}}));
  EXPECT_EQ(parse_json(run.out)->at_pointer("/notification_classes/0"), "AT_creations");
}

TEST(NotificationsCommand, update_of_an_unknown_code_changes_nothing) {
  Scene it;
  const Finished run = it.cli.run({"notifications", "update", "code-9", "--add-tags", "x"});
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(it.conversation(), std::vector<std::string>{"GET /n"});
}

TEST(NotificationsCommand, update_does_not_take_the_last_class_away) {
  Scene it;
  const Finished run =
      it.cli.run({"notifications", "update", "code-1", "--remove-classes", "security,expiration"});
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(it.conversation(), std::vector<std::string>{"GET /n"});
}

TEST(NotificationsCommand, mistakes_are_found_before_anything_is_sent) {
  Scene it;
  const std::vector<std::vector<std::string>> mistakes{
      {"notifications", "create", "--classes", "expiration"},
      {"notifications", "create", "--type", "mail"},
      {"notifications", "create", "--type", "pigeon", "--classes", "expiration"},
      {"notifications", "create", "--type", "mail", "--classes", "expiraton"},
      {"notifications", "update", "code-1"},
      {"notifications", "update", "--add-tags", "x"},
      {"notifications", "update", "code-1", "--add-classes", "nonsense"},
      {"notifications", "delete", "-f"},
      {"notifications", "add-token"},
      {"notifications", "add-token", "code-1", "--mom-id", ""},
      {"calendars", "update", "cal-1"},
      {"calendars", "delete", "--force"},
      {"calendars", "subscribe"},
      {"calendars", "unsubscribe"}};
  for (const auto& words : mistakes) {
    const Finished run = it.cli.run(words);
    EXPECT_EQ(run.code, 2) << run.err;
    EXPECT_EQ(run.out, "");
    EXPECT_TRUE(run.err.starts_with("mytoken: error: ")) << run.err;
  }
  EXPECT_TRUE(it.server.requests().empty());
}

TEST(NotificationsCommand, delete_asks_first_unless_it_is_forced) {
  for (const char* name : {"delete", "rm", "remove"}) {
    Scene it;
    // Nobody there to ask.
    const Finished silent = it.cli.run({"notifications", name, "code-1"});
    EXPECT_EQ(silent.code, 2);
    EXPECT_TRUE(has(silent.err, "mytoken: hint: --force")) << silent.err;
    const Finished no = it.cli.run({"notifications", name, "code-1"}, "\n");
    EXPECT_EQ(no.code, 0);
    EXPECT_EQ(no.out, "");
    EXPECT_EQ(no.err, "mytoken: notice: cancelled\n");
    EXPECT_TRUE(it.conversation().empty());
    const Finished yes = it.cli.run({"notifications", name, "code-1"}, "y\n");
    EXPECT_EQ(yes.code, 0) << yes.err;
    EXPECT_EQ(yes.out, "Notification deleted\n");
    EXPECT_EQ(it.cli.run({"notifications", name, "code-1", "-f"}).code, 0);
    EXPECT_EQ(it.conversation(),
              (std::vector<std::string>{"DELETE /n/code-1", "DELETE /n/code-1"}));
    EXPECT_EQ(it.last().body, "");
  }
}

TEST(NotificationsCommand, defaults_can_be_taken_for_every_question) {
  Scene it;
  it.cli.environment["GO_PROMPTER_USE_DEFAULT"] = "1";
  const Finished run = it.cli.run({"notifications", "delete", "code-1"}, "y\n");
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.err, "mytoken: notice: cancelled\n");
  EXPECT_TRUE(it.conversation().empty());
}

TEST(NotificationsCommand, tokens_are_added_and_removed) {
  Scene it;
  EXPECT_EQ(it.cli.run({"notifications", "add-token", "code-1", "--include-children"}).out,
            "Mytoken added to the notification\n");
  EXPECT_EQ(it.last().path, "/n/code-1/token");
  EXPECT_EQ(it.last().json, (json::object{{"include_children", true}}));
  EXPECT_EQ(it.cli.run({"notifications", "remove-token", "code-1", "--mom-id", "m"}).out,
            "Mytoken removed from the notification\n");
  EXPECT_EQ(it.last().method, "DELETE");
  EXPECT_EQ(it.last().json, (json::object{{"mom_id", "m"}}));
}

TEST(NotificationsCommand, W10_a_server_without_notifications_is_a_plain_refusal) {
  Scene it;
  it.server.metadata_changes["notifications_endpoint"] = nullptr;
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"notifications", "list"},
                                             {"notifications", "create", "--type", "ics_invite"},
                                             {"notifications", "delete", "-f", "code-1"},
                                             {"calendars", "list"},
                                             {"calendars", "create"},
                                             {"calendars", "unsubscribe", "cal-1"}}) {
    const Finished run = it.cli.run(words);
    EXPECT_EQ(run.code, 1) << run.err;
    EXPECT_EQ(run.out, "");
    EXPECT_TRUE(run.err.starts_with("mytoken: error: not supported by this server")) << run.err;
  }
}

TEST(NotificationsCommand, a_missing_capability_is_named) {
  Scene it;
  it.refusal = "insufficient_capabilities";
  EXPECT_TRUE(has(it.cli.run({"notifications", "list"}).err, "'read@manage_mytokens:notify'"));
  EXPECT_TRUE(has(it.cli.run({"calendars", "create"}).err, "'manage_mytokens:notify'"));
  EXPECT_TRUE(has(it.cli.run({"calendars", "subscribe", "cal-1"}).err, "'tokeninfo:notify'"));
}

TEST(CalendarsCommand, list_create_update_and_subscribe_show_the_calendar) {
  Scene it;
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"calendars", "list"},
                                             {"calendar", "create"},
                                             {"calendars", "new", "--description", "CI"},
                                             {"calendars", "update", "cal-1", "--add-tags", "ci"},
                                             {"calendars", "subscribe", "cal-1"},
                                             {"calendars", "add", "cal-1", "--comment", "why"}}) {
    const Finished run = it.cli.run(words);
    EXPECT_EQ(run.code, 0) << run.err;
    EXPECT_TRUE(has(run.out, "https://mt.example.org/calendars/cal-1")) << run.out;
  }
  EXPECT_EQ(it.last().json, (json::object{{"mom_id", ""}, {"comment", "why"}}));
  const auto shown = parse_json(it.cli.run({"calendars", "create", "--json"}).out);
  EXPECT_EQ(string_member(shown->as_object(), "id"), "cal-1");
}

TEST(CalendarsCommand, update_merges_tags_and_can_clear_the_description) {
  Scene it;
  const Finished run = it.cli.run({"calendars", "update", "cal-1", "--description=", "--add-tags",
                                   "z, a", "--remove-tags", "ci"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(it.last().method, "PUT");
  EXPECT_EQ(it.last().json, (json::object{{"description", ""}, {"tags", json::array{"a", "z"}}}));
}

TEST(CalendarsCommand, W9_unsubscribe_never_deletes_and_remove_only_after_a_question) {
  Scene it;
  const Finished out = it.cli.run({"calendars", "unsubscribe", "cal-1"});
  EXPECT_EQ(out.code, 0) << out.err;
  EXPECT_EQ(out.out, "Mytoken removed from the calendar\n");
  EXPECT_EQ(it.last().method, "DELETE");
  EXPECT_EQ(it.last().json, (json::object{{"mom_id", ""}}));

  const std::size_t before = it.conversation().size();
  EXPECT_EQ(it.cli.run({"calendars", "remove", "cal-1"}, "n\n").code, 0);
  EXPECT_EQ(it.conversation().size(), before);
  EXPECT_EQ(it.cli.run({"calendars", "remove", "cal-1"}, "yes\n").out, "Calendar deleted\n");
  EXPECT_EQ(it.last().path, "/n/calendars/cal-1");
  EXPECT_EQ(it.last().body, "");
  // The flag of the other meaning is not taken for this one.
  EXPECT_EQ(it.cli.run({"calendars", "remove", "cal-1", "--mom-id", "m", "-f"}).code, 2);
}

TEST(Forms, W12_questions_are_on_the_terminal_and_stdout_is_the_result) {
  Scene it;
  Program program(it.cli, {"notifications", "create", "-i"});
  ASSERT_TRUE(program.wait_for("Type (mail, ics_invite) [mail]: ")) << program.shown;
  program.type("\n");
  ASSERT_TRUE(program.wait_for("Classes, separated by commas: ")) << program.shown;
  EXPECT_TRUE(has(program.shown, "    security:ips")) << program.shown;
  program.type("security, expiration\n");
  ASSERT_TRUE(program.wait_for("About all your mytokens? [y/N] ")) << program.shown;
  program.type("\n");
  ASSERT_TRUE(program.wait_for("Tags, separated by commas: ")) << program.shown;
  program.type("ci\n");
  ASSERT_TRUE(program.wait_for("Create it? [y/N] ")) << program.shown;
  EXPECT_TRUE(has(program.shown, "Classes:   expiration, security")) << program.shown;
  program.type("y\n");
  EXPECT_EQ(program.finish(), 0) << program.shown;
  EXPECT_EQ(program.out(), "Management code: code-2\n");
  EXPECT_EQ(it.last().json,
            (json::object{{"notification_type", "mail"},
                          {"notification_classes", json::array{"expiration", "security"}},
                          {"include_children", false},
                          {"user_wide", false},
                          {"tags", json::array{"ci"}}}));
}

TEST(Forms, a_comment_is_asked_for_an_invite_only) {
  Scene it;
  Program program(it.cli, {"notifications", "create", "-i", "--type", "ics_invite"});
  ASSERT_TRUE(program.wait_for("Comment: ")) << program.shown;
  program.type("renew it\n");
  ASSERT_TRUE(program.wait_for("Create it? [y/N] ")) << program.shown;
  program.type("y\n");
  EXPECT_EQ(program.finish(), 0) << program.shown;
  EXPECT_EQ(program.out(), "Calendar invite sent\n");
  EXPECT_EQ(string_member(it.last().json, "comment"), "renew it");
}

TEST(Forms, what_is_not_confirmed_is_not_done) {
  Scene it;
  Program program(it.cli, {"calendars", "create", "--interactive"});
  ASSERT_TRUE(program.wait_for("Description: ")) << program.shown;
  program.type("CI\n");
  ASSERT_TRUE(program.wait_for("Tags, separated by commas: ")) << program.shown;
  program.type("\n");
  ASSERT_TRUE(program.wait_for("Create it? [y/N] ")) << program.shown;
  program.type("\n");
  EXPECT_EQ(program.finish(), 0) << program.shown;
  EXPECT_TRUE(has(program.shown, "mytoken: notice: cancelled")) << program.shown;
  EXPECT_EQ(program.out(), "");
  EXPECT_TRUE(it.server.requests().empty());
}

TEST(Forms, control_c_at_a_question_ends_it) {
  Scene it;
  Program program(it.cli, {"calendars", "delete", "cal-1"});
  ASSERT_TRUE(program.wait_for("[y/N] ")) << program.shown;
  program.type("\x03");
  EXPECT_EQ(program.finish(), 4);
  EXPECT_EQ(program.out(), "");
  EXPECT_TRUE(it.server.requests().empty());
}

}  // namespace
}  // namespace mytoken
