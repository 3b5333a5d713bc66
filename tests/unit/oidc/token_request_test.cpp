// Token requests against a provider that misbehaves in every way of spec oidc.md §20.
#include <boost/asio/detached.hpp>

#include "unit/oidc/provider_fixture.h"

namespace mytoken::oidc {
namespace {

using Kind = ProviderError::Kind;

struct TokenRequest : ProviderTest {};

TEST_F(TokenRequest, a_code_gives_tokens) {
  const auto answer = log_in();
  ASSERT_TRUE(answer) << answer.error().cause;
  EXPECT_TRUE(answer->access_token.reveal().starts_with("at-"));
  EXPECT_EQ(answer->token_type, "Bearer");
  EXPECT_EQ(answer->expires_in, 3600);
  EXPECT_EQ(answer->scope, (std::vector<std::string>{"email", "offline_access", "openid"}));
  EXPECT_EQ(answer->audience, std::nullopt);
  EXPECT_EQ(answer->refresh_token.reveal(), scripted.sessions().at(0).current_refresh_token);
  EXPECT_EQ(scripted.last("/token").field("client_id"), "client");
  EXPECT_EQ(scripted.last("/token").field("client_secret"), "");
}

TEST_F(TokenRequest, a_code_is_good_once_and_only_with_its_verifier) {
  const std::string code = login(request())["code"];
  const auto wrong = run(
      provider().exchange_code(Secret(code), Secret("wrong"), "https://mytoken.example/redirect"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, Kind::refused);
  EXPECT_EQ(wrong.error().error, "invalid_grant");
  EXPECT_TRUE(exchange(code));
  EXPECT_EQ(exchange(code).error().kind, Kind::refused);
  EXPECT_EQ(scripted.counters().codes, 1u);
}

TEST_F(TokenRequest, a_code_without_refresh_token_or_id_token_says_so) {
  set([](ProviderKnobs& knobs) {
    knobs.refresh_token = false;
    knobs.id_token = ProviderKnobs::IdToken::missing;
  });
  const auto answer = log_in();
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->refresh_token.empty());
  EXPECT_TRUE(answer->id_token.empty());
}

TEST_F(TokenRequest, a_refresh_gives_an_access_token) {
  const std::string token = scripted.new_session();
  const auto answer = refresh(token, {"email"});
  ASSERT_TRUE(answer) << answer.error().cause;
  EXPECT_EQ(answer->scope, std::vector<std::string>{"email"});
  EXPECT_TRUE(answer->refresh_token.empty());
  const auto seen = scripted.last("/token");
  EXPECT_EQ(seen.field("grant_type"), "refresh_token");
  EXPECT_EQ(seen.field("scope"), "email");
  EXPECT_FALSE(seen.fields.contains("client_id"));
  EXPECT_EQ(seen.authorization, "Basic " + base64("client:client-secret"));
}

TEST_F(TokenRequest, a_rotated_refresh_token_is_returned_and_the_old_one_is_reuse) {
  set([](ProviderKnobs& knobs) { knobs.rotation = ProviderKnobs::Rotation::family_revocation; });
  const std::string first = scripted.new_session();
  const auto answer = refresh(first);
  ASSERT_TRUE(answer);
  const std::string second(answer->refresh_token.reveal());
  EXPECT_EQ(second, scripted.session_of(first)->current_refresh_token);
  EXPECT_NE(second, first);
  const auto reuse = refresh(first);
  EXPECT_EQ(reuse.error().error, "invalid_grant");
  EXPECT_TRUE(scripted.session_of(first)->ended);
  EXPECT_EQ(refresh(second).error().error, "invalid_grant");
}

TEST_F(TokenRequest, single_use_rotation_refuses_reuse_but_keeps_the_session) {
  set([](ProviderKnobs& knobs) { knobs.rotation = ProviderKnobs::Rotation::single_use; });
  const std::string first = scripted.new_session();
  const std::string second(refresh(first)->refresh_token.reveal());
  EXPECT_EQ(refresh(first).error().error, "invalid_grant");
  EXPECT_TRUE(scripted.session_of(first)->reuse_detected);
  EXPECT_TRUE(refresh(second));
}

TEST_F(TokenRequest, rotation_with_grace_repeats_the_successor_for_a_while) {
  set([](ProviderKnobs& knobs) {
    knobs.rotation = ProviderKnobs::Rotation::grace;
    knobs.grace = 10s;
  });
  const std::string first = scripted.new_session();
  const std::string second(refresh(first)->refresh_token.reveal());
  EXPECT_EQ(refresh(first)->refresh_token.reveal(), second);
  clock.advance(11s);
  EXPECT_EQ(refresh(first).error().error, "invalid_grant");
  EXPECT_TRUE(scripted.session_of(first)->ended);
}

// W 7: the provider acted, the answer was lost.
TEST_F(TokenRequest, a_lost_answer_is_unknown_and_the_request_was_sent_once) {
  set([](ProviderKnobs& knobs) { knobs.rotation = ProviderKnobs::Rotation::family_revocation; });
  const std::string warm = scripted.new_session();
  ASSERT_TRUE(refresh(warm)) << "opens the connection that is kept";
  const std::string token = scripted.new_session();
  set([](ProviderKnobs& knobs) { knobs.drop_after_acting = 1; });
  const auto answer = refresh(token);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Kind::unknown);
  EXPECT_EQ(scripted.counters().token_requests, 2u);
  EXPECT_EQ(scripted.session_of(token)->refreshes, 1u);
  EXPECT_FALSE(scripted.session_of(token)->reuse_detected);
  EXPECT_EQ(to_error(answer.error()).status, 502);
}

TEST_F(TokenRequest, a_request_dropped_before_acting_is_unknown_too) {
  const std::string token = scripted.new_session();
  set([](ProviderKnobs& knobs) { knobs.drop_before_acting = 1; });
  EXPECT_EQ(refresh(token).error().kind, Kind::unknown);
  EXPECT_EQ(scripted.counters().token_requests, 1u);
  EXPECT_EQ(scripted.session_of(token)->refreshes, 0u);
  EXPECT_TRUE(refresh(token));
}

TEST_F(TokenRequest, many_refreshes_at_once_all_get_their_own_answer) {
  set([](ProviderKnobs& knobs) {
    knobs.rotation = ProviderKnobs::Rotation::family_revocation;
    knobs.delay = 20ms;
  });
  constexpr int count = 300;
  int right = 0;
  int done = 0;
  auto one = [&](std::string token) -> Task<void> {
    Secret secret(token);
    std::vector<std::string> none;
    const auto answer = co_await provider().refresh(std::move(secret), none, none, false);
    right += answer && answer->refresh_token.reveal() ==
                           scripted.session_of(token)->current_refresh_token
                 ? 1
                 : 0;
    if (++done == count) context.stop();
  };
  for (int i = 0; i < count; ++i)
    asio::co_spawn(context, one(scripted.new_session()), asio::detached);
  context.restart();
  context.run_for(30s);
  EXPECT_EQ(right, count);
  EXPECT_EQ(scripted.counters().discovery, 1u) << "concurrent callers share one discovery";
  EXPECT_EQ(scripted.counters().reuse_detected, 0u);
}

// W 6
TEST_F(TokenRequest, an_html_error_page_is_no_success) {
  set([](ProviderKnobs& knobs) { knobs.html_502 = true; });
  const auto answer = refresh(scripted.new_session());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Kind::misbehaved);
  EXPECT_EQ(answer.error().status, 502);
  EXPECT_EQ(to_error(answer.error()).status, 502);
  EXPECT_EQ(to_error(answer.error()).code, "oidc_error");
}

