// Who the user is: id-token validation against every fault a provider or an attacker can make (spec
// oidc.md §21.1, W 24), keys that change, and the e-mail from userinfo.
#include "unit/oidc/provider_fixture.h"

namespace mytoken::oidc {
namespace {

using Fault = ProviderKnobs::IdToken;

struct IdentityTest : ProviderTest {
  std::string reason(Fault fault) {
    set([&](ProviderKnobs& knobs) { knobs.id_token = fault; });
    const auto identity = identify_after_login();
    return identity ? "accepted" : identity.error().description;
  }
};

TEST_F(IdentityTest, a_right_id_token_names_the_user) {
  const auto identity = identify_after_login();
  ASSERT_TRUE(identity) << identity.error().description;
  EXPECT_EQ(identity->subject, "user-1");
  EXPECT_EQ(identity->email, "user-1@example.org");
  EXPECT_TRUE(identity->email_verified);
  EXPECT_EQ(identity->auth_time, clock.now() - 5s);
  EXPECT_EQ(string_member(identity->claims, "iss"), scripted.issuer());
  EXPECT_EQ(scripted.counters().userinfo, 0u);
}

TEST_F(IdentityTest, each_fault_is_refused_for_its_own_reason) {
  const std::string prefix = "The id token of the provider is not valid: ";
  EXPECT_EQ(reason(Fault::missing), "The provider sent no id token");
  EXPECT_EQ(reason(Fault::wrong_audience), prefix + "wrong audience");
  EXPECT_EQ(reason(Fault::wrong_issuer), prefix + "wrong issuer");
  EXPECT_EQ(reason(Fault::wrong_nonce), prefix + "wrong nonce");
  EXPECT_EQ(reason(Fault::expired), prefix + "expired");
  EXPECT_EQ(reason(Fault::wrong_at_hash), prefix + "wrong at_hash");
  EXPECT_EQ(reason(Fault::subject_is_client), prefix + "sub is the client");
  EXPECT_EQ(reason(Fault::empty_subject), prefix + "no usable sub");
  EXPECT_EQ(reason(Fault::several_audiences), prefix + "several audiences, but no azp");
  const std::string signature = prefix + "its signature cannot be verified";
  EXPECT_EQ(reason(Fault::bad_signature), signature);
  EXPECT_EQ(reason(Fault::alg_none), signature);
  EXPECT_EQ(reason(Fault::hs256_with_public_key), signature);
  EXPECT_EQ(reason(Fault::right), "accepted");
}

TEST_F(IdentityTest, announcing_none_or_hs256_does_not_help_an_attacker) {
  set([](ProviderKnobs& knobs) {
    knobs.announced_algorithms = std::vector<std::string>{"none", "HS256", "ES256"};
  });
  EXPECT_NE(reason(Fault::alg_none), "accepted");
  EXPECT_NE(reason(Fault::hs256_with_public_key), "accepted");
  EXPECT_EQ(reason(Fault::right), "accepted");
}

TEST_F(IdentityTest, an_algorithm_that_was_not_announced_is_refused) {
  set([](ProviderKnobs& knobs) { knobs.announced_algorithms = std::vector<std::string>{}; });
  EXPECT_NE(reason(Fault::right), "accepted") << "nothing announced means RS256, the key is ES256";
}

TEST_F(IdentityTest, the_nonce_must_be_that_of_the_request) {
  const auto answer = log_in();
  ASSERT_TRUE(answer);
  EXPECT_FALSE(run(provider().identify(*answer, "another-nonce")));
  EXPECT_FALSE(run(provider().identify(*answer, "")));
  EXPECT_TRUE(run(provider().identify(*answer, "the-nonce")));
}

TEST_F(IdentityTest, clocks_may_differ_by_a_minute) {
  set([](ProviderKnobs& knobs) { knobs.clock_offset = 60s; });
  EXPECT_TRUE(identify_after_login());
  set([](ProviderKnobs& knobs) { knobs.clock_offset = 61s; });
  EXPECT_FALSE(identify_after_login()) << "issued in the future";
  set([](ProviderKnobs& knobs) { knobs.clock_offset = -359s; });
  EXPECT_TRUE(identify_after_login());
  set([](ProviderKnobs& knobs) { knobs.clock_offset = -360s; });
  EXPECT_FALSE(identify_after_login()) << "expired";
}

TEST_F(IdentityTest, key_sets_without_kid_and_with_several_keys_work) {
  set([](ProviderKnobs& knobs) { knobs.jwks = ProviderKnobs::Jwks::without_kid; });
  EXPECT_TRUE(identify_after_login());
  made.reset();
  set([](ProviderKnobs& knobs) { knobs.jwks = ProviderKnobs::Jwks::two_keys; });
  EXPECT_TRUE(identify_after_login());
}

TEST_F(IdentityTest, a_rotated_key_is_fetched_at_most_once_a_minute) {
  ASSERT_TRUE(identify_after_login());
  EXPECT_EQ(scripted.counters().jwks, 1u);
  scripted.rotate_key();
  EXPECT_FALSE(identify_after_login());
  EXPECT_FALSE(identify_after_login());
  EXPECT_EQ(scripted.counters().jwks, 1u) << "fetched less than a minute ago";
  clock.advance(60s);
  EXPECT_TRUE(identify_after_login());
  EXPECT_EQ(scripted.counters().jwks, 2u);
  for (int i = 0; i < 5; ++i)
    EXPECT_NE(reason(Fault::bad_signature), "accepted");
  EXPECT_EQ(scripted.counters().jwks, 2u) << "forged tokens cause no traffic";
}

TEST_F(IdentityTest, without_keys_nobody_is_identified_and_they_are_asked_for_again_soon) {
  set([](ProviderKnobs& knobs) { knobs.jwks = ProviderKnobs::Jwks::down; });
  const auto identity = identify_after_login();
  ASSERT_FALSE(identity);
  EXPECT_EQ(identity.error().status, 502);
  set([](ProviderKnobs& knobs) { knobs.jwks = ProviderKnobs::Jwks::normal; });
  clock.advance(5s);
  EXPECT_TRUE(identify_after_login());
}

// W 5
TEST_F(IdentityTest, a_missing_email_comes_from_userinfo) {
  set([](ProviderKnobs& knobs) {
    knobs.email_in_id_token = false;
    knobs.email_verified_as_text = true;
  });
  const auto identity = identify_after_login();
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->email, "user-1@example.org");
  EXPECT_TRUE(identity->email_verified);
  EXPECT_EQ(scripted.counters().userinfo, 1u);
}

TEST_F(IdentityTest, userinfo_of_somebody_else_is_ignored) {
  set([](ProviderKnobs& knobs) {
    knobs.email_in_id_token = false;
    knobs.userinfo_subject = "user-2";
  });
  const auto identity = identify_after_login();
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->subject, "user-1");
  EXPECT_EQ(identity->email, std::nullopt);
  EXPECT_FALSE(identity->email_verified);
}

