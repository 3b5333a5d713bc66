// Attacks that were tried against the service from outside, and what must become of them.
#include <gtest/gtest.h>

#include "crypto/jose.h"
#include "service/codes.h"
#include "service/flow_request.h"
#include "service/inspect.h"
#include "service/revoke.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

service::LoginRequest request_of(Installation& site, service::TokenWish wish = {}) {
  service::LoginRequest request;
  request.wish = std::move(wish);
  request.wish.oidc_issuer = site.provider->issuer();
  request.client = Installation::client();
  return request;
}

Secret consent_code_of(const service::LoginStart& start) {
  return Secret(start.consent_uri.substr(start.consent_uri.rfind('/') + 1));
}

token::Restrictions limited(std::int64_t usages) {
  token::Clause clause;
  clause.usages_at = usages;
  return {clause};
}

TEST(Attack, a_request_changed_while_the_user_reads_it_is_not_what_is_granted) {
  Installation site;
  service::TokenWish harmless;
  harmless.restrictions = limited(1);
  auto start = site.run(service::start_login(*site.context, request_of(site, harmless)));
  ASSERT_TRUE(start);
  const Secret code = consent_code_of(*start);
  auto view = site.run(service::consent_view(*site.context, code));
  ASSERT_TRUE(view);
  service::ConsentEdits attack;
  attack.restrictions = token::Restrictions{};
  attack.capabilities = token::Capabilities{"AT", "settings"};
  ASSERT_TRUE(site.run(service::accept_consent(*site.context, code, attack,
                                               Secret("the attacker's browser secret"))));
  service::ConsentEdits allowed;
  allowed.shown = view->request_hash;
  auto url = site.run(
      service::accept_consent(*site.context, code, allowed, Secret("the victim's browser secret")));
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().status, 409);
}

TEST(Attack, a_login_request_beyond_what_a_token_holds_is_not_stored) {
  Installation site;
  service::TokenWish wish;
  token::Clause clause;
  clause.audience = std::vector<std::string>(20, "https://" + std::string(1000, 'x'));
  wish.restrictions = {clause};
  auto start = site.run(service::start_login(*site.context, request_of(site, wish)));
  ASSERT_FALSE(start);
  EXPECT_EQ(start.error().code, "invalid_request");
  EXPECT_EQ(site.count("SELECT count(*) FROM flows"), 0);
}

TEST(Attack, reuse_of_a_rotated_away_short_token_ends_the_family_after_the_grace_too) {
  Installation site;
  service::TokenWish wish;
  wish.response_type = token::ResponseType::short_token;
  wish.rotation = token::Rotation{true, false, Seconds(0), true};
  const Secret stolen = site.login_token(wish);
  auto thief = site.run(service::access_token(*site.context, site.access(stolen)));
  ASSERT_TRUE(thief);
  auto again = site.run(service::access_token(*site.context, site.access(thief->rotated)));
  ASSERT_TRUE(again);
  site.clock.advance(std::chrono::hours(1));
  EXPECT_FALSE(site.run(service::introspect(*site.context, site.present(stolen))));
  EXPECT_FALSE(site.run(service::access_token(*site.context, site.access(again->rotated))));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
}

TEST(Attack, a_rotated_away_short_token_is_not_handed_over) {
  Installation site;
  service::TokenWish wish;
  wish.response_type = token::ResponseType::short_token;
  wish.rotation = token::Rotation{true, false, Seconds(0), true};
  const Secret token = site.login_token(wish);
  auto code = site.run(service::make_transfer_code(*site.context, site.present(token)));
  ASSERT_TRUE(code);
  ASSERT_TRUE(site.run(service::access_token(*site.context, site.access(token))));
  const Secret text(std::string(string_member(*code, "transfer_code")));
  EXPECT_FALSE(
      site.run(service::redeem_transfer_code(*site.context, text, Installation::client())));
}

// The order of the curve P-256 (FIPS 186-4 D.1.2.3).
constexpr std::string_view p256_order =
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

// (r, n - s) is as valid as (r, s).
Secret mirrored(const Secret& jwt) {
  const std::string text(jwt.reveal());
  const std::size_t dot = text.rfind('.');
  std::string signature = *decode_base64url(text.substr(dot + 1));
  const std::string order = *decode_hex(p256_order);
  int borrow = 0;
  for (int i = 31; i >= 0; --i) {
    const std::size_t at = 32 + static_cast<std::size_t>(i);
    int digit = static_cast<unsigned char>(order[static_cast<std::size_t>(i)]) -
                static_cast<unsigned char>(signature[at]) - borrow;
    borrow = digit < 0 ? 1 : 0;
    signature[at] = static_cast<char>(digit + (borrow != 0 ? 256 : 0));
  }
  return Secret(text.substr(0, dot + 1) + base64url(signature));
}

TEST(Attack, the_mirror_image_of_a_signature_neither_revokes_nor_gets_tokens) {
  Installation site;
  const Secret token = site.login_token();
  const Secret twin = mirrored(token);
  service::RevocationRequest revocation;
  revocation.presentation = site.present(twin);
  ASSERT_TRUE(site.run(service::revoke_presented(*site.context, revocation)));
  auto answer = site.run(service::access_token(*site.context, site.access(twin)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "invalid_token");
  EXPECT_TRUE(site.run(service::access_token(*site.context, site.access(token))));
}

TEST(Attack, a_pattern_that_matches_behind_any_host_trusts_none) {
  service::Settings settings;
  settings.issuer = "https://mytoken.example.org";
  settings.trusted_redirect_uris = {R"(^https://.*\.trusted\.example/)"};
  EXPECT_TRUE(service::is_trusted_redirect_uri(settings, "https://a.trusted.example/home"));
  EXPECT_FALSE(service::is_trusted_redirect_uri(settings, "https://evil.test/x.trusted.example/"));
  EXPECT_FALSE(service::is_trusted_redirect_uri(settings, "https://evil.test/?.trusted.example/"));
}

TEST(Attack, a_request_cannot_make_thousands_of_name_look_ups) {
  Installation site;
  service::TokenWish wish;
  wish.capabilities = token::Capabilities{"create_mytoken"};
  token::Clause clause;
  clause.hosts = {"*.example.org", "192.0.2.0/24"};
  wish.restrictions = {clause};
  const Secret parent = site.login_token(wish);
  service::SubtokenRequest request;
  request.presentation = site.present(parent);
  token::Clause many;
  for (int i = 0; i < 100; ++i)
    many.hosts.push_back("198.51.100." + std::to_string(i));
  request.wish.restrictions = {many};
  auto refused = site.run(service::make_subtoken(*site.context, request));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "invalid_request");
  // What a network of the parent covers needs no look-up.
  many.hosts.clear();
  for (int i = 0; i < 100; ++i)
    many.hosts.push_back("192.0.2." + std::to_string(i));
  request.presentation = site.present(parent);
  request.wish.restrictions = {many};
  EXPECT_TRUE(site.run(service::make_subtoken(*site.context, request)));
}

TEST(Attack, a_link_with_words_of_a_stranger_is_not_repeated) {
  Installation site;
  service::Redirect back;
  back.error = "x";
  back.error_description = "Your account is locked, call 555";
  auto end = site.run(service::finish_login(*site.context, back));
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().status, 555);
  EXPECT_EQ(end.error().description.find("locked"), std::string::npos);
  EXPECT_EQ(site.log.text().find("locked"), std::string::npos);
}

}  // namespace
}  // namespace mytoken::test
