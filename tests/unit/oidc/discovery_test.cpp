// Metadata (spec oidc.md §1.2), the authorization request (§9), the issuer of redirects (§21.2) and
// what is known of widely used providers (§19.2).
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <thread>

#include "oidc/wire.h"
#include "unit/oidc/provider_fixture.h"

namespace mytoken::oidc {
namespace {

using Kind = ProviderError::Kind;

struct DiscoveryTest : ProviderTest {};

TEST_F(DiscoveryTest, metadata_is_fetched_once_and_renewed_when_it_is_old) {
  const auto metadata = run(provider().metadata());
  ASSERT_TRUE(metadata);
  EXPECT_EQ(metadata->issuer, scripted.issuer());
  EXPECT_EQ(metadata->token_endpoint, scripted.issuer() + "/token");
  EXPECT_TRUE(metadata->iss_parameter);
  clock.advance(59s);
  EXPECT_TRUE(run(provider().metadata()));
  EXPECT_EQ(scripted.counters().discovery, 1u);
  clock.advance(1s);  // "no-store" is kept for a minute
  EXPECT_TRUE(run(provider().metadata()));
  EXPECT_EQ(scripted.counters().discovery, 2u);
}

TEST_F(DiscoveryTest, a_failure_keeps_the_last_good_copy) {
  ASSERT_TRUE(run(provider().metadata()));
  set([](ProviderKnobs& knobs) { knobs.discovery = ProviderKnobs::Discovery::down; });
  clock.advance(1h);
  EXPECT_EQ(run(provider().metadata())->token_endpoint, scripted.issuer() + "/token");
  EXPECT_EQ(scripted.counters().discovery, 2u);
}

TEST_F(DiscoveryTest, without_any_copy_it_is_retried_with_back_off) {
  set([](ProviderKnobs& knobs) { knobs.discovery = ProviderKnobs::Discovery::down; });
  const auto metadata = run(provider().metadata());
  ASSERT_FALSE(metadata);
  EXPECT_EQ(metadata.error().kind, Kind::unavailable);
  EXPECT_EQ(to_error(metadata.error()).status, 503);
  std::uint64_t asked = 1;
  for (const auto pause : {5s, 10s, 20s, 40s, 80s, 160s, 320s, 600s, 600s}) {
    clock.advance(pause - 1s);
    EXPECT_FALSE(run(provider().metadata()));
    EXPECT_EQ(scripted.counters().discovery, asked) << pause.count();
    clock.advance(1s);
    EXPECT_FALSE(run(provider().metadata()));
    EXPECT_EQ(scripted.counters().discovery, ++asked) << pause.count();
  }
  set([](ProviderKnobs& knobs) { knobs.discovery = ProviderKnobs::Discovery::up; });
  clock.advance(600s);
  EXPECT_TRUE(run(provider().metadata()));
}

TEST_F(DiscoveryTest, metadata_of_another_issuer_or_with_insecure_endpoints_is_refused) {
  set([](ProviderKnobs& knobs) { knobs.discovery = ProviderKnobs::Discovery::wrong_issuer; });
  EXPECT_FALSE(run(provider().metadata()));
  made.reset();
  set([](ProviderKnobs& knobs) { knobs.discovery = ProviderKnobs::Discovery::insecure_endpoint; });
  EXPECT_FALSE(run(provider().metadata()));
}

TEST_F(DiscoveryTest, a_trailing_slash_of_the_configured_issuer_does_not_matter) {
  settings.issuer += "/";
  EXPECT_TRUE(run(provider().metadata()));
}

TEST_F(DiscoveryTest, callers_on_several_threads_share_one_request) {
  provider();
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 2; ++thread) {
    threads.emplace_back([&] {
      asio::io_context own(1);
      auto one = [&]() -> Task<void> {
        const auto metadata = co_await provider().metadata();
        right += metadata ? 1 : 0;
      };
      for (int i = 0; i < 100; ++i)
        asio::co_spawn(own, one(), asio::detached);
      own.run_for(30s);
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(right, 200);
  EXPECT_EQ(scripted.counters().discovery, 1u);
}

TEST_F(DiscoveryTest, the_authorization_request_has_every_parameter) {
  AuthorizationRequest wanted = request();
  wanted.audiences = {"https://a.example", "https://b.example"};
  settings.extra_auth_params = {{"claims_in_tokens", "id_token"}};
  const auto query = login(wanted);
  EXPECT_EQ(query.at("state"), "the-state");
  EXPECT_EQ(query.at("iss"), scripted.issuer());
  const auto seen = scripted.last("/auth");
  EXPECT_EQ(seen.field("response_type"), "code");
  EXPECT_EQ(seen.field("client_id"), "client");
  EXPECT_EQ(seen.field("redirect_uri"), "https://mytoken.example/redirect");
  EXPECT_EQ(seen.field("scope"), "email offline_access openid");
  EXPECT_EQ(seen.field("nonce"), "the-nonce");
  EXPECT_EQ(seen.field("prompt"), "consent");
  EXPECT_EQ(seen.field("code_challenge"), wanted.code_challenge);
  EXPECT_EQ(seen.field("code_challenge_method"), "S256");
  EXPECT_EQ(seen.field("claims_in_tokens"), "id_token");
  EXPECT_EQ(seen.fields.count("resource"), 2u) << "W 8: all audiences";
  EXPECT_FALSE(seen.fields.contains("access_type"));
}

TEST_F(DiscoveryTest, a_provider_with_access_type_is_not_asked_for_the_scope_offline_access) {
  settings.offline_access = "access_type";
  settings.prompt = "";
  AuthorizationRequest wanted = request();
  wanted.scopes = {"email", "offline_access"};
  login(wanted);
  EXPECT_EQ(scripted.last("/auth").field("scope"), "email openid");
  EXPECT_EQ(scripted.last("/auth").field("access_type"), "offline");
  EXPECT_FALSE(scripted.last("/auth").fields.contains("prompt"));
}

TEST_F(DiscoveryTest, the_issuer_of_a_redirect_must_be_the_provider) {
  EXPECT_TRUE(run(provider().check_redirect_issuer(scripted.issuer())));
  EXPECT_FALSE(run(provider().check_redirect_issuer(""))) << "announced, so it must be there";
  EXPECT_FALSE(run(provider().check_redirect_issuer("https://evil.example")));
  EXPECT_FALSE(run(provider().check_redirect_issuer(scripted.issuer() + "/"))) << "exact";
  made.reset();
  set([](ProviderKnobs& knobs) {
    knobs.announce_iss = false;
    knobs.redirect_iss = ProviderKnobs::Iss::missing;
  });
  EXPECT_FALSE(login(request()).contains("iss"));
  EXPECT_TRUE(run(provider().check_redirect_issuer("")));
  set([](ProviderKnobs& knobs) { knobs.redirect_iss = ProviderKnobs::Iss::wrong; });
  const auto wrong = run(provider().check_redirect_issuer(login(request())["iss"]));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, "invalid_request");
}

TEST_F(DiscoveryTest, a_refused_login_comes_back_as_an_error) {
  set([](ProviderKnobs& knobs) { knobs.redirect_error = "access_denied"; });
  const auto query = login(request());
  EXPECT_EQ(query.at("error"), "access_denied");
  EXPECT_FALSE(query.contains("code"));
}

TEST_F(DiscoveryTest, providers_are_found_with_or_without_a_slash) {
  Providers providers;
  auto one = std::make_shared<Provider>(settings, *http, clock, log);
  providers.add(one);
  EXPECT_EQ(providers.find(scripted.issuer()), one);
  EXPECT_EQ(providers.find(scripted.issuer() + "/"), one);
  EXPECT_EQ(providers.find(scripted.issuer() + "//"), nullptr);
  EXPECT_EQ(providers.find("https://other.example"), nullptr);
}

TEST(Endpoints, must_be_https_except_on_loopback) {
  for (const char* url : {"https://op.example/token", "http://127.0.0.1:8080/token",
                          "http://localhost/token", "http://[::1]:80/token", "http://127.9.9.9/"}) {
    EXPECT_TRUE(is_acceptable_endpoint(url, "http://127.0.0.1:9090")) << url;
  }
  for (const char* url : {"http://op.example/token", "http://localhost.evil.example/",
                          "http://127.0.0.1.evil.example/", "ftp://127.0.0.1/",
                          "https://user@op.example/", "https://op.example/#x", "/token", "",
                          "https://", "javascript:alert(1)", "http://10.0.0.1/"}) {
    EXPECT_FALSE(is_acceptable_endpoint(url, "http://127.0.0.1:9090")) << url;
  }
  // A provider elsewhere has no business on this machine.
  EXPECT_FALSE(is_acceptable_endpoint("http://127.0.0.1:8080/token", "https://op.example.org"));
}

TEST(TimeToLive, follows_cache_control_within_a_minute_and_a_day) {
  EXPECT_EQ(time_to_live(""), 24h);
  EXPECT_EQ(time_to_live("public, Max-Age=3600"), 1h);
  EXPECT_EQ(time_to_live("max-age=0"), 60s);
  EXPECT_EQ(time_to_live("no-store"), 60s);
  EXPECT_EQ(time_to_live("max-age=99999999999999999999999"), 24h);
  EXPECT_EQ(time_to_live("max-age=604800"), 24h);
  EXPECT_EQ(time_to_live("max-age=x"), 24h);
}

TEST(Quirks, follow_the_issuer_unless_configured) {
  ProviderSettings settings;
  settings.issuer = "https://accounts.google.com";
  settings = with_builtin_quirks(settings);
  EXPECT_EQ(settings.offline_access, "access_type");
  EXPECT_EQ(settings.refresh_offline_access, ProviderSettings::OfflineOnRefresh::no);
  EXPECT_FALSE(settings.rotating_refresh_tokens);
  EXPECT_EQ(settings.audience.mode, AudienceParameter::Mode::none);

  ProviderSettings orcid;
  orcid.issuer = "https://orcid.org";
  orcid.extra_refresh_params = {{"own", "value"}};
  orcid = with_builtin_quirks(orcid);
  EXPECT_EQ(orcid.prompt, "");
  EXPECT_EQ(orcid.authentication, ClientAuthentication::post);
  EXPECT_EQ(orcid.extra_refresh_params,
            (std::vector<std::pair<std::string, std::string>>{{"own", "value"}}));

  ProviderSettings egi;
  egi.issuer = "https://aai.egi.eu/auth/realms/egi";
  egi = with_builtin_quirks(egi);
  EXPECT_EQ(egi.refresh_offline_access, ProviderSettings::OfflineOnRefresh::yes);
  EXPECT_TRUE(egi.rotating_refresh_tokens);

  ProviderSettings unknown;
  unknown.issuer = "https://accounts.google.com.evil.example";
  unknown = with_builtin_quirks(unknown);
  EXPECT_EQ(unknown.offline_access, "scope");
  EXPECT_EQ(unknown.audience.mode, AudienceParameter::Mode::resource);
}

}  // namespace
}  // namespace mytoken::oidc
