// Which strings are mytokens: signatures, claims, and rows that somebody tampered with (spec
// tokens.md §§1.3, 2.1, 7.3).
#include "service/authenticate.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "base/encoding.h"
#include "crypto/hash.h"
#include "service/inspect.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

std::string text(const json::object& object, std::string_view name) {
  return std::string(string_member(object, name));
}

// The refusal of a string, "" if it is accepted.
std::string refusal(Installation& site, const std::string& token) {
  auto answer = site.run(service::introspect(*site.context, site.present(Secret(token))));
  return answer ? "" : std::to_string(answer.error().status) + " " + answer.error().code;
}
const char* const invalid = "401 invalid_token";

// The claims of a token of ours, to be altered and signed again.
token::Claims claims_of(const Secret& jwt) {
  const auto parts = crypto::split_jws(jwt.reveal());
  EXPECT_TRUE(parts);
  return *token::parse_claims(parts->payload);
}
std::string sign(const crypto::Key& key, const std::string& payload) {
  const json::object header{{"alg", crypto::name(key.algorithm())}, {"typ", "MT+JWT"}};
  return *key.sign(header, payload);
}
std::string sign(const crypto::Key& key, const token::Claims& claims) {
  return sign(key, token::serialize(claims));
}

TEST(Authenticate, a_token_is_described_as_it_is) {
  Installation site;
  const json::object login = site.login();
  const Secret token(text(login, "mytoken"));
  auto answer = site.run(service::introspect(*site.context, site.present(token)));
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->at("valid").as_bool());
  EXPECT_EQ(text(*answer, "token_type"), "token");
  EXPECT_EQ(text(*answer, "mom_id"), text(login, "mom_id"));
  const auto& inner = answer->at("token").as_object();
  EXPECT_EQ(text(inner, "iss"), "https://mytoken.example.org");
  EXPECT_EQ(text(inner, "oidc_sub"), "user-1");
  EXPECT_EQ(inner.at("seq_no").to_number<std::int64_t>(), 1);
  EXPECT_EQ(site.events(*token::parse_mom_id(text(login, "mom_id"))).back(),
            "tokeninfo_introspect");
}