TEST_F(TokenRequest, a_success_without_usable_access_token_is_an_error) {
  for (const char* body :
       {"{}", "", "[]", "null", "{\"access_token\":\"\"}", "{\"access_token\":7}", "<html></html>",
        "{\"access_token\":\"a b\"}", "{\"access_token\":\"a\\r\\nX: y\"}",
        "{\"access_token\":\"x\"", "{\"error\":\"invalid_grant\"}"}) {
    set([&](ProviderKnobs& knobs) { knobs.raw_answer = body; });
    const auto answer = refresh(scripted.new_session());
    ASSERT_FALSE(answer) << body;
    EXPECT_EQ(answer.error().kind, Kind::misbehaved) << body;
  }
}

TEST_F(TokenRequest, an_error_status_is_an_error_whatever_the_body_says) {
  set([](ProviderKnobs& knobs) { knobs.error = {"", "", 500}; });
  EXPECT_EQ(refresh(scripted.new_session()).error().kind, Kind::misbehaved);
}

// W 28
TEST_F(TokenRequest, only_status_400_is_the_users_fault) {
  for (const int status : {401, 403, 404, 429, 500, 503}) {
    set([&](ProviderKnobs& knobs) { knobs.error = {"invalid_client", "wrong secret", status}; });
    const auto answer = refresh(scripted.new_session());
    EXPECT_EQ(answer.error().kind, Kind::misbehaved) << status;
    EXPECT_EQ(to_error(answer.error()).status, 502) << status;
    EXPECT_EQ(to_error(answer.error()).description, "invalid_client: wrong secret");
  }
  set([](ProviderKnobs& knobs) { knobs.error = {"invalid_scope", "no such scope", 400}; });
  const auto refused = refresh(scripted.new_session());
  EXPECT_EQ(refused.error().kind, Kind::refused);
  EXPECT_EQ(to_error(refused.error()).status, 400);
  EXPECT_EQ(to_error(refused.error()).description, "invalid_scope: no such scope");
}

