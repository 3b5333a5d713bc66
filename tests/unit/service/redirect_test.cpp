// The provider sends the browser back: every way in which that can go wrong (spec oidc.md §§10,
// 11, 13.3, 20, 21).
#include <gtest/gtest.h>

#include "service/login.h"
#include "service/outbox.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

// What the poller hears, as "code: description".
std::string heard(Installation& site, const service::LoginStart& start) {
  auto answer = site.poll(start.polling_code);
  return answer ? "a token" : answer.error().code + ": " + answer.error().description;
}
const char* const pending = "authorization_pending: the user has not finished the login yet";

// Nobody was logged in, and nothing of the attempt lives on, neither here nor at the provider.
void expect_no_trace(Installation& site) {
  EXPECT_EQ(site.count("SELECT count(*) FROM users"), 0);
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens"), 0);
  for (const auto& session : site.provider->sessions()) {
    EXPECT_TRUE(session.ended || session.refresh_tokens.empty());
  }
}

TEST(Redirect, of_50_concurrent_redirects_one_exchanges_the_code) {
  Installation site;
  auto start = site.start();
  const service::Redirect back = site.consented(*start);
  const auto ends = site.run_all<Result<service::LoginEnd>>(
      50, [&](std::size_t) { return service::finish_login(*site.context, back); });
  std::size_t good = 0;
  for (const auto& end : ends) {
    if (end) ++good;
    if (!end) {
      EXPECT_EQ(end.error().description, "State mismatched");
    }
  }
  EXPECT_EQ(good, 1u);
  EXPECT_EQ(site.provider->counters().token_requests, 1u);
  EXPECT_EQ(site.provider->counters().codes, 1u);
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 1);
  EXPECT_TRUE(site.poll(start->polling_code));
}

TEST(Redirect, a_state_is_good_once) {
  Installation site;
  auto start = site.start();
  const service::Redirect back = site.consented(*start);
  ASSERT_TRUE(site.finish(back));
  auto again = site.finish(back);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().status, 400);
  EXPECT_EQ(site.provider->counters().token_requests, 1u);
}

TEST(Redirect, another_browser_ends_nothing_and_gets_nothing) {
  Installation site;
  auto start = site.start();
  const service::Redirect back = site.consented(*start);
  for (const char* browser : {"", "another browser", "a-browser-with-a-long-binding-secre"}) {
    service::Redirect foreign = back;
    foreign.browser = Secret(browser);
    auto end = site.finish(foreign);
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().status, 400);
    foreign.code.clear();
    foreign.error = "access_denied";
    end = site.finish(foreign);
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().status, 400);
  }
  EXPECT_EQ(heard(site, *start), pending);
  EXPECT_EQ(site.provider->counters().token_requests, 0u);
  EXPECT_TRUE(site.finish(back));
}

TEST(Redirect, a_browser_without_secret_is_no_bound_browser) {
  Installation site;
  auto start = site.start();
  auto url =
      site.run(service::accept_consent(*site.context, site.consent_of(*start), {}, Secret()));
  ASSERT_TRUE(url);
  EXPECT_FALSE(site.finish(site.follow(*url)));
}

TEST(Redirect, the_binding_can_be_lowered_to_a_warning) {
  using Binding = service::Settings::BrowserBinding;
  for (const Binding binding : {Binding::warn, Binding::off}) {
    Installation site({}, true, [binding](service::Settings& s) { s.browser_binding = binding; });
    auto start = site.start();
    service::Redirect back = site.consented(*start);
    back.browser = Secret();
    EXPECT_TRUE(site.finish(back));
    EXPECT_EQ(site.log.text().find("another browser") != std::string::npos,
              binding == Binding::warn);
  }
}

TEST(Redirect, unknown_empty_and_altered_states_are_one_error) {
  Installation site;
  auto start = site.start();
  const service::Redirect back = site.consented(*start);
  for (const std::string& state :
       {std::string(), std::string("x"), back.state + "x", back.state.substr(1)}) {
    service::Redirect wrong = back;
    wrong.state = state;
    auto end = site.finish(wrong);
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().description, "State mismatched");
    EXPECT_EQ(end.error().status, 400);
  }
  service::Redirect no_code = back;
  no_code.code.clear();
  EXPECT_FALSE(site.finish(no_code));
  EXPECT_TRUE(site.finish(back));
}

TEST(Redirect, another_issuer_than_the_providers_gets_no_code) {
  for (const auto iss : {ProviderKnobs::Iss::wrong, ProviderKnobs::Iss::missing}) {
    ProviderKnobs knobs;
    knobs.redirect_iss = iss;
    Installation site(knobs);
    auto start = site.start();
    auto end = site.finish(site.consented(*start));
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().status, 400);
    EXPECT_EQ(site.provider->counters().token_requests, 0u);
    EXPECT_TRUE(heard(site, *start).starts_with("access_denied: "));
    expect_no_trace(site);
  }
}

