// What requests meet after the database went back to an older state: rotated, limited and unknown
// tokens, retries, theft. The older state is put back row by row, on either engine.
#include "service/lost_time.h"

#include "service/inspect.h"
#include "service/revoke.h"
#include "store/restore.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

service::TokenWish wish(bool auto_revoke = true) {
  service::TokenWish wish;
  wish.capabilities = token::Capabilities{"AT", "create_mytoken", "tokeninfo"};
  wish.rotation.emplace();
  wish.rotation->on_other = true;
  wish.rotation->auto_revoke = auto_revoke;
  return wish;
}
token::Clause at_most(std::int64_t uses) {
  token::Clause clause;
  clause.usages_at = uses;
  return clause;
}

struct Rotated {
  Secret token;
  Secret child;
};
Result<Rotated> rotate(Installation& site, const Secret& token, const std::string& request = {}) {
  service::SubtokenRequest wanted;
  wanted.presentation = site.present(token);
  wanted.wish.capabilities = token::Capabilities{"AT"};
  wanted.request_hash = request;
  auto answer = site.run(service::make_subtoken(*site.context, std::move(wanted)));
  if (!answer) return fail(answer.error());
  return Rotated{answer->rotated, Secret(std::string(string_member(answer->body, "mytoken")))};
}

// "" or status and first words of the refusal of an access token.
std::string refusal(Installation& site, const Secret& token) {
  auto answer = site.run(service::access_token(*site.context, site.access(token)));
  return answer ? "" : std::to_string(answer.error().status) + " " + answer.error().description;
}
const char* const lost_rotation = "401 this token was rotated in the time that the service lost";
const char* const lost_token = "401 this token was made in the time that the service lost";
const char* const unknown_uses = "403 how often this token was used is unknown";

#define EXPECT_REFUSED(site, token, words)                             \
  do {                                                                 \
    const std::string said = refusal(site, token);                     \
    EXPECT_TRUE(said.starts_with(words)) << said << " <> " << (words); \
  } while (false)

// A state of the whole database that can be gone back to. Tables in the order of their references.
class Snapshot {
 public:
  explicit Snapshot(Installation& site) : site_(site), taken_(site.clock.now()) {
    for (const char* table : tables)
      site.execute(std::string("CREATE TABLE former_") + table + " AS SELECT * FROM " + table);
    site_.clock.advance(std::chrono::seconds(100));
  }
  // Goes back, an hour later.
  void restore(bool keep_usage_counters = false) {
    site_.clock.advance(std::chrono::seconds(3600));
    for (auto table = std::rbegin(tables); table != std::rend(tables); ++table)
      site_.execute(std::string("DELETE FROM ") + *table);
    for (const char* table : tables)
      site_.execute(std::string("INSERT INTO ") + table + " SELECT * FROM former_" + table);
    auto marked =
        store::mark_restored(*site_.database, {taken_, site_.clock.now(), keep_usage_counters});
    EXPECT_TRUE(marked) << marked.error().cause;
    site_.restart();
  }

 private:
  static constexpr const char* tables[] = {"users",   "refresh_tokens", "mytokens", "clauses",
                                           "proxies", "events",         "rotations"};
  Installation& site_;
  Time taken_;
};

TEST(LostTime, a_lost_successor_is_no_theft_but_ends_its_older_copy) {
  Installation site;
  const Secret first = site.login_token(wish());
  auto known = rotate(site, first);
  ASSERT_TRUE(known);
  Snapshot snapshot(site);
  auto lost = rotate(site, known->token);
  ASSERT_TRUE(lost);
  auto newest = rotate(site, lost->token);
  ASSERT_TRUE(newest);
  snapshot.restore();
  EXPECT_REFUSED(site, newest->token, lost_rotation);
  EXPECT_REFUSED(site, known->token, lost_rotation);
  EXPECT_REFUSED(site, first, lost_rotation);
  EXPECT_EQ(refusal(site, known->child), "") << "the family lives";
  EXPECT_REFUSED(site, newest->child, lost_token);
  EXPECT_NE(site.log.text().find("older copy of it is refused from now on"), std::string::npos);
  EXPECT_EQ(site.log.text().find("its family is revoked"), std::string::npos);
}

TEST(LostTime, a_lost_successor_ends_what_came_of_its_older_copy_after_the_restore) {
  Installation site;
  const Secret known = site.login_token(wish());
  Snapshot snapshot(site);
  auto lost = rotate(site, known);
  ASSERT_TRUE(lost);
  snapshot.restore();
  auto line = rotate(site, known);  // by a thief, or by a user with an old copy
  ASSERT_TRUE(line) << line.error().description;
  ASSERT_TRUE(rotate(site, line->token));
  EXPECT_REFUSED(site, lost->token, lost_rotation);
  EXPECT_REFUSED(site, line->token, lost_rotation);
  EXPECT_EQ(refusal(site, line->child), "");
}

TEST(LostTime, introspection_and_revocation_know_a_lost_successor_too) {
  Installation site;
  const Secret known = site.login_token(wish());
  Snapshot snapshot(site);
  auto lost = rotate(site, known);
  ASSERT_TRUE(lost);
  snapshot.restore();
  auto line = rotate(site, known);
  ASSERT_TRUE(line);
  auto seen = site.run(service::introspect(*site.context, site.present(lost->token)));
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().status, 401);
  service::RevocationRequest request;
  request.presentation = site.present(lost->token);
  auto revoked = site.run(service::revoke_presented(*site.context, request));
  ASSERT_FALSE(revoked) << "it could not do what was asked";
  EXPECT_EQ(revoked.error().code, "invalid_token");
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens WHERE superseded = 1"), 1);
}

