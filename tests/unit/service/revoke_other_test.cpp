// Revocation of another token by its mom_id (spec tokens.md §9.3, api.md §7).
#include "service/codes.h"
#include "service/inspect.h"
#include "service/revoke.h"
#include "unit/service/mytokens.h"

namespace mytoken::test {
namespace {

const token::Capabilities maker{"AT", "tokeninfo", "create_mytoken"};
const token::Capabilities manager{"AT", "tokeninfo", "create_mytoken", "manage_mytokens"};

Made login(Installation& site, service::TokenWish wish) {
  const json::object answer = site.login(std::move(wish));
  return {Secret(std::string(string_member(answer, "mytoken"))),
          std::string(string_member(answer, "mom_id"))};
}
Result<service::OperationAnswer> revoke(Installation& site, const Secret& token,
                                        const std::string& mom_id, bool recursive = false,
                                        const std::string& issuer = {}) {
  return site.run(service::revoke_other(*site.context, {site.present(token), mom_id},
                                        {mom_id, issuer, recursive}));
}
std::string code(const Result<service::OperationAnswer>& answer) {
  return answer ? "" : std::to_string(answer.error().status) + " " + answer.error().code;
}
bool lives(Installation& site, const Secret& token) {
  return site.run(service::introspect(*site.context, site.present(token))).has_value();
}

TEST(RevokeOther, an_ancestor_may_and_what_was_below_moves_up) {
  Installation site;
  const Made root = login(site, able_to(maker));
  const Made child = child_of(site, root.token, able_to(maker));
  const Made grandchild = child_of(site, child.token, able_to(maker));
  auto done = revoke(site, root.token, child.mom_id);
  ASSERT_TRUE(done) << done.error().description;
  EXPECT_TRUE(done->body.empty());
  EXPECT_TRUE(lives(site, root.token));
  EXPECT_FALSE(lives(site, child.token));
  EXPECT_TRUE(lives(site, grandchild.token));
  EXPECT_EQ(site.events(*token::parse_mom_id(root.mom_id)).back(), "tokeninfo_introspect");
  EXPECT_EQ(site.count("SELECT count(*) FROM events WHERE event = 'revoked_other_token' AND "
                       "comment = 'mom_id: " +
                       child.mom_id + "'"),
            1);
  // It has become a child of the root, so that recursion from above still finds it.
  ASSERT_TRUE(revoke(site, root.token, grandchild.mom_id, true));
  EXPECT_FALSE(lives(site, grandchild.token));
}

TEST(RevokeOther, recursion_takes_the_whole_tree_and_nothing_else) {
  Installation site;
  const Made root = login(site, able_to(maker));
  const Made child = child_of(site, root.token, able_to(maker));
  const Made grandchild = child_of(site, child.token, able_to(maker));
  const Made sibling = child_of(site, root.token, able_to(maker));
  ASSERT_TRUE(revoke(site, root.token, child.mom_id, true));
  EXPECT_FALSE(lives(site, child.token));
  EXPECT_FALSE(lives(site, grandchild.token));
  EXPECT_TRUE(lives(site, sibling.token));
}

TEST(RevokeOther, without_relation_the_capability_is_needed_and_the_same_user) {
  Installation site;
  const Made root = login(site, able_to(maker));
  const Made one = child_of(site, root.token, able_to(maker));
  const Made two = child_of(site, root.token, able_to(maker));
  EXPECT_EQ(code(revoke(site, one.token, two.mom_id)), "403 insufficient_capabilities");
  EXPECT_EQ(code(revoke(site, one.token, root.mom_id)), "403 insufficient_capabilities");
  const Made boss = login(site, able_to({"manage_mytokens:revoke"}));
  ASSERT_TRUE(revoke(site, boss.token, two.mom_id));
  EXPECT_FALSE(lives(site, two.token));
  site.provider->set([](ProviderKnobs& knobs) { knobs.user = "somebody-else"; });
  const Made stranger = login(site, able_to(manager));
  EXPECT_EQ(code(revoke(site, stranger.token, one.mom_id)), "403 invalid_grant");
  EXPECT_TRUE(lives(site, one.token));
}

TEST(RevokeOther, W30_ids_are_compared_byte_for_byte) {
  Installation site;
  const Made root = login(site, able_to(manager));
  const Made child = child_of(site, root.token, able_to(maker));
  std::string other_case = child.mom_id;
  for (char& c : other_case) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) c ^= 0x20;
  }
  EXPECT_EQ(code(revoke(site, root.token, other_case)), "403 invalid_grant");
  EXPECT_EQ(code(revoke(site, root.token, "nonsense")), "403 invalid_grant");
  EXPECT_TRUE(lives(site, child.token));
}

TEST(RevokeOther, W25_a_revoked_or_outdated_token_authorises_nothing) {
  Installation site;
  service::TokenWish rotating = able_to(maker);
  rotating.rotation = token::Rotation{false, true, Seconds(0), false};
  const Made root = login(site, able_to(manager));
  const Made acting = child_of(site, root.token, rotating);
  const Made target = child_of(site, acting.token, able_to(maker));
  // Making the target has rotated the acting token.
  EXPECT_EQ(code(revoke(site, acting.token, target.mom_id)), "401 invalid_token");
  ASSERT_TRUE(revoke(site, root.token, acting.mom_id));
  EXPECT_EQ(code(revoke(site, acting.token, target.mom_id)), "401 invalid_token");
  EXPECT_TRUE(lives(site, target.token));
}

