// The purge as a part of the background rounds: what users see of it, its lease, its pace.
#include <gtest/gtest.h>

#include "service/access.h"
#include "service/guests.h"
#include "service/inspect.h"
#include "service/purge.h"
#include "store/purge.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

constexpr Seconds day{86400};

service::TokenWish ending(Time end) {
  service::TokenWish wish;
  wish.capabilities = token::Capabilities{"AT", "create_mytoken", "tokeninfo"};
  token::Clause clause;
  clause.exp = end;
  wish.restrictions = {clause};
  return wish;
}

// Codes that have been over for two days, of any mytoken.
void add_expired_codes(Installation& site, std::int64_t many) {
  site.execute(
      "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < " +
      std::to_string(many) +
      ") INSERT INTO proxies (id, kind, mytoken_id, sealed_jwt, created, expires_at, "
      "response_type) SELECT CAST('code ' || n AS BLOB), 'transfer_code', (SELECT id FROM mytokens "
      "LIMIT 1), x'00', 1, 1, 'token' FROM numbers");
}
std::int64_t expired_codes(Installation& site) {
  return site.count("SELECT count(*) FROM proxies WHERE expires_at = 1");
}

TEST(PurgeRounds, an_expired_mytoken_disappears_after_its_retention_and_its_family_lives) {
  Installation site;
  const Secret root = site.login_token(ending(site.clock.now() + 100 * day));
  service::SubtokenRequest request;
  request.presentation = site.present(root);
  request.wish = ending(site.clock.now() + day);
  ASSERT_TRUE(site.run(service::make_subtoken(*site.context, request)));
  site.clock.advance(31 * day);
  site.background();
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 2);
  site.clock.advance(Seconds(61));
  site.background();
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 1);
  EXPECT_EQ(site.count("SELECT count(*) FROM clauses"), 1);
  EXPECT_TRUE(site.run(service::access_token(*site.context, site.access(root))));
}

TEST(PurgeRounds, the_last_mytoken_of_a_login_takes_the_refresh_token_along_unrevoked) {
  Installation site;
  site.login_token(ending(site.clock.now() + day));
  site.clock.advance(31 * day + Seconds(1));
  site.background();
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens"), 0);
  EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), 0);
  EXPECT_EQ(site.provider->counters().revocations, 0u);
  EXPECT_NE(site.log.text().find("not revoked at their provider"), std::string::npos);
}

TEST(PurgeRounds, a_guest_goes_with_the_last_mytoken_and_other_users_stay) {
  Installation site;
  site.login_token(ending(site.clock.now() + day));
  site.clock.advance(31 * day + Seconds(1));
  site.background();
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
  EXPECT_EQ(site.count("SELECT count(*) FROM users"), 1);
  site.execute("UPDATE users SET oidc_iss = '" + service::guest_issuer(site.context->settings) +
               "'");
  site.clock.advance(Seconds(61));
  site.background();
  EXPECT_EQ(site.count("SELECT count(*) FROM users"), 0);
}

TEST(PurgeRounds, retention_is_a_setting) {
  Installation site({}, true, [](service::Settings& settings) {
    settings.retention.expired_tokens = 2 * day;
    settings.retention.events = 10 * day;
  });
  site.login_token(ending(site.clock.now() + day));
  site.login_token();
  site.clock.advance(3 * day + Seconds(1));
  site.background();
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 1);
  EXPECT_GT(site.count("SELECT count(*) FROM events"), 0);
  // By hand: ids of events come from the whole process, whose tests have clocks of their own.
  site.execute("UPDATE events SET id = 1, time = 1 WHERE id = (SELECT min(id) FROM events)");
  const std::int64_t before = site.count("SELECT count(*) FROM events");
  site.clock.advance(Seconds(61));
  site.background();
  EXPECT_EQ(site.count("SELECT count(*) FROM events"), before - 1);
}

TEST(PurgeRounds, a_round_removes_a_bounded_number_of_rows_and_the_next_one_goes_on_at_once) {
  Installation site;
  site.login_token();
  const std::int64_t most = service::portions_per_round * store::purge_portion;
  add_expired_codes(site, most + 700);
  site.background();
  EXPECT_EQ(expired_codes(site), 700);
  site.background();
  EXPECT_EQ(expired_codes(site), 0);
  // Then once a minute.
  add_expired_codes(site, 1);
  site.background();
  EXPECT_EQ(expired_codes(site), 1);
  site.clock.advance(Seconds(60));
  site.background();
  EXPECT_EQ(expired_codes(site), 0);
}

TEST(PurgeRounds, nothing_is_removed_without_the_lease) {
  Installation site;
  site.login_token();
  add_expired_codes(site, 1);
  site.execute("INSERT INTO leases (name, owner, until) VALUES ('purge', 'another server', " +
               std::to_string(to_unix(site.clock.now()) + 60) + ")");
  site.background();
  EXPECT_EQ(expired_codes(site), 1);
  site.clock.advance(Seconds(61));
  site.background();
  EXPECT_EQ(expired_codes(site), 0);
}

}  // namespace
}  // namespace mytoken::test
