// The C interface: errors as values whatever happens, ownership, callbacks, and a conversation for
// each request.
#include <mytoken/mytoken.h>

#include <cstring>
#include <fstream>
#include <future>
#include <memory>
#include <stdexcept>

#include "unit/client/harness.h"

namespace mytoken::client {
namespace {

// What a program in C frees itself.
struct Free {
  void operator()(mytoken_client* handle) const { mytoken_client_close(handle); }
  void operator()(mytoken_token* handle) const { mytoken_token_free(handle); }
  void operator()(mytoken_answer* handle) const { mytoken_answer_free(handle); }
  void operator()(mytoken_login* handle) const { mytoken_login_free(handle); }
  void operator()(mytoken_options* handle) const { mytoken_options_free(handle); }
  void operator()(mytoken_stop* handle) const { mytoken_stop_free(handle); }
  void operator()(char* text) const { mytoken_free(text); }
};
template <class Handle>
using Owned = std::unique_ptr<Handle, Free>;

Owned<mytoken_client> client_of(const FakeServer& server) {
  mytoken_client* client = nullptr;
  EXPECT_EQ(mytoken_client_open(server.url().c_str(), nullptr, &client, nullptr), MYTOKEN_OK);
  return Owned<mytoken_client>(client);
}
Owned<mytoken_token> token_of(const char* text, mytoken_rotated rotated = nullptr,
                              void* context = nullptr) {
  mytoken_token* token = nullptr;
  EXPECT_EQ(mytoken_token_from_string(text, rotated, context, &token, nullptr), MYTOKEN_OK);
  return Owned<mytoken_token>(token);
}

int keep(void* context, const char* successor) {
  *static_cast<std::string*>(context) = successor;
  return 0;
}

TEST(CInterface, an_access_token_and_the_successor_that_was_stored_before_it_is_seen) {
  FakeServer server([](const FakeRequest&) {
    return answer_json(with_successor(access_token_answer(), "the-successor"));
  });
  const auto client = client_of(server);
  std::string stored;
  const auto token = token_of(short_token, keep, &stored);
  mytoken_error error;
  mytoken_answer* got = nullptr;
  ASSERT_EQ(
      mytoken_access_token(client.get(), token.get(), " a  b ", "x", "why", nullptr, &got, &error),
      MYTOKEN_OK);
  const Owned<mytoken_answer> answer(got);
  EXPECT_EQ(error.result, MYTOKEN_OK);
  EXPECT_STREQ(mytoken_answer_token(got), "the-at");
  EXPECT_EQ(mytoken_answer_expires_in(got), 3600);
  EXPECT_STREQ(mytoken_answer_successor(got), "the-successor");
  EXPECT_EQ(mytoken_answer_not_stored(got, nullptr), MYTOKEN_OK);
  EXPECT_EQ(stored, "the-successor");
  EXPECT_STREQ(mytoken_answer_json(got),
               R"({"access_token":"the-at","token_type":"Bearer","expires_in":3600})");
  const json::object expected{{"grant_type", "mytoken"},
                              {"scope", "a b"},
                              {"audience", "x"},
                              {"comment", "why"},
                              {"mytoken", short_token}};
  EXPECT_EQ(server.last_json(), expected);
  char* text = nullptr;
  ASSERT_EQ(mytoken_token_text(token.get(), nullptr, &text, nullptr), MYTOKEN_OK);
  EXPECT_STREQ(Owned<char>(text).get(), "the-successor");
}

TEST(CInterface, a_successor_that_is_not_stored_comes_with_the_answer) {
  FakeServer server([](const FakeRequest&) {
    return answer_json(with_successor(access_token_answer(), "the-successor"));
  });
  const auto client = client_of(server);
  for (const mytoken_rotated rotated :
       {mytoken_rotated([](void*, const char*) { return -1; }),
        mytoken_rotated([](void*, const char*) -> int { throw std::runtime_error("no"); })}) {
    const auto token = token_of(short_token, rotated);
    mytoken_answer* got = nullptr;
    ASSERT_EQ(mytoken_access_token(client.get(), token.get(), nullptr, nullptr, nullptr, nullptr,
                                   &got, nullptr),
              MYTOKEN_OK);
    const Owned<mytoken_answer> answer(got);
    mytoken_error error;
    EXPECT_EQ(mytoken_answer_not_stored(got, &error), MYTOKEN_TOKEN_SOURCE);
    EXPECT_STREQ(error.code, "token_lost");
    EXPECT_STREQ(mytoken_answer_successor(got), "the-successor");
    // Whoever wants no answer must not believe that all is well.
    EXPECT_EQ(mytoken_access_token(client.get(), token.get(), nullptr, nullptr, nullptr, nullptr,
                                   nullptr, &error),
              MYTOKEN_TOKEN_SOURCE);
  }
}

TEST(CInterface, refusals_come_as_values_with_everything_the_server_said) {
  FakeServer server([](const FakeRequest&) {
    auto answer = answer_error(429, "too_many_requests", std::string(600, 'x') + "\x1b[31m");
    answer.headers += "Retry-After: 86400\r\n";
    return answer;
  });
  const auto client = client_of(server);
  const auto token = token_of(short_token);
  mytoken_error error;
  mytoken_answer* got = nullptr;
  EXPECT_EQ(mytoken_access_token(client.get(), token.get(), nullptr, nullptr, nullptr, nullptr,
                                 &got, &error),
            MYTOKEN_SERVER);
  EXPECT_EQ(got, nullptr);
  EXPECT_EQ(error.result, MYTOKEN_SERVER);
  EXPECT_EQ(error.http_status, 429);
  EXPECT_EQ(error.is_transient, 1);
  EXPECT_EQ(error.retry_after, 86400);
  EXPECT_STREQ(error.code, "too_many_requests");
  EXPECT_GT(std::strlen(error.description), 400U);
  EXPECT_EQ(std::strchr(error.description, '\x1b'), nullptr);
}

TEST(CInterface, null_is_an_answer_of_usage_and_not_a_crash) {
  FakeServer server([](const FakeRequest&) { return answer_json({}); });
  const auto client = client_of(server);
  const auto token = token_of(short_token);
  mytoken_error error;
  mytoken_client* opened = nullptr;
  mytoken_token* source = nullptr;
  mytoken_answer* answer = nullptr;
  mytoken_login* login = nullptr;
  char* text = nullptr;
  const std::vector<mytoken_result> results{
      mytoken_client_open(nullptr, nullptr, &opened, &error),
      mytoken_client_open("https://mt.example.org", nullptr, nullptr, &error),
      mytoken_options_new(nullptr, &error),
      mytoken_options_set(nullptr, "proxy", "", &error),
      mytoken_stop_new(nullptr, &error),
      mytoken_client_metadata(nullptr, nullptr, &text, &error),
      mytoken_token_from_string(nullptr, nullptr, nullptr, &source, &error),
      mytoken_token_from_file(nullptr, &source, &error),
      mytoken_token_from_environment("X", nullptr, &error),
      mytoken_token_from_keyring(nullptr, &source, &error),
      mytoken_token_from_callback(nullptr, nullptr, nullptr, &source, &error),
      mytoken_token_first_of(nullptr, 1, &source, &error),
      mytoken_token_text(nullptr, nullptr, &text, &error),
      mytoken_write_file(nullptr, "x", &error),
      mytoken_keyring_store(nullptr, "x", nullptr, nullptr, &error),
      mytoken_keyring_list(nullptr, nullptr, &error),
      mytoken_keyring_remove(nullptr, nullptr, &error),
      mytoken_access_token(nullptr, token.get(), nullptr, nullptr, nullptr, nullptr, &answer,
                           &error),
      mytoken_access_token(client.get(), nullptr, nullptr, nullptr, nullptr, nullptr, &answer,
                           &error),
      mytoken_sub_token(client.get(), token.get(), "[]", nullptr, &answer, &error),
      mytoken_redeem_transfer_code(client.get(), nullptr, nullptr, &answer, &error),
      mytoken_redeem_transfer_code(client.get(), "x", nullptr, nullptr, &error),
      mytoken_tokeninfo(client.get(), token.get(), nullptr, nullptr, 0, nullptr, &answer, &error),
      mytoken_exchange(client.get(), nullptr, MYTOKEN_BEARER, "GET", "x", nullptr, 0, nullptr,
                       nullptr, &answer, &error),
      mytoken_exchange(client.get(), nullptr, MYTOKEN_NO_TOKEN, "BREW", "x", nullptr, 0, nullptr,
                       nullptr, &answer, &error),
      mytoken_login_start(client.get(), nullptr, "1", nullptr, &login, &error),
      mytoken_login_wait(nullptr, nullptr, nullptr, nullptr, &answer, &error),
      mytoken_answer_not_stored(nullptr, &error),
      mytoken_decode(nullptr, &text, nullptr, &error),
      mytoken_verify(nullptr, "x", nullptr, &text, &error)};
  for (std::size_t i = 0; i < results.size(); ++i)
    EXPECT_EQ(results[i], MYTOKEN_USAGE) << i;
  EXPECT_TRUE(server.requests().empty());
  EXPECT_EQ(opened, nullptr);
  EXPECT_EQ(source, nullptr);
  EXPECT_EQ(answer, nullptr);
  EXPECT_EQ(login, nullptr);
  EXPECT_EQ(text, nullptr);
  mytoken_free(nullptr);
  mytoken_client_close(nullptr);
  mytoken_token_free(nullptr);
  mytoken_answer_free(nullptr);
  mytoken_login_free(nullptr);
  mytoken_options_free(nullptr);
  mytoken_stop_free(nullptr);
  mytoken_login_cancel(nullptr);
  mytoken_stop_request(nullptr);
  EXPECT_STREQ(mytoken_client_url(nullptr), "");
  EXPECT_STREQ(mytoken_answer_token(nullptr), "");
  EXPECT_EQ(mytoken_classify(nullptr), MYTOKEN_KIND_MALFORMED);
}

TEST(CInterface, options_are_checked) {
  mytoken_options* made = nullptr;
  ASSERT_EQ(mytoken_options_new(&made, nullptr), MYTOKEN_OK);
  const Owned<mytoken_options> options(made);
  for (const auto& [name, value] :
       std::vector<std::pair<const char*, const char*>>{{"user_agent", "a test"},
                                                        {"ca_file", "/x"},
                                                        {"ca_directory", "/x"},
                                                        {"proxy", "http://proxy.example.org"},
                                                        {"cache_directory", "/x"},
                                                        {"connect_timeout_ms", "1"},
                                                        {"total_timeout_ms", "86400000"}}) {
    EXPECT_EQ(mytoken_options_set(made, name, value, nullptr), MYTOKEN_OK) << name;
  }
  for (const auto& [name, value] :
       std::vector<std::pair<const char*, const char*>>{{"colour", "red"},
                                                        {"connect_timeout_ms", "0"},
                                                        {"connect_timeout_ms", "-1"},
                                                        {"total_timeout_ms", "1 s"},
                                                        {"total_timeout_ms", "86400001"}}) {
    EXPECT_EQ(mytoken_options_set(made, name, value, nullptr), MYTOKEN_USAGE) << name << value;
  }
}

TEST(CInterface, tokens_come_from_files_variables_callbacks_and_whichever_is_there) {
  const Folder folder;
  const std::string file = (folder.path / "token").string();
  ASSERT_EQ(mytoken_write_file(file.c_str(), "in-the-file", nullptr), MYTOKEN_OK);
  const auto text_of = [](mytoken_token* token) {
    char* text = nullptr;
    mytoken_error error;
    if (mytoken_token_text(token, nullptr, &text, &error) != MYTOKEN_OK)
      return std::string("error ") + error.code;
    return std::string(Owned<char>(text).get());
  };
  mytoken_token *by_file = nullptr, *by_variable = nullptr, *by_callback = nullptr,
                *nothing = nullptr, *first = nullptr;
  ASSERT_EQ(mytoken_token_from_file(file.c_str(), &by_file, nullptr), MYTOKEN_OK);
  ASSERT_EQ(mytoken_token_from_environment("MYTOKEN_TEST_UNSET", &by_variable, nullptr),
            MYTOKEN_OK);
  const mytoken_read read = [](void* context, char** token) {
    *token = ::strdup(static_cast<const char*>(context));
    return 0;
  };
  char content[] = "from-a-callback";
  ASSERT_EQ(mytoken_token_from_callback(read, nullptr, content, &by_callback, nullptr), MYTOKEN_OK);
  const mytoken_read none = [](void*, char**) { return 1; };
  ASSERT_EQ(mytoken_token_from_callback(none, nullptr, nullptr, &nothing, nullptr), MYTOKEN_OK);
  mytoken_token* all[] = {by_variable, nothing, by_file, by_callback};
  ASSERT_EQ(mytoken_token_first_of(all, 4, &first, nullptr), MYTOKEN_OK);
  EXPECT_EQ(text_of(by_file), "in-the-file");
  EXPECT_EQ(text_of(by_variable), "error no_token");
  EXPECT_EQ(text_of(by_callback), "from-a-callback");
  EXPECT_EQ(text_of(nothing), "error no_token");
  for (mytoken_token* token : all)
    mytoken_token_free(token);
  EXPECT_EQ(text_of(first), "in-the-file");
  mytoken_token_free(first);
}

TEST(CInterface, requests_say_what_they_are_given) {
  FakeServer server([](const FakeRequest& request) {
    if (request.path == "/my") return answer_json({{"mytoken", "new"}, {"mytoken_type", "token"}});
    if (request.path == "/transfer") return answer_json({{"transfer_code", "CODE"}});
    return answer_json({{"said", true}});
  });
  const auto client = client_of(server);
  const auto token = token_of(short_token);
  const auto said = [&](mytoken_result result, mytoken_answer* got) {
    EXPECT_EQ(result, MYTOKEN_OK);
    const Owned<mytoken_answer> answer(got);
    return std::string(mytoken_answer_token(got)) + " " + mytoken_answer_json(got);
  };
  mytoken_answer* got = nullptr;
  mytoken_result result =
      mytoken_sub_token(client.get(), token.get(), R"({"name":"n","error_on_restrictions":false})",
                        nullptr, &got, nullptr);
  EXPECT_EQ(said(result, got), R"(new {"mytoken":"new","mytoken_type":"token"})");
  EXPECT_EQ(server.last_json(), (json::object{{"name", "n"},
                                              {"error_on_restrictions", false},
                                              {"grant_type", "mytoken"},
                                              {"mytoken", short_token}}));
  result = mytoken_sub_token(client.get(), token.get(), nullptr, nullptr, &got, nullptr);
  (void)said(result, got);
  EXPECT_EQ(server.last_json(), (json::object{{"grant_type", "mytoken"},
                                              {"error_on_restrictions", true},
                                              {"mytoken", short_token}}));
  result = mytoken_create_transfer_code(client.get(), token.get(), nullptr, &got, nullptr);
  EXPECT_EQ(said(result, got), R"(CODE {"transfer_code":"CODE"})");
  result = mytoken_redeem_transfer_code(client.get(), "CODE", nullptr, &got, nullptr);
  (void)said(result, got);
  EXPECT_EQ(server.last_json(),
            (json::object{{"grant_type", "transfer_code"}, {"transfer_code", "CODE"}}));
  const char* ids[] = {"this", "children"};
  result =
      mytoken_tokeninfo(client.get(), token.get(), "event_history", ids, 2, nullptr, &got, nullptr);
  EXPECT_EQ(said(result, got), R"( {"said":true})");
  EXPECT_EQ(server.last_json(), (json::object{{"action", "event_history"},
                                              {"mom_ids", json::array{"this", "children"}},
                                              {"mytoken", short_token}}));
  EXPECT_EQ(mytoken_revoke(client.get(), token.get(), "the-id", 1, nullptr, nullptr, nullptr),
            MYTOKEN_OK);
  EXPECT_EQ(server.last_json(),
            (json::object{{"token", short_token}, {"mom_id", "the-id"}, {"recursive", true}}));
  const char* path[] = {"a/b"};
  result = mytoken_exchange(client.get(), token.get(), MYTOKEN_IN_BODY, "PUT", "tokeninfo_endpoint",
                            path, 1, R"({"x":1})", nullptr, &got, nullptr);
  EXPECT_EQ(said(result, got), R"( {"said":true})");
  EXPECT_EQ(server.requests().back().method + server.requests().back().path, "PUT/info/a%2Fb");
  EXPECT_EQ(server.last_json(), (json::object{{"x", 1}, {"mytoken", short_token}}));
  mytoken_error error;
  EXPECT_EQ(mytoken_exchange(client.get(), nullptr, MYTOKEN_NO_TOKEN, "GET", "profiles_endpoint",
                             nullptr, 0, nullptr, nullptr, nullptr, &error),
            MYTOKEN_USAGE);
  EXPECT_STREQ(error.code, "not_supported");
}

TEST(CInterface, a_login_can_be_waited_for_outlives_its_client_and_can_be_cancelled) {
  std::atomic<bool> is_approved = false;
  FakeServer server([&](const FakeRequest& request) {
    if (string_member(request.json, "grant_type") == "oidc_flow") {
      return answer_json({{"consent_uri", "https://mt.example.org/c/x"},
                          {"polling_code", "the-code"},
                          {"expires_in", 60},
                          {"interval", 1}});
    }
    if (!is_approved) return answer_error(428, "authorization_pending");
    return answer_json({{"mytoken", "the-mytoken"}});
  });
  auto client = client_of(server);
  const auto start = [&] {
    mytoken_login* login = nullptr;
    EXPECT_EQ(mytoken_login_start(client.get(), "https://op.example.org", R"({"name":"n"})",
                                  nullptr, &login, nullptr),
              MYTOKEN_OK);
    return Owned<mytoken_login>(login);
  };
  const auto declined = start();
  EXPECT_STREQ(mytoken_login_uri(declined.get()), "https://mt.example.org/c/x");
  EXPECT_EQ(server.last_json(), (json::object{{"name", "n"},
                                              {"oidc_issuer", "https://op.example.org"},
                                              {"grant_type", "oidc_flow"},
                                              {"oidc_flow", "authorization_code"},
                                              {"client_type", "native"}}));
  const auto good = start();
  const auto stopped = start();
  client.reset();

  // Cancelled by the first word of progress, from another place than the waiting call.
  mytoken_answer* got = nullptr;
  EXPECT_EQ(mytoken_login_wait(
                declined.get(),
                [](void* login, long remaining) {
                  EXPECT_GT(remaining, 0);
                  mytoken_login_cancel(static_cast<mytoken_login*>(login));
                },
                declined.get(), nullptr, &got, nullptr),
            MYTOKEN_CANCELLED);
  mytoken_stop* stop = nullptr;
  ASSERT_EQ(mytoken_stop_new(&stop, nullptr), MYTOKEN_OK);
  const Owned<mytoken_stop> owned_stop(stop);
  mytoken_stop_request(stop);
  const mytoken_call stopping{stop, 0};
  EXPECT_EQ(mytoken_login_wait(stopped.get(), nullptr, nullptr, &stopping, &got, nullptr),
            MYTOKEN_CANCELLED);
  const mytoken_call short_time{nullptr, 1};
  EXPECT_EQ(mytoken_login_wait(stopped.get(), nullptr, nullptr, &short_time, &got, nullptr),
            MYTOKEN_TIMEOUT);
  EXPECT_EQ(got, nullptr);

  is_approved = true;
  ASSERT_EQ(mytoken_login_wait(good.get(), nullptr, nullptr, nullptr, &got, nullptr), MYTOKEN_OK);
  const Owned<mytoken_answer> answer(got);
  EXPECT_STREQ(mytoken_answer_token(got), "the-mytoken");
  EXPECT_EQ(mytoken_answer_expires_in(got), -1);
}

TEST(CInterface, an_exception_ends_at_the_wall) {
  FakeServer server([](const FakeRequest&) {
    return answer_json({{"consent_uri", "https://mt.example.org/c/x"}, {"polling_code", "c"}});
  });
  const auto client = client_of(server);
  mytoken_login* login = nullptr;
  ASSERT_EQ(mytoken_login_start(client.get(), "", nullptr, nullptr, &login, nullptr), MYTOKEN_OK);
  const Owned<mytoken_login> owned(login);
  mytoken_answer* got = nullptr;
  mytoken_error error;
  EXPECT_EQ(mytoken_login_wait(
                login, [](void*, long) { throw std::runtime_error("not in C"); }, nullptr, nullptr,
                &got, &error),
            MYTOKEN_INTERNAL);
  EXPECT_STREQ(error.description, "not in C");
}

TEST(CInterface, tokens_are_told_apart_decoded_and_described) {
  const std::string jwt = jwt_of({{"iss", "https://mt.example.org"}});
  EXPECT_EQ(mytoken_classify(jwt.c_str()), MYTOKEN_KIND_JWT);
  EXPECT_EQ(mytoken_classify(short_token), MYTOKEN_KIND_SHORT_TOKEN);
  EXPECT_EQ(mytoken_classify("ABCD1234"), MYTOKEN_KIND_CODE);
  EXPECT_EQ(mytoken_classify("a b"), MYTOKEN_KIND_MALFORMED);
  char *header = nullptr, *payload = nullptr;
  ASSERT_EQ(mytoken_decode(jwt.c_str(), &header, &payload, nullptr), MYTOKEN_OK);
  EXPECT_STREQ(Owned<char>(header).get(), R"({"alg":"ES512","typ":"MT+JWT"})");
  EXPECT_STREQ(Owned<char>(payload).get(),
               R"({"iss":"https://mt.example.org","token_type":"mytoken"})");
  EXPECT_STREQ(mytoken_version(), MYTOKEN_VERSION);
}

}  // namespace
}  // namespace mytoken::client