TEST(RevokeOther, a_token_that_names_itself_ends_without_rotation) {
  Installation site;
  service::TokenWish wish = able_to(maker);
  wish.rotation = token::Rotation{true, true, Seconds(0), true};
  const Made root = login(site, wish);
  auto done = revoke(site, root.token, root.mom_id);
  ASSERT_TRUE(done) << done.error().description;
  EXPECT_TRUE(done->body.empty());
  EXPECT_TRUE(done->rotated.empty());
  EXPECT_FALSE(lives(site, root.token));
}

TEST(RevokeOther, a_token_may_end_its_ancestor_and_itself_with_it) {
  Installation site;
  service::TokenWish wish = able_to(manager);
  wish.rotation = token::Rotation{false, true, Seconds(0), false};
  const Made root = login(site, able_to(manager));
  const Made child = child_of(site, root.token, wish);
  auto done = revoke(site, child.token, root.mom_id, true);
  ASSERT_TRUE(done) << done.error().description;
  EXPECT_TRUE(done->body.empty());
  EXPECT_FALSE(lives(site, root.token));
  EXPECT_FALSE(lives(site, child.token));
  // The last token of the login took its refresh token with it.
  site.background();
  EXPECT_TRUE(site.provider->sessions().at(0).ended);
}

TEST(RevokeOther, a_rotating_token_gets_its_successor_also_when_it_asks_again) {
  Installation site;
  service::TokenWish wish = able_to(maker);
  wish.rotation = token::Rotation{true, false, Seconds(0), true};
  const Made root = login(site, wish);
  const Made child = child_of(site, root.token, able_to(maker));
  auto still = revoke(site, root.token, child.mom_id);
  ASSERT_TRUE(still);
  EXPECT_TRUE(still->rotated.empty());
  wish.rotation = token::Rotation{false, true, Seconds(0), true};
  const Made turning = login(site, wish);
  Made below = child_of(site, turning.token, able_to(maker));
  // The child was made by rotating; its successor is the answer's.
  const Made other = login(site, able_to(manager));
  service::TokenWish boss = able_to(manager);
  boss.rotation = token::Rotation{false, true, Seconds(0), true};
  const Made acting = login(site, boss);
  auto first = revoke(site, acting.token, below.mom_id);
  ASSERT_TRUE(first) << first.error().description;
  ASSERT_FALSE(first->rotated.empty());
  EXPECT_EQ(string_member(first->body.at("token_update").as_object(), "mytoken"),
            first->rotated.reveal());
  auto again = revoke(site, acting.token, below.mom_id);
  ASSERT_TRUE(again) << again.error().description;
  EXPECT_EQ(again->rotated.reveal(), first->rotated.reveal());
  const auto events = site.events(*token::parse_mom_id(acting.mom_id));
  EXPECT_EQ(events, (std::vector<std::string>{"created", "transfer_code_used",
                                              "revoked_other_token", "token_rotated"}));
}

TEST(RevokeOther, restrictions_are_not_looked_at_and_nothing_is_counted) {
  Installation site;
  service::TokenWish wish = able_to(maker);
  token::Clause clause;
  clause.usages_other = 1;
  wish.restrictions = {clause};
  const Made root = login(site, wish);
  service::TokenWish small = able_to(maker);
  small.restrictions = {clause};
  small.restrictions[0].usages_other = 0;
  const Made child = child_of(site, root.token, small);  // the one use
  ASSERT_TRUE(revoke(site, root.token, child.mom_id));
  EXPECT_FALSE(lives(site, child.token));
}

TEST(RevokeOther, the_issuer_must_be_the_tokens_if_it_is_given) {
  Installation site;
  const Made root = login(site, able_to(maker));
  const Made child = child_of(site, root.token, able_to(maker));
  EXPECT_EQ(code(revoke(site, root.token, child.mom_id, false, "https://other.example")),
            "400 invalid_request");
  EXPECT_TRUE(lives(site, child.token));
  EXPECT_EQ(code(revoke(site, root.token, child.mom_id, false, site.provider->issuer() + "/")), "");
}

TEST(RevokeOther, W26_the_last_token_of_another_login_leaves_no_ciphertext) {
  Installation site;
  const Made boss = login(site, able_to(manager));
  const Made other = login(site, able_to(maker));
  ASSERT_EQ(site.count("SELECT count(*) FROM refresh_tokens"), 2);
  ASSERT_TRUE(revoke(site, boss.token, other.mom_id));
  EXPECT_FALSE(lives(site, other.token));
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens"), 1);
  EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), 0);  // nobody here could open it
}

TEST(RevokeOther, two_hundred_parallel_revocations_all_end_and_end_one_token) {
  Installation site;
  const Made root = login(site, able_to(manager));
  const Made child = child_of(site, root.token, able_to(maker));
  const auto answers = site.run_all<Result<service::OperationAnswer>>(200, [&](std::size_t) {
    return service::revoke_other(*site.context, {site.present(root.token), "same"},
                                 {child.mom_id, "", false});
  });
  // Those that were under way together may all be told that it is done.
  std::size_t done = 0;
  for (const auto& answer : answers) {
    if (answer) {
      ++done;
    } else {
      EXPECT_EQ(code(answer), "403 invalid_grant");
    }
  }
  EXPECT_GE(done, 1u);
  EXPECT_FALSE(lives(site, child.token));
  EXPECT_TRUE(lives(site, root.token));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 1);
}

}  // namespace
}  // namespace mytoken::test