TEST_F(TokenRequest, too_many_requests_is_the_providers_trouble) {
  set([](ProviderKnobs& knobs) { knobs.too_many_requests = 7; });
  const auto answer = refresh(scripted.new_session());
  EXPECT_EQ(answer.error().kind, Kind::misbehaved);
  EXPECT_EQ(answer.error().status, 429);
}

TEST_F(TokenRequest, descriptions_are_cut_cleaned_and_hold_no_secret) {
  const std::string token = scripted.new_session();
  set([&](ProviderKnobs& knobs) {
    knobs.error = {"invalid_\"grant",
                   "line\r\nfeed \x1b[31m " + token + " client-secret " + std::string(600, 'x'),
                   400};
  });
  const auto answer = refresh(token);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error, "invalid_grant");
  EXPECT_TRUE(answer.error().description.starts_with("linefeed [31m *** *** xxx"))
      << answer.error().description;
  EXPECT_EQ(answer.error().description.size(), 500u);
}

TEST_F(TokenRequest, expires_in_may_be_text_and_token_type_may_be_missing) {
  set([](ProviderKnobs& knobs) {
    knobs.expires_in_as_text = true;
    knobs.token_type = false;
    knobs.echo_scopes = false;
  });
  const auto answer = refresh(scripted.new_session());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->expires_in, 3600);
  EXPECT_EQ(answer->token_type, "Bearer");
  EXPECT_EQ(answer->scope, std::nullopt);
  for (const char* value : {"-1", "\"soon\"", "\"12x\"", "1e300", "null", "[]"}) {
    set([&](ProviderKnobs& knobs) {
      knobs.raw_answer =
          std::string("{\"access_token\":\"x\",\"token_type\":\"bearer\",\"expires_in\":") + value +
          "}";
    });
    const auto odd = refresh(scripted.new_session());
    ASSERT_TRUE(odd) << value;
    EXPECT_EQ(odd->expires_in, std::nullopt) << value;
    EXPECT_EQ(odd->token_type, "bearer");
  }
}

