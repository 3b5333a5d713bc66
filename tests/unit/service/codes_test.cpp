// Transfer codes: single use, expiry, what they stand for, and what they are not (spec tokens.md
// §2.3, W 2, 6, 13).
#include "service/codes.h"

#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "service/inspect.h"
#include "service/mint.h"
#include "service/revoke.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

std::string text(const json::object& object, std::string_view name) {
  return std::string(string_member(object, name));
}

Secret code_for(Installation& site, const Secret& token) {
  auto answer = site.run(service::make_transfer_code(*site.context, site.present(token)));
  EXPECT_TRUE(answer) << answer.error().description;
  return Secret(answer ? text(*answer, "transfer_code") : "");
}

Result<json::object> redeem(Installation& site, const Secret& code) {
  return site.run(service::redeem_transfer_code(*site.context, code, site.client()));
}

std::string refusal(const Result<json::object>& answer) {
  return answer ? ""
                : answer.error().code + " " + std::to_string(answer.error().status) + " " +
                      answer.error().description;
}
const char* const unknown = "invalid_token 401 Bad polling or transfer code";

TEST(Codes, a_code_of_a_jwt_gives_that_jwt_once) {
  Installation site;
  const json::object login = site.login();
  const Secret token(text(login, "mytoken"));
  auto made = site.run(service::make_transfer_code(*site.context, site.present(token)));
  ASSERT_TRUE(made);
  EXPECT_EQ(text(*made, "mytoken_type"), "transfer_code");
  EXPECT_EQ(made->at("expires_in").as_int64(), 300);
  const Secret code(text(*made, "transfer_code"));
  EXPECT_EQ(code.size(), 8u);
  auto answer = redeem(site, code);
  ASSERT_TRUE(answer);
  EXPECT_EQ(text(*answer, "mytoken"), token.reveal());
  EXPECT_EQ(text(*answer, "mytoken_type"), "token");
  EXPECT_EQ(text(*answer, "mom_id"), text(login, "mom_id"));
  EXPECT_EQ(refusal(redeem(site, code)), unknown);
  EXPECT_EQ(site.events(*token::parse_mom_id(text(login, "mom_id"))),
            (std::vector<std::string>{"created", "transfer_code_used", "transfer_code_created",
                                      "transfer_code_used"}));
  EXPECT_EQ(site.count("SELECT count(*) FROM events WHERE comment = 'token type: token'"), 1);
}

TEST(Codes, W13_a_code_of_a_short_token_gives_the_same_short_token) {
  Installation site;
  service::TokenWish wish;
  wish.response_type = token::ResponseType::short_token;
  wish.rotation = token::Rotation{true, false, Seconds(0), false};
  const Secret token = site.login_token(wish);
  ASSERT_EQ(token.size(), 64u);
  auto answer = redeem(site, code_for(site, token));
  ASSERT_TRUE(answer);
  EXPECT_EQ(text(*answer, "mytoken"), token.reveal());
  EXPECT_EQ(text(*answer, "mytoken_type"), "short_token");
  EXPECT_EQ(json::serialize(answer->at("rotation")), R"({"on_AT":true})");
  EXPECT_EQ(site.count("SELECT count(*) FROM events WHERE comment = 'token type: short_token'"), 1);
}

TEST(Codes, W6_exactly_one_of_200_parallel_redemptions_gets_the_token) {
  Installation site;
  const Secret code = code_for(site, site.login_token());
  const auto answers = site.run_all<Result<json::object>>(200, [&](std::size_t) {
    return service::redeem_transfer_code(*site.context, code, site.client());
  });
  std::size_t got = 0;
  for (const auto& answer : answers) {
    if (answer) ++got;
    if (!answer) {
      EXPECT_EQ(refusal(answer), unknown);
    }
  }
  EXPECT_EQ(got, 1u);
}

TEST(Codes, a_code_expires_after_its_last_second) {
  Installation site;
  const Secret token = site.login_token();
  const Secret first = code_for(site, token);
  const Secret second = code_for(site, token);
  site.clock.advance(std::chrono::seconds(300));
  EXPECT_TRUE(redeem(site, first));
  site.clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(refusal(redeem(site, second)), "expired_token 401 polling or transfer code is expired");
}

TEST(Codes, a_code_without_an_end_has_ended) {
  Installation site;
  const Secret code = code_for(site, site.login_token());
  site.execute("UPDATE proxies SET expires_at = NULL");
  EXPECT_EQ(refusal(redeem(site, code)), "expired_token 401 polling or transfer code is expired");
}

TEST(Codes, W13_a_first_representation_that_is_not_valid_yet_can_be_redeemed) {
  Installation site;
  service::TokenWish wish;
  wish.response_type = token::ResponseType::transfer_code;
  token::Clause clause;
  clause.nbf = site.clock.now() + Seconds(1000);
  clause.exp = site.clock.now() + Seconds(2000);
  wish.restrictions = {clause};
  const json::object login = site.login(wish);
  auto answer = redeem(site, Secret(text(login, "transfer_code")));
  ASSERT_TRUE(answer);
  EXPECT_EQ(text(*answer, "mytoken_type"), "token");
  EXPECT_EQ(answer->at("expires_in").as_int64(), 2000);
}