TEST(Authenticate, forged_and_altered_tokens_are_refused) {
  Installation site;
  const Secret good = site.login_token();
  const std::string jwt(good.reveal());
  ASSERT_EQ(refusal(site, jwt), "");
  const std::string header = jwt.substr(0, jwt.find('.'));
  const std::string payload = jwt.substr(header.size() + 1, jwt.rfind('.') - header.size() - 1);
  const std::string signature = jwt.substr(jwt.rfind('.') + 1);
  const std::string none = base64url(R"({"alg":"none","typ":"MT+JWT"})");
  EXPECT_EQ(refusal(site, none + "." + payload + "." + signature), invalid);
  EXPECT_EQ(refusal(site, none + "." + payload + "."), invalid);
  token::Claims more = claims_of(good);
  more.capabilities = {"AT", "settings"};
  EXPECT_EQ(refusal(site, header + "." + base64url(token::serialize(more)) + "." + signature),
            invalid);
  EXPECT_EQ(refusal(site, sign(crypto::Key::generate(crypto::Algorithm::es256), claims_of(good))),
            invalid);
  EXPECT_EQ(refusal(site, sign(crypto::Key::generate(crypto::Algorithm::es512), claims_of(good))),
            invalid);
  // The public key as HMAC secret, in the forms an implementation might hold it.
  const std::string hs = base64url(R"({"alg":"HS256","typ":"MT+JWT"})") + "." + payload;
  for (const std::string& secret :
       {json::serialize(site.key->public_jwk()), std::string(site.key->thumbprint()),
        text(site.key->public_jwk(), "x"), std::string()}) {
    EXPECT_EQ(refusal(site, hs + "." + base64url(crypto::hmac_sha256(secret, hs))), invalid);
  }
  // Another spelling of the same signature, and one bit anywhere.
  EXPECT_EQ(refusal(site, jwt + "="), invalid);
  for (std::size_t i = 0; i < jwt.size(); i += 7) {
    std::string bent = jwt;
    bent[i] = bent[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(refusal(site, bent), invalid) << i;
  }
  EXPECT_EQ(refusal(site, jwt), "");
}

TEST(Authenticate, claims_that_do_not_fit_are_refused_although_we_signed_them) {
  Installation site;
  const token::Claims good = claims_of(site.login_token());
  ASSERT_EQ(refusal(site, sign(*site.key, good)), "");
  const Time now = site.clock.now();
  struct Case {
    const char* name;
    std::function<void(token::Claims&)> change;
  };
  const Case cases[] = {
      {"iss", [](token::Claims& c) { c.iss = "https://other.example.org"; }},
      {"iss with a slash", [](token::Claims& c) { c.iss += "/"; }},
      {"aud", [](token::Claims& c) { c.aud = "https://other.example.org"; }},
      {"sub", [](token::Claims& c) { c.sub = token::subject("user-2", c.oidc_iss); }},
      {"oidc_sub", [](token::Claims& c) { c.oidc_sub = "user-2"; }},
      {"no subject",
       [](token::Claims& c) {
         c.oidc_sub.clear();
         c.sub = token::subject("", "");
       }},
      {"jti of zeros", [](token::Claims& c) { c.jti = "00000000-0000-0000-0000-000000000000"; }},
      {"jti", [](token::Claims& c) { c.jti = "x"; }},
      {"another jti", [](token::Claims& c) { c.jti = random_uuid(); }},
      {"exp", [now](token::Claims& c) { c.exp = now - Seconds(1); }},
      {"iat", [now](token::Claims& c) { c.iat = now + Seconds(6); }},
      {"nbf", [now](token::Claims& c) { c.nbf = now + Seconds(6); }},
      {"seq_no before", [](token::Claims& c) { c.seq_no = 0; }},
      {"seq_no after", [](token::Claims& c) { c.seq_no = 2; }},
      {"seq_no beyond", [](token::Claims& c) { c.seq_no = 18446744073709551615ull; }}};
  token::Claims within = good;
  within.iat = within.nbf = now + Seconds(5);
  within.exp = now;
  EXPECT_EQ(refusal(site, sign(*site.key, within)), "");
  for (const Case& c : cases) {
    token::Claims claims = good;
    c.change(claims);
    EXPECT_EQ(refusal(site, sign(*site.key, claims)), invalid) << c.name;
  }
  for (const char* payload : {"{}", "[]", "null", "x", R"({"ver":"0.7","ver":"0.7"})"})
    EXPECT_EQ(refusal(site, sign(*site.key, std::string(payload))), invalid) << payload;
}

TEST(Authenticate, times_are_checked_again_although_the_signature_is_remembered) {
  Installation site;
  service::TokenWish wish;
  token::Clause clause;
  clause.exp = site.clock.now() + Seconds(100);
  wish.restrictions = {clause};
  for (const auto type : {token::ResponseType::token, token::ResponseType::short_token}) {
    wish.response_type = type;
    wish.restrictions[0].exp = site.clock.now() + Seconds(100);
    const std::string token(site.login_token(wish).reveal());
    EXPECT_EQ(refusal(site, token), "");
    site.clock.advance(std::chrono::seconds(101));
    EXPECT_EQ(refusal(site, token), invalid);
  }
}

TEST(Authenticate, a_huge_rotation_lifetime_never_passes) {
  Installation site;
  service::TokenWish wish;
  wish.rotation =
      token::Rotation{true, false, Seconds(std::numeric_limits<std::int64_t>::max()), false};
  const std::string token(site.login_token(wish).reveal());
  site.clock.advance(std::chrono::hours(24 * 365));
  EXPECT_EQ(refusal(site, token), "");
}

TEST(Authenticate, no_string_crashes) {
  Installation site;
  std::vector<std::string> strings = {
      "",
      "a",
      std::string(31, 'a'),
      std::string(32, 'a'),
      std::string(64, '\0'),
      std::string(64, '\xff'),
      std::string(16384, 'a'),
      std::string(16385, 'a'),
      "..",
      std::string(40, '.'),
      std::string(20, 'a') + "." + std::string(20, 'b') + "." + std::string(20, 'c'),
      "' OR 1=1 --                                                  "};
  for (const std::string& string : strings)
    EXPECT_EQ(refusal(site, string), invalid);
}

TEST(Authenticate, a_short_token_moved_to_another_token_is_refused) {
  Installation site;
  service::TokenWish wish;
  wish.response_type = token::ResponseType::short_token;
  const std::string mine(site.login_token(wish).reveal());
  const std::string other(site.login_token(wish).reveal());
  ASSERT_EQ(refusal(site, mine), "");
  site.execute(
      "UPDATE proxies SET mytoken_id = (SELECT id FROM mytokens WHERE id <> proxies.mytoken_id)");
  EXPECT_EQ(refusal(site, mine), invalid);
  EXPECT_EQ(refusal(site, other), invalid);
  site.restart();  // without what is remembered of signatures
  EXPECT_EQ(refusal(site, mine), invalid);
  EXPECT_EQ(refusal(site, other), invalid);
}

TEST(Authenticate, a_jwt_copied_under_another_short_token_does_not_open) {
  Installation site;
  service::TokenWish wish;
  wish.response_type = token::ResponseType::short_token;
  const std::string mine(site.login_token(wish).reveal());
  const std::string other(site.login_token(wish).reveal());
  site.execute(
      "UPDATE proxies SET (sealed_jwt, mytoken_id) = (SELECT o.sealed_jwt, o.mytoken_id FROM "
      "proxies o "
      "WHERE o.id <> proxies.id) WHERE id = (SELECT id FROM proxies ORDER BY id LIMIT 1)");
  ASSERT_EQ(site.count("SELECT count(DISTINCT sealed_jwt) FROM proxies"), 1);
  site.restart();
  const std::multiset<std::string> refusals = {refusal(site, mine), refusal(site, other)};
  EXPECT_EQ(refusals, (std::multiset<std::string>{"", "500 internal_server_error"}));
}

TEST(Authenticate, damaged_short_tokens_are_errors_and_no_crash) {
  Installation site;
  service::TokenWish wish;
  wish.response_type = token::ResponseType::short_token;
  const std::string token(site.login_token(wish).reveal());
  for (const char* damage :
       {"UPDATE proxies SET sealed_jwt = zeroblob(0)", "UPDATE proxies SET sealed_jwt = x'01'",
        "UPDATE proxies SET sealed_jwt = randomblob(46)",
        "UPDATE proxies SET sealed_jwt = randomblob(900)"}) {
    site.execute(damage);
    site.restart();
    EXPECT_EQ(refusal(site, token), "500 internal_server_error") << damage;
  }
  site.execute("UPDATE proxies SET kind = 'transfer_code'");
  EXPECT_EQ(refusal(site, token), invalid);
}

TEST(Authenticate, copies_of_the_claims_in_the_database_grant_nothing) {
  Installation site;
  service::TokenWish wish;
  wish.capabilities = token::Capabilities{"tokeninfo"};
  const Secret token = site.login_token(wish);
  for (const char* damage :
       {"UPDATE mytokens SET capabilities = '[\"AT\",\"settings\"]', restrictions = '[]'",
        "UPDATE mytokens SET restrictions = '}garbage{', rotation = x'00' || '', capabilities = "
        "'x'"}) {
    site.execute(damage);
    EXPECT_EQ(refusal(site, std::string(token.reveal())), "");
    auto answer = site.run(service::access_token(*site.context, site.access(token)));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, "insufficient_capabilities");
  }
}