TEST_F(TokenRequest, narrowed_scopes_are_reported) {
  set([](ProviderKnobs& knobs) { knobs.narrow_scopes = std::vector<std::string>{"openid"}; });
  EXPECT_EQ(refresh(scripted.new_session(), {"openid", "email"})->scope,
            std::vector<std::string>{"openid"});
  set([](ProviderKnobs& knobs) { knobs.narrow_scopes = std::vector<std::string>{}; });
  EXPECT_EQ(refresh(scripted.new_session(), {"openid"})->scope, std::vector<std::string>{});
}

TEST_F(TokenRequest, audiences_are_sent_and_that_of_the_access_token_is_reported) {
  set([](ProviderKnobs& knobs) { knobs.audience = ProviderKnobs::Audience::echo; });
  const std::vector<std::string> wanted{"https://a.example", "https://b.example"};
  EXPECT_EQ(refresh(scripted.new_session(), {}, wanted)->audience, wanted);
  EXPECT_EQ(scripted.last("/token").fields.count("resource"), 2u);
  set([](ProviderKnobs& knobs) {
    knobs.audience = ProviderKnobs::Audience::fixed;
    knobs.fixed_audience = {"account"};
  });
  EXPECT_EQ(refresh(scripted.new_session(), {}, wanted)->audience,
            std::vector<std::string>{"account"});
  settings.audience = {AudienceParameter::Mode::parameter, "audience", true};
  made.reset();
  EXPECT_TRUE(refresh(scripted.new_session(), {}, wanted));
  EXPECT_EQ(scripted.last("/token").field("audience"), "https://a.example https://b.example");
  settings.audience.mode = AudienceParameter::Mode::none;
  made.reset();
  EXPECT_TRUE(refresh(scripted.new_session(), {}, wanted));
  EXPECT_FALSE(scripted.last("/token").fields.contains("audience"));
}

// W 16
TEST_F(TokenRequest, offline_access_is_appended_on_refresh_as_the_quirk_says) {
  const auto sent = [&](bool granted, std::vector<std::string> scopes) {
    refresh(scripted.new_session("user-1", {"email", "offline_access", "my_offline_access"}),
            std::move(scopes), {}, granted);
    return scripted.last("/token").field("scope");
  };
  EXPECT_EQ(sent(false, {"email"}), "email");
  EXPECT_EQ(sent(true, {"email"}), "email offline_access");
  EXPECT_EQ(sent(true, {"my_offline_access"}), "my_offline_access offline_access");
  EXPECT_EQ(sent(true, {"offline_access"}), "offline_access");
  EXPECT_EQ(sent(true, {}), "");
  settings.refresh_offline_access = ProviderSettings::OfflineOnRefresh::yes;
  made.reset();
  EXPECT_EQ(sent(false, {"email"}), "email offline_access");
  settings.refresh_offline_access = ProviderSettings::OfflineOnRefresh::no;
  made.reset();
  EXPECT_EQ(sent(true, {"email", "offline_access"}), "email");
}

TEST_F(TokenRequest, the_client_authenticates_as_the_provider_announces) {
  set([](ProviderKnobs& knobs) { knobs.auth_methods = {"client_secret_post"}; });
  EXPECT_TRUE(refresh(scripted.new_session()));
  EXPECT_EQ(scripted.last("/token").authorization, "");
  EXPECT_EQ(scripted.last("/token").field("client_secret"), "client-secret");
  set([](ProviderKnobs& knobs) { knobs.auth_methods = {}; });
  made.reset();
  refresh(scripted.new_session());
  EXPECT_TRUE(scripted.last("/token").authorization.starts_with("Basic "))
      << "basic if nothing is announced";
  settings.authentication = ClientAuthentication::post;
  made.reset();
  refresh(scripted.new_session());
  EXPECT_EQ(scripted.last("/token").field("client_secret"), "client-secret");
}

struct OddClient : ProviderTest {
  OddClient() : ProviderTest(ProviderOptions{0, "id:1 ä", "s%cr&t +", false, nullptr}) {
    settings.client_id = "id:1 ä";
    settings.client_secret = Secret("s%cr&t +");
  }
};