TEST_F(IdentityTest, settings_weakness_4_an_email_nobody_has_stays_absent) {
  set([](ProviderKnobs& knobs) { knobs.email = std::nullopt; });
  EXPECT_EQ(identify_after_login()->email, std::nullopt);
  set([](ProviderKnobs& knobs) { knobs.email = "not an address\n"; });
  EXPECT_EQ(identify_after_login()->email, std::nullopt);
}

TEST_F(IdentityTest, without_validation_the_claims_are_read_as_they_are) {
  settings.validate_id_token = false;
  TokenAnswer answer;
  answer.id_token =
      Secret("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9." + base64url(R"({"sub":"guest-1"})") + ".");
  const auto identity = run(provider().identify(answer, "the-nonce"));
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->subject, "guest-1");
  answer.id_token = Secret("a.b");
  EXPECT_FALSE(run(provider().identify(answer, "the-nonce")));
}

struct RsaIdentityTest : ProviderTest {
  RsaIdentityTest() : ProviderTest(ProviderOptions{0, "client", "client-secret", true, nullptr}) {}
};

TEST_F(RsaIdentityTest, rs256_is_accepted_if_nothing_is_announced) {
  set([](ProviderKnobs& knobs) { knobs.announced_algorithms = std::vector<std::string>{}; });
  EXPECT_TRUE(identify_after_login());
}

}  // namespace
}  // namespace mytoken::oidc
