// The functions for the settings of a user against a recorded conversation: bodies, answers,
// rotation within one lease, servers that lack something.
#include <mytoken/settings.h>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "unit/cli/fake_server.h"

namespace mytoken::client {
namespace {

using test::answer_error;
using test::answer_json;
using test::FakeAnswer;
using test::FakeRequest;
using test::FakeServer;

constexpr const char* short_token = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNOP";
constexpr const char* fingerprint = "SHA256:9kW0aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abc";

// Time that moves only when somebody waits.
class ManualTimer final : public Timer {
 public:
  TimePoint now() const override { return now_; }
  void wait_until(TimePoint until, const std::stop_token&) override { now_ = until; }

 private:
  TimePoint now_{};
};

// Answers the settings document by itself.
struct Conversation {
  explicit Conversation(FakeServer::Handler handler)
      : server([this, handler](const FakeRequest& request) {
          if (request.path == "/settings") return answer_json(settings);
          return handler(request);
        }) {
    settings = {{"grant_type_endpoint", server.url() + "/settings/grants"},
                {"email_endpoint", server.url() + "/settings/email"},
                {"tags_endpoint", server.url() + "/settings/tags"}};
    server.metadata_changes["usersettings_endpoint"] = server.url() + "/settings";
    Options options;
    options.timer = std::make_shared<ManualTimer>();
    client = std::move(*Client::open(server.url(), options));
    lease = std::move(*source.acquire({}));
  }
  FakeRequest last() const { return server.requests().back(); }

