// Profiles and templates against recorded answers (spec profiles.md §3).
#include <mytoken/profiles.h>

#include <gtest/gtest.h>

#include "unit/cli/fake_server.h"

namespace mytoken::client {
namespace {

using test::answer_error;
using test::FakeAnswer;
using test::FakeRequest;
using test::FakeServer;

FakeAnswer answer_text(const std::string& text, int status = 200) {
  return {status, text, "Content-Type: application/json\r\n", false};
}

struct Scene {
  explicit Scene(FakeServer::Handler handler) : server(std::move(handler)) {
    server.metadata_changes["profiles_endpoint"] = server.url() + "/pt";
    client = std::move(*Client::open(server.url()));
  }
  FakeServer server;
  std::unique_ptr<Client> client;
};

const GroupLogin dteam{"dteam", Secret("pass:word")};

TEST(Profiles, groups_are_sorted_and_need_no_token) {
  Scene it([](const FakeRequest&) { return answer_text(R"(["dteam","_"])"); });
  const auto groups = profile_groups(*it.client);
  ASSERT_TRUE(groups.has_value()) << groups.error().text();
  EXPECT_EQ(*groups, (std::vector<std::string>{"_", "dteam"}));
  EXPECT_EQ(it.server.requests().back().path, "/pt");
  EXPECT_EQ(it.server.requests().back().authorization, "");
}

TEST(Profiles, entries_are_sorted_by_name_and_payloads_stay_json) {
  Scene it([](const FakeRequest&) {
    return answer_text(
        R"([{"id":"2","name":"b","payload":{"exp":1}},{"id":"1","name":"a","payload":null}])");
  });
  const auto list = list_templates(*it.client, TemplateType::restrictions, "dteam");
  ASSERT_TRUE(list.has_value()) << list.error().text();
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ((*list)[0].name, "a");
  EXPECT_EQ((*list)[0].payload, "null");
  EXPECT_EQ((*list)[1].id, "2");
  EXPECT_EQ((*list)[1].payload, R"({"exp":1})");
  EXPECT_EQ(it.server.requests().back().path, "/pt/dteam/restrictions");
}

TEST(Profiles, an_empty_list_may_come_as_null) {
  Scene it([](const FakeRequest&) { return answer_text("null"); });
  const auto list = list_templates(*it.client, TemplateType::rotation, "none");
  ASSERT_TRUE(list.has_value()) << list.error().text();
  EXPECT_TRUE(list->empty());
}

TEST(Profiles, W16_names_of_groups_and_ids_are_one_segment_each) {
  Scene it([](const FakeRequest&) { return FakeAnswer{204, "", "", false}; });
  EXPECT_TRUE(delete_template(*it.client, {"a/b c", Secret("p")}, TemplateType::profiles, "x?y")
                  .has_value());
  EXPECT_EQ(it.server.requests().back().path, "/pt/a%2Fb%20c/profiles/x%3Fy");
  EXPECT_FALSE(
      delete_template(*it.client, {"..", Secret("p")}, TemplateType::profiles, "x").has_value());
  EXPECT_EQ(it.server.count("/pt/../profiles/x"), 0U);
}

TEST(Profiles, writing_is_authorised_by_the_group_and_its_password) {
  Scene it([](const FakeRequest& request) {
    // Status texts in place of an empty body, as some servers write them.
    if (request.method == "POST") return answer_text("Created", 201);
    if (request.method == "PUT") return answer_text("OK", 200);
    return FakeAnswer{204, "", "", false};
  });
  ASSERT_TRUE(
      create_template(*it.client, dteam, TemplateType::restrictions, "short", R"({"exp":"+6h"})")
          .has_value());
  const FakeRequest created = it.server.requests().back();
  EXPECT_EQ(created.method, "POST");
  EXPECT_EQ(created.path, "/pt/dteam/restrictions");
  EXPECT_EQ(created.authorization, "Basic ZHRlYW06cGFzczp3b3Jk");
  EXPECT_EQ(created.json,
            (json::object{{"name", "short"}, {"payload", json::object{{"exp", "+6h"}}}}));

  ASSERT_TRUE(
      replace_template(*it.client, dteam, TemplateType::capabilities, "id-1", "c", R"(["AT"])")
          .has_value());
  const FakeRequest replaced = it.server.requests().back();
  EXPECT_EQ(replaced.method, "PUT");
  EXPECT_EQ(replaced.path, "/pt/dteam/capabilities/id-1");
  EXPECT_EQ(replaced.json, (json::object{{"name", "c"}, {"payload", json::array{"AT"}}}));

  ASSERT_TRUE(delete_template(*it.client, dteam, TemplateType::rotation, "id-2").has_value());
  EXPECT_EQ(it.server.requests().back().method, "DELETE");
  EXPECT_EQ(it.server.requests().back().body, "");
}

TEST(Profiles, refusals_of_writing_keep_their_status) {
  Scene it([](const FakeRequest&) { return answer_error(409, "invalid_request", "exists"); });
  const auto created =
      create_template(*it.client, dteam, TemplateType::profiles, "a", R"({"name":"x"})");
  ASSERT_FALSE(created.has_value());
  EXPECT_EQ(created.error().kind, ErrorKind::server);
  EXPECT_EQ(created.error().http_status, 409);
}

TEST(Profiles, mistakes_are_found_before_anything_is_sent) {
  Scene it([](const FakeRequest&) { return answer_text("[]"); });
  const auto payload = create_template(*it.client, dteam, TemplateType::profiles, "a", "{not json");
  ASSERT_FALSE(payload.has_value());
  EXPECT_EQ(payload.error().kind, ErrorKind::usage);
  const auto colon = create_template(*it.client, {"a:b", Secret("p")}, TemplateType::profiles, "a",
                                     R"({"name":"x"})");
  ASSERT_FALSE(colon.has_value());
  EXPECT_EQ(colon.error().kind, ErrorKind::usage);
  EXPECT_TRUE(it.server.requests().empty());
}

TEST(Profiles, W10_a_server_without_profiles_is_told_apart) {
  FakeServer server([](const FakeRequest&) { return answer_error(404, "not_found"); });
  const auto client = std::move(*Client::open(server.url()));
  const auto unannounced = profile_groups(*client);
  ASSERT_FALSE(unannounced.has_value());
  EXPECT_EQ(unannounced.error().code, not_supported);

  Scene announced([](const FakeRequest&) { return answer_error(404, "not_found"); });
  const auto missing = profile_groups(*announced.client);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, not_supported);
}

}  // namespace
}  // namespace mytoken::client