TEST(Authenticate, a_token_without_counters_in_the_database_gets_nothing) {
  Installation site;
  service::TokenWish wish;
  token::Clause clause;
  clause.usages_at = 5;
  wish.restrictions = {clause};
  const Secret token = site.login_token(wish);
  site.execute("DELETE FROM clauses");
  auto answer = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "usage_restricted");
}

TEST(Authenticate, all_causes_of_an_unusable_state_read_the_same) {
  Installation site;
  service::TokenWish wish;
  wish.rotation = token::Rotation{true, false, Seconds(50), false};
  const Secret outdated = site.login_token(wish);
  ASSERT_TRUE(site.run(service::access_token(*site.context, site.access(outdated))));
  const Secret lapsed = site.login_token(wish);
  const Secret revoked = site.login_token();
  site.execute("DELETE FROM mytokens WHERE rotation IS NULL");
  std::set<std::string> texts;
  for (const Secret* token : {&outdated, &revoked}) {
    auto answer = site.run(service::introspect(*site.context, site.present(*token)));
    ASSERT_FALSE(answer);
    texts.insert(answer.error().description);
  }
  // The lifetime of a rotating token is its exp as well; without the claim the stored time decides.
  token::Claims claims = claims_of(lapsed);
  claims.exp.reset();
  site.clock.advance(std::chrono::seconds(51));
  auto answer =
      site.run(service::introspect(*site.context, site.present(Secret(sign(*site.key, claims)))));
  ASSERT_FALSE(answer);
  texts.insert(answer.error().description);
  EXPECT_EQ(texts, (std::set<std::string>{"token is revoked or no longer current"}));
}

}  // namespace
}  // namespace mytoken::test
