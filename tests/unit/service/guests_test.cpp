// Codes and tokens of the built-in guest provider (spec api.md §12 and §15.22, oidc.md §17).
#include "service/guests.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "crypto/hash.h"
#include "unit/service/installation.h"
#include "unit/service/two_servers.h"

namespace mytoken::test {
namespace {

using service::Redeemer;

const std::string verifier = "a-code-verifier-that-is-long-enough-for-rfc-7636";

std::string challenge() {
  return base64url(crypto::sha256(verifier));
}

json::object claims_of(const Secret& jwt) {
  const std::string text(jwt.reveal());
  const std::size_t first = text.find('.');
  const std::size_t second = text.find('.', first + 1);
  EXPECT_EQ(second + 1, text.size()) << "the signature is empty";
  const auto claims = parse_json(*decode_base64url(text.substr(first + 1, second - first - 1)));
  return claims ? claims->get_object() : json::object();
}

class Guests : public testing::Test {
 protected:
  Result<service::GuestTokens> redeem(const std::string& code, const std::string& with = verifier) {
    return site.run(
        service::redeem_guest_code(*site.context, Secret(code), Secret(with), Redeemer::anybody));
  }
  Result<service::GuestTokens> redeem_by_login(const std::string& code) {
    return site.run(service::redeem_guest_code(*site.context, Secret(code), Secret(verifier),
                                               Redeemer::own_login));
  }
  std::string code() { return service::guest_code(*site.context, challenge()); }
  void expect_refused(const std::string& text, const std::string& with = verifier) {
    const auto tokens = redeem(text, with);
    ASSERT_FALSE(tokens);
    EXPECT_EQ(tokens.error().code, "invalid_grant");
    EXPECT_EQ(tokens.error().status, 400);
  }

  Installation site;
};

TEST_F(Guests, a_code_admits_a_guest_once) {
  const std::string text = code();
  const auto tokens = redeem(text);
  ASSERT_TRUE(tokens) << tokens.error().description;
  EXPECT_EQ(tokens->access_token.size(), 64u);
  EXPECT_EQ(tokens->refresh_token.size(), 64u);
  EXPECT_EQ(tokens->expires_in, Seconds(600));
  const json::object claims = claims_of(tokens->id_token);
  EXPECT_EQ(string_member(claims, "iss"), "https://mytoken.example.org/api/v0/guests");
  EXPECT_TRUE(string_member(claims, "sub").starts_with("guest-"));
  EXPECT_EQ(string_member(claims, "sub").size(), 38u);
  expect_refused(text);
  site.restart();
  expect_refused(text);
}

TEST_F(Guests, every_code_is_a_guest_of_its_own) {
  const auto one = redeem(code());
  const auto other = redeem(code());
  ASSERT_TRUE(one && other);
  EXPECT_NE(string_member(claims_of(one->id_token), "sub"),
            string_member(claims_of(other->id_token), "sub"));
}

TEST_F(Guests, a_code_is_worth_nothing_without_its_verifier) {
  const std::string text = code();
  expect_refused(text, "another-verifier-that-is-long-enough-for-rfc-7636");
  expect_refused(text, "");
  EXPECT_TRUE(redeem(text)) << "a wrong verifier does not spend the code";
}

TEST_F(Guests, a_code_without_challenge_is_none_for_a_login_of_ours) {
  const std::string text = service::guest_code(*site.context, "");
  EXPECT_FALSE(redeem_by_login(text));
  EXPECT_TRUE(redeem(text, ""));
}

TEST_F(Guests, a_code_runs_out) {
  const std::string text = code();
  site.clock.advance(Seconds(121));
  expect_refused(text);
}

TEST_F(Guests, a_code_of_another_installation_is_refused) {
  const std::string text = code();
  site.context->installation_secret = Secret(std::string(32, 'x'));
  expect_refused(text);
}

TEST_F(Guests, what_is_no_code_is_refused_and_leaves_nothing_behind) {
  std::string text = code();
  text.back() = text.back() == 'A' ? 'Q' : 'A';
  text[40] = text[40] == 'a' ? 'b' : 'a';
  for (const std::string& none : {std::string("x"), std::string("%"), text, std::string(3000, 'a')})
    expect_refused(none);
  EXPECT_EQ(site.count("SELECT count(*) FROM used_guest_codes"), 0);
}

TEST_F(Guests, of_200_parallel_uses_of_a_code_one_succeeds) {
  const Secret text(code());
  const auto all = site.run_all<Result<service::GuestTokens>>(200, [&](std::size_t) {
    return service::redeem_guest_code(*site.context, text, Secret(verifier), Redeemer::anybody);
  });
  EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const auto& t) { return t.has_value(); }), 1);
}

TEST_F(Guests, api_weakness_22_what_is_remembered_of_guests_is_bounded_and_forgotten) {
  ASSERT_TRUE(redeem(code()));
  EXPECT_EQ(site.count("SELECT count(*) FROM used_guest_codes"), 1);
  site.execute(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) "
      "INSERT INTO used_guest_codes (hash, expires_at) SELECT randomblob(32), 1000 FROM n");
  const auto refused = redeem(code());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 503);
  EXPECT_EQ(refused.error().retry_after, Seconds(60));
  EXPECT_TRUE(redeem_by_login(code())) << "what others do does not keep our own logins out";
  site.background();
  EXPECT_EQ(site.count("SELECT count(*) FROM used_guest_codes"), 2);
  EXPECT_TRUE(redeem(code()));
  site.clock.advance(Seconds(300));
  site.background();
  EXPECT_EQ(site.count("SELECT count(*) FROM used_guest_codes"), 0);
}

TEST_F(Guests, a_refresh_keeps_the_refresh_token) {
  const auto tokens = redeem(code());
  ASSERT_TRUE(tokens);
  const auto again = service::refresh_guest(*site.context, tokens->refresh_token);
  EXPECT_EQ(again.refresh_token, tokens->refresh_token);
  EXPECT_FALSE(again.access_token == tokens->access_token);
  // What is none of ours is not sent back.
  const auto other = service::refresh_guest(*site.context, Secret("<x>"));
  EXPECT_EQ(other.refresh_token.size(), 64u);
}

TEST_F(Guests, their_id_tokens_are_accepted_for_no_other_issuer) {
  const auto tokens = redeem(code());
  ASSERT_TRUE(tokens);
  oidc::TokenAnswer answer;
  answer.access_token = tokens->access_token;
  answer.id_token = tokens->id_token;
  const auto identity = site.run(site.providers.all().front()->identify(answer, "nonce"));
  ASSERT_FALSE(identity);
  EXPECT_EQ(identity.error().code, "access_denied");
}

class GuestsOfTwoServersOnPostgresql : public TwoServersOnPostgresql {};

TEST_F(GuestsOfTwoServersOnPostgresql, a_code_of_one_is_redeemed_once_by_any) {
  const Secret code(service::guest_code(*other, challenge()));
  const auto all = site.run_all<Result<service::GuestTokens>>(200, [&](std::size_t i) {
    return service::redeem_guest_code(server(i), code, Secret(verifier), Redeemer::anybody);
  });
  EXPECT_EQ(successes(all), 1u);
}

}  // namespace
}  // namespace mytoken::test