TEST(Codes, a_transfer_code_is_no_polling_code_and_the_other_way_round) {
  Installation site;
  const Secret code = code_for(site, site.login_token());
  EXPECT_EQ(refusal(site.poll(code)), unknown);
  auto start = site.start();
  ASSERT_TRUE(site.finish(site.consented(*start)));
  EXPECT_EQ(refusal(redeem(site, start->polling_code)), unknown);
  EXPECT_TRUE(site.poll(start->polling_code));
  EXPECT_TRUE(redeem(site, code));
}

TEST(Codes, a_short_token_is_no_transfer_code_and_codes_are_no_tokens) {
  Installation site;
  service::TokenWish wish;
  wish.response_type = token::ResponseType::short_token;
  const Secret token = site.login_token(wish);
  EXPECT_EQ(refusal(redeem(site, token)), unknown);
  const Secret code = code_for(site, token);
  auto answer = site.run(service::introspect(*site.context, site.present(code)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "invalid_token");
  EXPECT_TRUE(redeem(site, code));
}

TEST(Codes, codes_of_a_revoked_token_are_unknown) {
  Installation site;
  const Secret token = site.login_token();
  const Secret code = code_for(site, token);
  service::RevocationRequest request;
  request.presentation = site.present(token);
  ASSERT_TRUE(site.run(service::revoke_presented(*site.context, request)));
  EXPECT_EQ(refusal(redeem(site, code)), unknown);
}

TEST(Codes, W11_codes_of_a_rotated_token_are_unknown) {
  for (const auto type : {token::ResponseType::token, token::ResponseType::short_token}) {
    Installation site;
    service::TokenWish wish;
    wish.response_type = type;
    wish.rotation = token::Rotation{true, false, Seconds(0), true};
    const Secret token = site.login_token(wish);
    const Secret code = code_for(site, token);
    auto answer = site.run(service::access_token(*site.context, site.access(token)));
    ASSERT_TRUE(answer);
    EXPECT_EQ(refusal(redeem(site, code)), unknown);
    EXPECT_TRUE(redeem(site, code_for(site, answer->rotated)));
  }
}

TEST(Codes, a_revoked_or_outdated_token_gets_no_code) {
  Installation site;
  service::TokenWish wish;
  wish.rotation = token::Rotation{true, false, Seconds(0), false};
  const Secret token = site.login_token(wish);
  ASSERT_TRUE(site.run(service::access_token(*site.context, site.access(token))));
  auto code = site.run(service::make_transfer_code(*site.context, site.present(token)));
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code, "invalid_token");
}

TEST(Codes, W2_a_copy_of_the_database_is_no_help_in_guessing_a_code) {
  Installation site;
  const Secret code = code_for(site, site.login_token());
  const std::string digest = service::code_digest(*site.context, code);
  EXPECT_NE(digest, crypto::sha256(code.reveal()));
  EXPECT_NE(digest, crypto::sha512(code.reveal()));
  std::string row;
  auto read = site.database->read_now([&](sql::Connection& db) -> Result<void> {
    auto found = db.one("SELECT id FROM proxies", [](const sql::Row& r) { return r.bytes(0); });
    if (found && *found) row = **found;
    return {};
  });
  ASSERT_TRUE(read);
  EXPECT_EQ(row, digest);
  // Another installation's key gives another digest and another sealing secret for the same code.
  Installation other;
  EXPECT_NE(service::code_digest(*other.context, code), digest);
  EXPECT_FALSE(service::code_secret(*other.context, code) ==
               service::code_secret(*site.context, code));
  EXPECT_EQ(site.stored_bytes().find(std::string(code.reveal())), std::string::npos);
}

TEST(Codes, rows_moved_or_damaged_in_the_database_give_nothing_and_cost_no_code) {
  Installation site;
  const Secret code = code_for(site, site.login_token());
  site.login();
  site.execute(
      "UPDATE proxies SET mytoken_id = (SELECT id FROM mytokens WHERE id <> proxies.mytoken_id)");
  EXPECT_EQ(refusal(redeem(site, code)), unknown);
  EXPECT_EQ(site.count("SELECT count(*) FROM events WHERE event = 'transfer_code_used'"),
            2);  // the two logins
  EXPECT_EQ(site.count("SELECT count(*) FROM proxies"), 1);
  for (const char* damage :
       {"UPDATE proxies SET sealed_jwt = x'0101'", "UPDATE proxies SET sealed_jwt = zeroblob(0)",
        "UPDATE proxies SET sealed_jwt = randomblob(2000)",
        "UPDATE proxies SET response_type = 'short_token'"}) {
    site.execute(damage);
    EXPECT_FALSE(redeem(site, code)) << damage;
  }
}

}  // namespace
}  // namespace mytoken::test