TEST(Redirect, an_error_in_the_name_of_another_issuer_ends_nothing) {
  Installation site;
  auto start = site.start();
  service::Redirect back = site.consented(*start);
  back.code.clear();
  back.error = "access_denied";
  back.iss = "https://evil.example.org";
  auto end = site.finish(back);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().status, 400);
  EXPECT_EQ(heard(site, *start), pending);
}

TEST(Redirect, the_providers_error_reaches_page_and_poller) {
  Installation site;
  auto start = site.start();
  service::Redirect back = site.consented(*start);
  back.code.clear();
  back.error = "access_denied";
  back.error_description = "the user said no";
  auto end = site.finish(back);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().status, 555);
  EXPECT_EQ(end.error().description, "access_denied: the user said no");
  EXPECT_EQ(heard(site, *start), "access_denied: the user said no");
  start = site.start();
  back = site.consented(*start);
  back.error = "server_error";
  EXPECT_EQ(site.finish(back).error().status, 555);
  EXPECT_EQ(heard(site, *start), "access_denied: oidc_error: server_error");
}

TEST(Redirect, hostile_error_texts_are_stored_short_valid_and_without_control_characters) {
  Installation site;
  const auto told = [&](std::string description) {
    auto start = site.start();
    service::Redirect back = site.consented(*start);
    back.error = "access_denied";
    back.error_description = std::move(description);
    EXPECT_FALSE(site.finish(back));
    return heard(site, *start);
  };
  EXPECT_EQ(told("\xff\xfe"), "access_denied: the provider reported an error");
  EXPECT_EQ(told("a\r\nb\x7f"), "access_denied: a  b ");
  const std::string longest = told(std::string(499, 'a') + "\xc3\xa4" + std::string(5000, 'b'));
  EXPECT_EQ(longest, "access_denied: " + std::string(499, 'a'));
}

TEST(Redirect, without_a_refresh_token_there_is_no_mytoken) {
  ProviderKnobs knobs;
  knobs.refresh_token = false;
  Installation site(knobs);
  auto start = site.start();
  auto end = site.finish(site.consented(*start));
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().status, 555);
  EXPECT_EQ(end.error().description, "Did not receive a refresh token");
  EXPECT_EQ(heard(site, *start), "access_denied: Did not receive a refresh token");
  expect_no_trace(site);
}

TEST(Redirect, every_fault_of_the_id_token_ends_the_login_without_a_trace) {
  using IdToken = ProviderKnobs::IdToken;
  for (const IdToken fault :
       {IdToken::bad_signature, IdToken::wrong_audience, IdToken::wrong_issuer,
        IdToken::wrong_nonce, IdToken::wrong_at_hash, IdToken::subject_is_client,
        IdToken::empty_subject, IdToken::several_audiences, IdToken::expired, IdToken::alg_none,
        IdToken::hs256_with_public_key, IdToken::missing}) {
    ProviderKnobs knobs;
    knobs.id_token = fault;
    Installation site(knobs);
    auto start = site.start();
    auto end = site.finish(site.consented(*start));
    ASSERT_FALSE(end) << static_cast<int>(fault);
    EXPECT_EQ(end.error().status, 555) << static_cast<int>(fault);
    EXPECT_TRUE(heard(site, *start).starts_with("access_denied: ")) << heard(site, *start);
    EXPECT_EQ(site.provider->counters().revocations, 1u) << static_cast<int>(fault);
    expect_no_trace(site);
  }
}

TEST(Redirect, a_refresh_token_nobody_holds_is_revoked_later_if_the_provider_does_not_listen_now) {
  ProviderKnobs knobs;
  knobs.id_token = ProviderKnobs::IdToken::wrong_nonce;
  knobs.revocation_error = ProviderKnobs::ErrorAnswer{"temporarily_unavailable", "", 503};
  Installation site(knobs);
  auto start = site.start();
  ASSERT_FALSE(site.finish(site.consented(*start)));
  EXPECT_FALSE(site.provider->sessions().at(0).ended);
  site.provider->set([](ProviderKnobs& k) { k.revocation_error.reset(); });
  site.background();
  EXPECT_TRUE(site.provider->sessions().at(0).ended);
  EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), 0);
  expect_no_trace(site);
}

TEST(Redirect, a_refresh_token_in_an_otherwise_useless_answer_is_revoked) {
  ProviderKnobs knobs;
  knobs.raw_answer = R"({"token_type":"Bearer","refresh_token":"nobody will ever hold me"})";
  Installation site(knobs);
  auto start = site.start();
  auto end = site.finish(site.consented(*start));
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().status, 502);
  EXPECT_EQ(site.provider->last("/revoke").field("token"), "nobody will ever hold me");
  EXPECT_EQ(site.count("SELECT count(*) FROM users"), 0);
}

TEST(Redirect, a_provider_that_is_down_leaves_the_login_pending_and_consent_may_be_given_again) {
  Installation site;
  auto start = site.start();
  const service::Redirect back = site.consented(*start);
  site.provider->set([](ProviderKnobs& k) { k.html_502 = true; });
  auto end = site.finish(back);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().status, 502);
  EXPECT_EQ(heard(site, *start), pending);
  site.provider->set([](ProviderKnobs& k) { k.html_502 = false; });
  EXPECT_TRUE(site.finish(site.consented(*start)));
  EXPECT_EQ(heard(site, *start), "a token");
}