TEST_F(OddClient, credentials_are_form_encoded_before_basic) {
  EXPECT_TRUE(refresh(scripted.new_session()));
  settings.authentication = ClientAuthentication::post;
  made.reset();
  EXPECT_TRUE(refresh(scripted.new_session()));
}

TEST_F(TokenRequest, a_provider_that_does_not_answer_is_left_alone_for_ten_seconds) {
  const std::string token = scripted.new_session();
  set([](ProviderKnobs& knobs) { knobs.drop_before_acting = 100; });
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(refresh(token).error().kind, Kind::unknown);
  const auto closed = refresh(token);
  EXPECT_EQ(closed.error().kind, Kind::unavailable);
  EXPECT_EQ(to_error(closed.error()).status, 503);
  EXPECT_GT(to_error(closed.error()).retry_after.count(), 0);
  EXPECT_EQ(scripted.counters().token_requests, 5u);
  set([](ProviderKnobs& knobs) { knobs.drop_before_acting = 0; });
  clock.advance(10s);
  EXPECT_TRUE(refresh(token));
}

TEST_F(TokenRequest, revocation_ends_the_session_and_reports_whether_to_try_again) {
  const std::string token = scripted.new_session();
  EXPECT_TRUE(run(provider().revoke(Secret(token))));
  EXPECT_TRUE(scripted.session_of(token)->ended);
  EXPECT_EQ(scripted.last("/revoke").field("token_type_hint"), "refresh_token");
  EXPECT_TRUE(run(provider().revoke(Secret("unknown"))));
  set([](ProviderKnobs& knobs) { knobs.revocation_error = {"unsupported_token_type", "", 400}; });
  EXPECT_TRUE(run(provider().revoke(Secret(token))));
  for (const int status : {401, 500, 503}) {
    set([&](ProviderKnobs& knobs) { knobs.revocation_error = {"server_error", "", status}; });
    EXPECT_FALSE(run(provider().revoke(Secret(token)))) << status;
  }
  set([](ProviderKnobs& knobs) { knobs.revocation_endpoint = false; });
  made.reset();
  EXPECT_TRUE(run(provider().revoke(Secret(token)))) << "not supported";
}

// The real client, except that some POSTs do not leave the house.
struct FakeClient final : net::HttpClient {
  explicit FakeClient(net::HttpClient& real) : inner(real) {}
  Task<net::HttpResponse> send(net::HttpRequest request) override {
    if (request.method == "POST" && not_sent > 0) {
      --not_sent;
      ++posts;
      net::HttpResponse response;
      response.outcome = net::HttpResponse::Outcome::not_sent;
      co_return response;
    }
    posts += request.method == "POST" ? 1 : 0;
    co_return co_await inner.send(std::move(request));
  }
  net::HttpClient& inner;
  int not_sent = 0;
  int posts = 0;
};

TEST_F(TokenRequest, what_was_not_sent_is_repeated_once) {
  FakeClient fake(*http);
  made = std::make_unique<Provider>(settings, fake, clock, log);
  fake.not_sent = 1;
  EXPECT_TRUE(refresh(scripted.new_session()));
  EXPECT_EQ(fake.posts, 2);
  fake.not_sent = 10;
  fake.posts = 0;
  EXPECT_EQ(refresh(scripted.new_session()).error().kind, Kind::not_reached);
  EXPECT_EQ(fake.posts, 2);
}

TEST_F(TokenRequest, no_secret_reaches_the_log) {
  const std::string token = scripted.new_session();
  set([](ProviderKnobs& knobs) { knobs.drop_after_acting = 10; });
  for (int i = 0; i < 6; ++i)
    refresh(token);
  EXPECT_NE(log.lines.find("left alone"), std::string::npos);
  EXPECT_EQ(log.lines.find(token), std::string::npos);
  EXPECT_EQ(log.lines.find("client-secret"), std::string::npos);
}

}  // namespace
}  // namespace mytoken::oidc