TEST(LostTime, a_retry_of_the_first_rotation_after_the_restore_gets_the_same_answer) {
  Installation site;
  const Secret known = site.login_token(wish());
  Snapshot snapshot(site);
  snapshot.restore();
  const std::string request(32, 'r');
  auto first = rotate(site, known, request);
  ASSERT_TRUE(first);
  auto again = rotate(site, known, request);
  ASSERT_TRUE(again) << "a lost reply must not pass for theft: " << again.error().description;
  EXPECT_TRUE(again->token == first->token);
  EXPECT_EQ(refusal(site, first->token), "");
}

TEST(LostTime, theft_after_the_restore_is_still_recognised) {
  Installation site;
  const Secret known = site.login_token(wish());
  Snapshot snapshot(site);
  snapshot.restore();
  auto next = rotate(site, known);
  ASSERT_TRUE(next);
  site.clock.advance(std::chrono::seconds(60));
  EXPECT_REFUSED(site, known, "401 token is revoked");
  EXPECT_NE(site.log.text().find("its family is revoked"), std::string::npos);
  EXPECT_REFUSED(site, next->token, "401 token is revoked");
  EXPECT_REFUSED(site, next->child, "401 token is revoked");
}

TEST(LostTime, without_the_command_a_newer_token_is_refused_and_the_operator_hears_of_it) {
  Installation site;
  const Secret known = site.login_token(wish());
  auto next = rotate(site, known);
  ASSERT_TRUE(next);
  site.execute("UPDATE mytokens SET seq_no = 1 WHERE seq_no = 2");
  EXPECT_REFUSED(site, next->token, "401 this token is newer than what the service knows of it");
  EXPECT_REFUSED(site, known, "401 this token is newer");
  EXPECT_NE(site.log.text().find("was an older database brought back"), std::string::npos);
}

TEST(LostTime, limits_are_refused_with_the_reason_for_the_token_and_for_its_children) {
  Installation site;
  service::TokenWish limited = wish();
  limited.rotation.reset();
  limited.restrictions = {at_most(5)};
  const Secret parent = site.login_token(limited);
  auto made = rotate(site, parent);
  ASSERT_TRUE(made);
  ASSERT_EQ(refusal(site, parent), "");
  ASSERT_EQ(refusal(site, made->child), "");
  Snapshot snapshot(site);
  ASSERT_EQ(refusal(site, parent), "");
  snapshot.restore();
  EXPECT_REFUSED(site, parent, unknown_uses);
  EXPECT_REFUSED(site, made->child, unknown_uses);
  auto other = site.run(service::introspect(*site.context, site.present(parent)));
  EXPECT_TRUE(other) << "what is not limited goes on";
  EXPECT_NE(site.log.text().find("before the restore is unknown"), std::string::npos);
}

TEST(LostTime, a_child_without_a_limit_of_its_own_is_refused_for_its_parents) {
  Installation site;
  service::TokenWish limited = wish();
  limited.rotation.reset();
  limited.restrictions = {at_most(5)};
  const Secret parent = site.login_token(limited);
  auto made = rotate(site, parent);
  ASSERT_TRUE(made);
  Snapshot snapshot(site);
  snapshot.restore();
  // A child that was never limited itself: only the chain says no.
  site.execute(
      "UPDATE clauses SET used_at = 0, uses_unknown = 0 WHERE parent_mytoken_id IS NOT NULL");
  EXPECT_REFUSED(site, made->child, unknown_uses);
}

TEST(LostTime, a_limit_that_was_used_up_before_is_refused_as_ever) {
  Installation site;
  service::TokenWish limited = wish();
  limited.rotation.reset();
  limited.restrictions = {at_most(1)};
  const Secret token = site.login_token(limited);
  ASSERT_EQ(refusal(site, token), "");
  Snapshot snapshot(site);
  snapshot.restore();
  EXPECT_EQ(refusal(site, token), "403 The restrictions of this token do not allow this usage");
}

TEST(LostTime, counters_that_the_operator_trusts_go_on) {
  Installation site;
  service::TokenWish limited = wish();
  limited.rotation.reset();
  limited.restrictions = {at_most(2)};
  const Secret token = site.login_token(limited);
  ASSERT_EQ(refusal(site, token), "");
  Snapshot snapshot(site);
  snapshot.restore(true);
  EXPECT_EQ(refusal(site, token), "");
  EXPECT_EQ(refusal(site, token), "403 The restrictions of this token do not allow this usage");
}

TEST(LostTime, tokens_that_nobody_knows_are_told_what_may_have_happened) {
  Installation site;
  site.login_token(wish());
  Snapshot snapshot(site);
  const Secret made = site.login_token(wish());
  service::TokenWish short_wish = wish();
  short_wish.response_type = token::ResponseType::short_token;
  const Secret made_short = site.login_token(short_wish);
  snapshot.restore();
  EXPECT_REFUSED(site, made, lost_token);
  EXPECT_REFUSED(site, made_short, "401 token not valid; the service lost what happened between");
  const Secret revoked = site.login_token(wish());
  site.execute("DELETE FROM mytokens WHERE seq_no = 1 AND restored_seq_no IS NULL");
  EXPECT_REFUSED(site, revoked, "401 token is revoked or no longer current");
  site.clock.advance(std::chrono::hours(31 * 24));
  EXPECT_EQ(refusal(site, made_short), "401 token not valid");
}

}  // namespace
}  // namespace mytoken::test