TEST(Redirect, a_provider_without_metadata_leaves_the_login_pending) {
  Installation site;
  auto start = site.start();
  const service::Redirect back = site.consented(*start);
  site.restart();  // nothing is known of the provider any more
  site.provider->set([](ProviderKnobs& k) { k.discovery = ProviderKnobs::Discovery::down; });
  auto end = site.finish(back);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().status, 503);
  EXPECT_EQ(heard(site, *start), pending);
  site.provider->set([](ProviderKnobs& k) { k.discovery = ProviderKnobs::Discovery::up; });
  site.restart();
  EXPECT_TRUE(site.finish(back));
  EXPECT_EQ(heard(site, *start), "a token");
}

TEST(Redirect, a_refused_code_is_final_and_told_to_the_poller) {
  Installation site;
  auto start = site.start();
  service::Redirect back = site.consented(*start);
  back.code = "another code";
  auto end = site.finish(back);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().status, 400);
  EXPECT_TRUE(heard(site, *start).starts_with("access_denied: invalid_grant"))
      << heard(site, *start);
  expect_no_trace(site);
}

TEST(Redirect, a_provider_that_is_no_longer_configured_ends_the_login) {
  Installation site;
  auto start = site.start();
  const service::Redirect back = site.consented(*start);
  site.configure_no_provider();
  auto end = site.finish(back);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().description, "The provided issuer is not supported");
  EXPECT_EQ(heard(site, *start), "access_denied: The provided issuer is not supported");
}

TEST(Redirect, a_database_that_fails_after_the_exchange_leaves_no_refresh_token_alive) {
  Installation site;
  auto start = site.start();
  const service::Redirect back = site.consented(*start);
  site.database->refuse("INSERT INTO mytokens");
  auto end = site.finish(back);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().status, 503);
  EXPECT_EQ(heard(site, *start), pending);
  site.database->refuse("");
  expect_no_trace(site);
  EXPECT_TRUE(site.finish(site.consented(*start)));
  EXPECT_EQ(heard(site, *start), "a token");
}

TEST(Redirect, a_login_cancelled_by_the_poller_leaves_no_refresh_token_alive) {
  Installation site;
  auto start = site.start();
  const service::Redirect back = site.consented(*start);
  // Cancelled between claim and result: the flow is gone when the result is to be stored.
  if (Installation::on_postgresql()) {
    site.execute(
        "CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN DELETE FROM flows; RETURN NULL; END'");
    site.execute("CREATE TRIGGER gone AFTER INSERT ON users EXECUTE FUNCTION gone()");
  } else {
    site.execute("CREATE TRIGGER gone AFTER INSERT ON users BEGIN DELETE FROM flows; END");
  }
  auto end = site.finish(back);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().status, 400);
  expect_no_trace(site);
}

TEST(Redirect, a_token_that_expired_during_the_login_is_not_made) {
  Installation site;
  service::TokenWish wish;
  token::Clause clause;
  clause.exp = site.clock.now() + Seconds(100);
  wish.restrictions = {clause};
  auto start = site.start(wish);
  const service::Redirect back = site.consented(*start);
  site.clock.advance(std::chrono::seconds(101));
  EXPECT_FALSE(site.finish(back));
  EXPECT_EQ(heard(site, *start), "access_denied: token would already be expired");
  expect_no_trace(site);
}

TEST(Redirect, what_the_provider_grants_narrows_the_clauses_and_never_opens_them) {
  ProviderKnobs knobs;
  knobs.narrow_scopes = std::vector<std::string>{"openid", "offline_access", "email"};
  knobs.audience = ProviderKnobs::Audience::fixed;
  knobs.fixed_audience = {"https://a.example.org"};
  Installation site(knobs);
  service::TokenWish wish;
  token::Clause narrowed;
  narrowed.scope = {"email", "profile"};
  narrowed.audience = {"https://a.example.org", "https://b.example.org"};
  token::Clause refused;
  refused.scope = {"profile"};
  refused.audience = {"https://b.example.org"};
  wish.restrictions = {narrowed, refused};
  const json::object answer = site.login(wish);
  EXPECT_EQ(json::serialize(answer.at("restrictions")),
            R"([{"scope":"email","audience":["https://a.example.org"]},)"
            R"({"scope":"profile","audience":["https://b.example.org"]}])");
}

TEST(Redirect, a_second_login_of_a_user_makes_no_second_user_and_keeps_the_address) {
  Installation site;
  site.login();
  site.provider->set([](ProviderKnobs& k) { k.email = "changed@example.org"; });
  site.login();
  EXPECT_EQ(site.count("SELECT count(*) FROM users WHERE email = 'user-1@example.org'"), 1);
  EXPECT_EQ(site.count("SELECT count(*) FROM users"), 1);
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens"), 2);
}

}  // namespace
}  // namespace mytoken::test