  json::object settings;
  FakeServer server;
  std::unique_ptr<Client> client;
  MemoryTokenSource source{Secret(short_token)};
  std::unique_ptr<TokenLease> lease;
};

FakeAnswer no_content(const FakeRequest&) {
  return {204, "", "", false};
}

const std::string bearer = std::string("Bearer ") + short_token;

TEST(Grants, are_read_with_the_token_in_the_header_and_sorted) {
  Conversation talk([](const FakeRequest&) {
    return answer_json(
        {{"grant_types", json::array{json::object{{"grant_type", "ssh"}, {"enabled", true}},
                                     json::object{{"grant_type", "other"}, {"enabled", false}}}}});
  });
  const auto list = list_grants(*talk.client, *talk.lease);
  ASSERT_TRUE(list.has_value()) << list.error().text();
  ASSERT_EQ(list->grants.size(), 2U);
  EXPECT_EQ(list->grants[0].grant_type, "other");
  EXPECT_FALSE(list->grants[0].is_enabled);
  EXPECT_TRUE(list->grants[1].is_enabled);
  EXPECT_EQ(talk.last().method, "GET");
  EXPECT_EQ(talk.last().path, "/settings/grants");
  EXPECT_EQ(talk.last().authorization, bearer);
}

TEST(Grants, a_null_list_is_empty) {
  Conversation talk([](const FakeRequest&) { return answer_json({{"grant_types", nullptr}}); });
  const auto list = list_grants(*talk.client, *talk.lease);
  ASSERT_TRUE(list.has_value());
  EXPECT_TRUE(list->grants.empty());
}

TEST(Grants, are_switched_with_the_token_in_the_body) {
  Conversation talk(no_content);
  const json::object expected{{"grant_type", "ssh"}, {"mytoken", short_token}};
  EXPECT_TRUE(enable_grant(*talk.client, *talk.lease, "ssh").has_value());
  EXPECT_EQ(talk.last().method, "POST");
  EXPECT_EQ(talk.last().json, expected);
  EXPECT_TRUE(disable_grant(*talk.client, *talk.lease, "ssh").has_value());
  EXPECT_EQ(talk.last().method, "DELETE");
  EXPECT_EQ(talk.last().json, expected);
}

TEST(SshKeys, are_read_without_what_is_unset) {
  Conversation talk([](const FakeRequest&) {
    return answer_json({{"grant_enabled", true},
                        {"ssh_keys", json::array{json::object{{"name", "laptop"},
                                                              {"ssh_key_fp", fingerprint},
                                                              {"created", 1780000000},
                                                              {"last_used", 1780003600}},
                                                 json::object{{"ssh_key_fp", "SHA256:b"},
                                                              {"created", 1780000001}}}}});
  });
  const auto list = list_ssh_keys(*talk.client, *talk.lease);
  ASSERT_TRUE(list.has_value());
  EXPECT_TRUE(list->is_grant_enabled);
  ASSERT_EQ(list->keys.size(), 2U);
  EXPECT_EQ(list->keys[0].name, "");
  EXPECT_FALSE(list->keys[0].last_used);
  EXPECT_EQ(list->keys[1].fingerprint, fingerprint);
  EXPECT_EQ(list->keys[1].last_used, from_unix(1780003600));
  EXPECT_EQ(talk.last().path, "/settings/grants/ssh");
}

TEST(SshKeys, are_added_by_polling_the_same_address_without_the_token) {
  int polls = 0;
  Conversation talk([&polls](const FakeRequest& request) {
    if (string_member(request.json, "grant_type") != "polling_code") {
      return answer_json({{"consent_uri", "https://mt.example.org/c/x"},
                          {"polling_code", "p"},
                          {"expires_in", 300},
                          {"interval", 1},
                          {"token_update", json::object{{"mytoken", "the-successor"}}}});
    }
    if (++polls == 1) return answer_error(428, "authorization_pending");
    return answer_json({{"ssh_user", "k3JdL0aPq9XzTb7W"}, {"ssh_host_config", "Host mytoken\n"}});
  });
  SshKeyRequest request;
  request.ssh_key = "ssh-ed25519 AAAA";
  request.name = "laptop";
  request.restrictions = R"([{"usages_AT":5}])";
  request.capabilities = {{"AT"}};
  request.application_name = "program";
  const auto started = start_adding_ssh_key(*talk.client, *talk.lease, request);
  ASSERT_TRUE(started.has_value()) << started.error().text();
  const json::object expected{{"grant_type", "mytoken"},
                              {"ssh_key", "ssh-ed25519 AAAA"},
                              {"name", "laptop"},
                              {"restrictions", json::array{json::object{{"usages_AT", 5}}}},
                              {"capabilities", json::array{"AT"}},
                              {"application_name", "program"},
                              {"mytoken", short_token}};
  EXPECT_EQ(talk.last().json, expected);
  ASSERT_TRUE(started->token_update.has_value());
  EXPECT_EQ(talk.lease->token().reveal(), "the-successor");
  const auto access = wait_for_ssh_key(*talk.client, *started);
  ASSERT_TRUE(access.has_value()) << access.error().text();
  EXPECT_EQ(access->user.reveal(), "k3JdL0aPq9XzTb7W");
  EXPECT_EQ(access->host_config.reveal(), "Host mytoken\n");
  EXPECT_EQ(polls, 2);
  const json::object polled{{"grant_type", "polling_code"}, {"polling_code", "p"}};
  EXPECT_EQ(talk.last().json, polled);
  EXPECT_EQ(talk.last().path, "/settings/grants/ssh");
  EXPECT_EQ(talk.last().authorization, "");
}

TEST(SshKeys, are_removed_by_fingerprint_or_key) {
  Conversation talk(no_content);
  EXPECT_TRUE(remove_ssh_key(*talk.client, *talk.lease, fingerprint).has_value());
  const json::object by_fingerprint{{"ssh_key_fp", fingerprint}, {"mytoken", short_token}};
  EXPECT_EQ(talk.last().json, by_fingerprint);
  EXPECT_TRUE(remove_ssh_key(*talk.client, *talk.lease, "ssh-ed25519 AAAA").has_value());
  const json::object by_key{{"ssh_key", "ssh-ed25519 AAAA"}, {"mytoken", short_token}};
  EXPECT_EQ(talk.last().json, by_key);
}

TEST(Email, is_read_and_html_is_the_default) {
  Conversation talk([](const FakeRequest&) {
    return answer_json({{"email_address", "a@example.org"}, {"email_verified", true}});
  });
  const auto email = email_settings(*talk.client, *talk.lease);
  ASSERT_TRUE(email.has_value());
  EXPECT_EQ(email->address, "a@example.org");
  EXPECT_TRUE(email->is_verified);
  EXPECT_TRUE(email->prefers_html);
}

TEST(Email, W20_an_update_sends_only_what_changes_and_reads_nothing_before) {
  Conversation talk(no_content);
  EXPECT_TRUE(change_email_settings(*talk.client, *talk.lease, {"", false}).has_value());
  const json::object only_html{{"prefer_html_mail", false}};
  EXPECT_EQ(talk.last().json, only_html);
  EXPECT_EQ(talk.last().method, "PUT");
  EXPECT_TRUE(change_email_settings(*talk.client, *talk.lease, {"b@example.org", {}}).has_value());
  const json::object only_address{{"email_address", "b@example.org"}};
  EXPECT_EQ(talk.last().json, only_address);
  EXPECT_EQ(talk.server.count("/settings/email"), 2U);
  const auto nothing = change_email_settings(*talk.client, *talk.lease, {});
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind, ErrorKind::usage);
}

TEST(Tags, W15_are_sorted) {
  Conversation talk([](const FakeRequest&) {
    return answer_json({{"tags", json::array{json::object{{"tag", "z"}, {"color", "#112233"}},
                                             json::object{{"tag", "a"}, {"color", "445566"}}}}});
  });
  const auto list = list_tags(*talk.client, *talk.lease);
  ASSERT_TRUE(list.has_value());
  ASSERT_EQ(list->tags.size(), 2U);
  EXPECT_EQ(list->tags[0].name, "a");
  EXPECT_EQ(list->tags[1].color, "#112233");
}

TEST(Tags, W16_names_are_percent_encoded_in_addresses) {
  Conversation talk(no_content);
  EXPECT_TRUE(create_tag(*talk.client, *talk.lease, "a b/c?d#ü%", "FFA500").has_value());
  EXPECT_EQ(talk.last().path, "/settings/tags/a%20b%2Fc%3Fd%23%C3%BC%25");
  const json::object colour{{"color", "FFA500"}};
  EXPECT_EQ(talk.last().json, colour);
  EXPECT_TRUE(delete_tag(*talk.client, *talk.lease, "a b").has_value());
  EXPECT_EQ(talk.last().path, "/settings/tags/a%20b");
  EXPECT_EQ(talk.last().method, "DELETE");
  for (const char* name : {"", ".", ".."})
    EXPECT_FALSE(delete_tag(*talk.client, *talk.lease, name)) << name;
  EXPECT_EQ(talk.server.count("/settings/tags"), 0U);
}

TEST(Tags, W20_an_update_sends_only_what_changes) {
  Conversation talk(no_content);
  EXPECT_TRUE(update_tag(*talk.client, *talk.lease, "old", {"new", ""}).has_value());
  const json::object renamed{{"tag", "new"}};
  EXPECT_EQ(talk.last().json, renamed);
  EXPECT_TRUE(update_tag(*talk.client, *talk.lease, "old", {"", "112233"}).has_value());
  const json::object recoloured{{"color", "112233"}};
  EXPECT_EQ(talk.last().json, recoloured);
  EXPECT_EQ(talk.last().path, "/settings/tags/old");
  EXPECT_FALSE(update_tag(*talk.client, *talk.lease, "old", {}));
}

TEST(Settings, W14_several_requests_of_one_lease_use_the_newest_token) {
  int number = 0;
  std::vector<std::string> seen;
  Conversation talk([&](const FakeRequest& request) {
    seen.push_back(request.authorization.empty()
                       ? std::string(string_member(request.json, "mytoken"))
                       : request.authorization.substr(7));
    return answer_json(
        {{"token_update", json::object{{"mytoken", "successor-" + std::to_string(++number)}}}});
  });
  EXPECT_TRUE(list_tags(*talk.client, *talk.lease)->token_update.has_value());
  EXPECT_TRUE(create_tag(*talk.client, *talk.lease, "a")->token_update.has_value());
  EXPECT_TRUE(enable_grant(*talk.client, *talk.lease, "ssh")->token_update.has_value());
  EXPECT_TRUE(
      change_email_settings(*talk.client, *talk.lease, {"", true})->token_update.has_value());
  EXPECT_TRUE(email_settings(*talk.client, *talk.lease)->token_update.has_value());
  const std::vector<std::string> expected{short_token, "successor-1", "successor-2", "successor-3",
                                          "successor-4"};
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(talk.lease->token().reveal(), "successor-5");
}

TEST(Settings, W10_what_a_server_lacks_is_named) {
  Conversation talk([](const FakeRequest&) { return answer_error(404, "not_found", ""); });
  talk.settings.erase("tags_endpoint");
  const auto no_endpoint = list_tags(*talk.client, *talk.lease);
  ASSERT_FALSE(no_endpoint);
  EXPECT_EQ(no_endpoint.error().code, "not_supported");
  EXPECT_TRUE(no_endpoint.error().description.starts_with("not supported by this server"));
  // Announced but switched off.
  const auto switched_off = email_settings(*talk.client, *talk.lease);
  ASSERT_FALSE(switched_off);
  EXPECT_EQ(switched_off.error().code, "not_supported");
  EXPECT_EQ(switched_off.error().description, "not supported by this server: mail");
}

TEST(Settings, W10_a_server_without_settings_is_no_crash) {
  FakeServer server(no_content);
  const auto client = std::move(*Client::open(server.url()));
  MemoryTokenSource source{Secret(short_token)};
  const auto lease = std::move(*source.acquire({}));
  for (const ClientError& error :
       {list_grants(*client, *lease).error(), list_ssh_keys(*client, *lease).error(),
        email_settings(*client, *lease).error(), list_tags(*client, *lease).error(),
        create_tag(*client, *lease, "a").error()}) {
    EXPECT_EQ(error.code, "not_supported");
  }
  EXPECT_EQ(server.requests().size(), 1U);  // the configuration document
}

TEST(Settings, an_unknown_tag_is_the_servers_word) {
  Conversation talk(
      [](const FakeRequest&) { return answer_error(404, "not_found", "no such tag"); });
  const auto changed = update_tag(*talk.client, *talk.lease, "x", {"y", ""});
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().text(), "not_found: no such tag");
}

}  // namespace
}  // namespace mytoken::client
