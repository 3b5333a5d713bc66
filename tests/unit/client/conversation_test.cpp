// One recorded conversation for each function of Client that has none elsewhere: what is sent, and
// what is read out of the answer.
#include <mytoken/inspect.h>

#include "crypto/jose.h"
#include "unit/client/harness.h"

namespace mytoken::client {
namespace {

struct Line {
  std::string method;
  std::string path;
  json::object body;
};

// A server with one answer, which keeps what it was asked besides its configuration document.
class Conversation {
 public:
  explicit Conversation(FakeAnswer answer)
      : server([answer](const FakeRequest&) { return answer; }), client(open(server)) {}

  Line asked() const {
    const auto all = server.requests();
    return {all.back().method, all.back().path, all.back().json};
  }

  FakeServer server;
  std::unique_ptr<Client> client;
  MemoryTokenSource source{Secret(short_token)};
  std::unique_ptr<TokenLease> lease = std::move(*source.acquire({}));
};

const json::object mytoken_answer{{"mytoken", "the-mytoken"},
                                  {"mytoken_type", "token"},
                                  {"mom_id", "the-id"},
                                  {"expires_in", 60},
                                  {"restrictions", json::array{json::object{{"usages_AT", 1}}}},
                                  {"capabilities", json::array{"AT"}},
                                  {"rotation", json::object{{"on_AT", true}}}};

TEST(Conversation, sub_token) {
  Conversation talk(answer_json(with_successor(mytoken_answer, "the-successor")));
  MytokenRequest request;
  request.restrictions = R"([{"usages_AT":1}])";
  request.capabilities = {"AT"};
  request.name = "a name";
  request.response_type = "short_token";
  request.rotation = R"({"on_AT":true})";
  request.max_token_len = 100;
  request.application_name = "a test";
  request.include = {"p", "q"};
  request.tags = {"t"};
  request.tags_include_children = true;
  request.other_members = R"({"name":"overridden","new_member":1})";
  const auto token = talk.client->sub_token(*talk.lease, request);
  ASSERT_TRUE(token.has_value()) << token.error().text();
  EXPECT_EQ(token->mytoken.reveal(), "the-mytoken");
  EXPECT_EQ(token->mom_id, "the-id");
  EXPECT_EQ(token->expires_in, std::chrono::seconds(60));
  EXPECT_EQ(token->restrictions, R"([{"usages_AT":1}])");
  EXPECT_EQ(token->capabilities, std::vector<std::string>{"AT"});
  EXPECT_EQ(token->rotation, R"({"on_AT":true})");
  EXPECT_EQ(token->token_update->mytoken.reveal(), "the-successor");
  EXPECT_EQ(talk.lease->token().reveal(), "the-successor");
  EXPECT_EQ(talk.asked().method + talk.asked().path, "POST/my");
  const json::object expected{
      {"grant_type", "mytoken"},
      {"mytoken", short_token},
      {"error_on_restrictions", true},
      {"restrictions", json::array{json::object{{"usages_AT", 1}}}},
      {"capabilities", json::array{"AT"}},
      {"name", "a name"},
      {"new_member", 1},
      {"response_type", "short_token"},
      {"rotation", json::object{{"on_AT", true}}},
      {"max_token_len", 100},
      {"application_name", "a test"},
      {"include", json::array{"p", "q"}},
      {"tags", json::array{json::object{{"tag", "t"}, {"include_children", true}}}}};
  EXPECT_EQ(talk.asked().body, expected);
}

TEST(Conversation, redeem_transfer_code) {
  Conversation talk(answer_json(mytoken_answer));
  EXPECT_EQ(talk.client->redeem_transfer_code(Secret("ABCD1234"))->mytoken.reveal(), "the-mytoken");
  const json::object expected{{"grant_type", "transfer_code"}, {"transfer_code", "ABCD1234"}};
  EXPECT_EQ(talk.asked().body, expected);
}

TEST(Conversation, create_transfer_code) {
  Conversation talk(answer_json({{"transfer_code", "ABCD1234"}, {"expires_in", 300}}));
  const auto code = talk.client->create_transfer_code(*talk.lease);
  ASSERT_TRUE(code.has_value());
  EXPECT_EQ(code->transfer_code.reveal(), "ABCD1234");
  EXPECT_EQ(code->expires_in, std::chrono::seconds(300));
  EXPECT_EQ(talk.asked().path, "/transfer");
  EXPECT_EQ(talk.asked().body, (json::object{{"mytoken", short_token}}));
}

TEST(Conversation, start_authorization) {
  Conversation talk(answer_json({{"consent_uri", "https://mt.example.org/c/x"},
                                 {"polling_code", "the-code"},
                                 {"expires_in", 300},
                                 {"interval", 7}}));
  MytokenRequest request;
  request.oidc_issuer = "https://op.example.org";
  const auto waiting = talk.client->start_authorization(request);
  ASSERT_TRUE(waiting.has_value()) << waiting.error().text();
  EXPECT_EQ(waiting->consent_uri, "https://mt.example.org/c/x");
  EXPECT_EQ(waiting->polling_code.reveal(), "the-code");
  EXPECT_EQ(waiting->expires_in, std::chrono::seconds(300));
  EXPECT_EQ(waiting->interval, std::chrono::seconds(7));
  const json::object expected{{"oidc_issuer", "https://op.example.org"},
                              {"grant_type", "oidc_flow"},
                              {"oidc_flow", "authorization_code"},
                              {"client_type", "native"}};
  EXPECT_EQ(talk.asked().body, expected);
}

TEST(Conversation, poll) {
  Conversation talk(answer_json(mytoken_answer));
  EXPECT_EQ(talk.client->poll(Secret("the-code"))->mytoken.reveal(), "the-mytoken");
  const json::object expected{{"grant_type", "polling_code"}, {"polling_code", "the-code"}};
  EXPECT_EQ(talk.asked().body, expected);
  Conversation pending(answer_error(428, "authorization_pending"));
  EXPECT_EQ(pending.client->poll(Secret("the-code")).error().code, "authorization_pending");
}

TEST(Conversation, introspect_with_a_described_use) {
  Conversation talk(answer_json({{"valid", true}}));
  const auto answer = talk.client->introspect(*talk.lease, R"({"scope":"a"})");
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->json, R"({"valid":true})");
  const json::object expected{
      {"action", "introspect"}, {"use", json::object{{"scope", "a"}}}, {"mytoken", short_token}};
  EXPECT_EQ(talk.asked().body, expected);
  EXPECT_EQ(talk.client->introspect(*talk.lease, "[]").error().kind, ErrorKind::usage);
}

TEST(Conversation, tags_of_a_mytoken) {
  Conversation talk(FakeAnswer{204, "", "", false});
  ASSERT_TRUE(talk.client->add_tag(*talk.lease, "a tag", "the-id", true).has_value());
  EXPECT_EQ(talk.asked().method + talk.asked().path, "POST/my/tags");
  const json::object added{
      {"tag", "a tag"}, {"include_children", true}, {"mom_id", "the-id"}, {"mytoken", short_token}};
  EXPECT_EQ(talk.asked().body, added);
  ASSERT_TRUE(talk.client->remove_tag(*talk.lease, "a tag").has_value());
  EXPECT_EQ(talk.asked().method + talk.asked().path, "DELETE/my/tags");
  const json::object removed{
      {"tag", "a tag"}, {"include_children", false}, {"mytoken", short_token}};
  EXPECT_EQ(talk.asked().body, removed);
}

TEST(Conversation, capabilities) {
  Conversation talk(FakeAnswer{200, R"([{"read_write_capability":{"name":"AT"}}])", "", false});
  EXPECT_EQ(*talk.client->capabilities(), R"([{"read_write_capability":{"name":"AT"}}])");
  EXPECT_EQ(talk.asked().path, "/api/v0/capabilities");
}

TEST(Conversation, any_endpoint_with_the_token_in_the_header) {
  Conversation talk(answer_json({{"tags", json::array()}}));
  talk.server.metadata_changes["notifications_endpoint"] = talk.server.url() + "/n";
  Exchange exchange;
  exchange.endpoint = "notifications_endpoint";
  exchange.path = {"a b/c"};
  const auto answer = talk.client->exchange(talk.lease.get(), exchange);
  ASSERT_TRUE(answer.has_value()) << answer.error().text();
  EXPECT_EQ(answer->json, R"({"tags":[]})");
  EXPECT_EQ(talk.asked().method + talk.asked().path, "GET/n/a%20b%2Fc");
  EXPECT_EQ(talk.server.requests().back().authorization, std::string("Bearer ") + short_token);
  EXPECT_EQ(talk.client->exchange(nullptr, exchange).error().kind, ErrorKind::usage);
  exchange.path = {".."};
  EXPECT_EQ(talk.client->exchange(talk.lease.get(), exchange).error().kind, ErrorKind::usage);
}

TEST(Conversation, waiting_for_an_exchange_that_needs_an_approval) {
  Conversation talk(answer_json({{"ssh_user", "x"}}));
  Exchange exchange;
  exchange.endpoint = "mytoken_endpoint";
  exchange.path = {"ssh"};
  Authorization authorization;
  authorization.polling_code = Secret("the-code");
  authorization.interval = std::chrono::seconds(0);
  const auto answer = talk.client->wait_for(exchange, authorization);
  ASSERT_TRUE(answer.has_value()) << answer.error().text();
  EXPECT_EQ(answer->json, R"({"ssh_user":"x"})");
  EXPECT_EQ(talk.asked().method + talk.asked().path, "POST/my/ssh");
  const json::object expected{{"grant_type", "polling_code"}, {"polling_code", "the-code"}};
  EXPECT_EQ(talk.asked().body, expected);
}

TEST(Conversation, lists_of_scopes_and_audiences_may_be_absent_null_or_one_string) {
  for (const json::value& audience :
       {json::value(nullptr), json::value("one"), json::value(json::array{"one"})}) {
    json::object answer = access_token_answer();
    answer["audience"] = audience;
    answer["expires_in"] = 3600.0;
    answer["token_update"] = nullptr;
    Conversation talk(answer_json(answer));
    const auto token = talk.client->access_token(*talk.lease);
    ASSERT_TRUE(token.has_value());
    EXPECT_EQ(token->audience.size(), audience.is_null() ? 0U : 1U);
    EXPECT_EQ(token->expires_in, std::chrono::seconds(3600));
    EXPECT_FALSE(token->token_update.has_value());
  }
}

TEST(Conversation, keys_and_the_verification_with_them) {
  const crypto::Key key = crypto::Key::generate(crypto::Algorithm::es256);
  const std::string document = json::serialize(crypto::KeySet({key}).public_jwks());
  Conversation talk(FakeAnswer{200, document, "", false});
  talk.server.metadata_changes["jwks_uri"] = talk.server.url() + "/jwks";
  const auto keys = talk.client->jwks();
  ASSERT_TRUE(keys.has_value()) << keys.error().text();
  EXPECT_EQ(talk.asked().method + talk.asked().path, "GET/jwks");

  const auto signed_with = [&](const crypto::Key& signing, const json::object& claims) {
    const json::object header{{"alg", "ES256"}, {"typ", "MT+JWT"}, {"kid", signing.thumbprint()}};
    return signing.sign(header, json::serialize(claims)).value();
  };
  const auto code_of = [&](const std::string& token, long now = 1'000) {
    const auto payload = verify_mytoken(token, *keys, talk.server.url() + "/",
                                        std::chrono::sys_seconds(std::chrono::seconds(now)));
    return payload ? *payload : payload.error().code;
  };
  const json::object claims{
      {"iss", talk.server.url()}, {"token_type", "mytoken"}, {"nbf", 1'000}, {"exp", 2'000}};
  const std::string good = signed_with(key, claims);
  EXPECT_EQ(code_of(good), json::serialize(claims));
  EXPECT_EQ(code_of(good, 999), "invalid_token");
  EXPECT_EQ(code_of(good, 2'000), "invalid_token");
  EXPECT_EQ(code_of(signed_with(crypto::Key::generate(crypto::Algorithm::es256), claims)),
            "invalid_token");
  json::object foreign = claims;
  foreign["iss"] = "https://other.example.org";
  EXPECT_EQ(code_of(signed_with(key, foreign)), "invalid_token");
  EXPECT_EQ(verify_mytoken(short_token, *keys, talk.server.url(), {}).error().kind,
            ErrorKind::usage);
  EXPECT_EQ(verify_mytoken(good, "{}", talk.server.url(), {}).error().kind, ErrorKind::protocol);
}

TEST(Conversation, a_server_without_keys_says_so) {
  Conversation talk(answer_json({}));
  EXPECT_EQ(talk.client->jwks().error().code, "not_supported");
}

}  // namespace
}  // namespace mytoken::client
