// A request with a rotating mytoken that is sent again while the first one is still under way.
#include <algorithm>
#include <chrono>

#include "service/issue.h"
#include "service/tokeninfo.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

Secret rotating_token(Installation& site) {
  service::TokenWish wish;
  token::Rotation rotation;
  rotation.on_at = true;
  rotation.on_other = true;
  rotation.auto_revoke = true;
  wish.rotation = rotation;
  wish.capabilities = {"AT", "create_mytoken"};
  return site.login_token(wish);
}

TEST(Repeated, while_the_first_is_under_way_it_gets_the_answer_of_the_first) {
  ProviderKnobs knobs;
  knobs.rotation = ProviderKnobs::Rotation::family_revocation;
  knobs.delay = std::chrono::milliseconds(50);
  Installation site(knobs);
  const Secret token = rotating_token(site);
  const auto answers = site.run_all<Result<service::AccessAnswer>>(
      4, [&](std::size_t) { return service::access_token(*site.context, site.access(token)); });
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer) << answer.error().description;
    EXPECT_EQ(answer->body, answers[0]->body);
  }
  EXPECT_EQ(site.provider->counters().refreshes, 1u);
}

TEST(Repeated, another_request_that_came_too_late_is_refused_and_revokes_nothing) {
  ProviderKnobs knobs;
  knobs.rotation = ProviderKnobs::Rotation::family_revocation;
  knobs.delay = std::chrono::milliseconds(50);
  Installation site(knobs);
  const Secret token = rotating_token(site);
  const auto answers = site.run_all<Result<service::AccessAnswer>>(2, [&](std::size_t number) {
    auto request = site.access(token);
    request.comment = std::to_string(number);
    return service::access_token(*site.context, std::move(request));
  });
  const auto good = std::count_if(answers.begin(), answers.end(),
                                  [](const auto& answer) { return answer.has_value(); });
  EXPECT_EQ(good, 1);
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 1);
}

// A look of a token that may be used once; rotated with every other use.
struct Looks {
  Looks() {
    service::TokenWish wish;
    wish.capabilities = token::Capabilities{"tokeninfo"};
    token::Clause clause;
    clause.usages_other = 1;
    wish.restrictions = {clause};
    wish.rotation = token::Rotation{false, true, Seconds(0), true};
    token = site.login_token(wish);
  }
  Result<service::OperationAnswer> look() {
    return site.run(service::event_history(*site.context, {site.present(token), "h"}, {}, {}));
  }
  std::int64_t logged() {
    return site.count("SELECT count(*) FROM events WHERE event = 'tokeninfo_history'");
  }
  Installation site;
  Secret token;
};

TEST(Repeated, a_look_is_repeated_and_that_is_logged) {
  Looks looks;
  const auto first = looks.look();
  ASSERT_TRUE(first);
  looks.site.clock.advance(Seconds(1));
  const auto again = looks.look();
  ASSERT_TRUE(again) << again.error().description;
  EXPECT_EQ(again->body.at("token_update"), first->body.at("token_update"));
  EXPECT_EQ(again->rotated.reveal(), first->rotated.reveal());
  EXPECT_EQ(looks.logged(), 2);
  EXPECT_EQ(looks.site.count("SELECT count(*) FROM events WHERE comment = 'repeated request'"), 1);
  EXPECT_EQ(looks.site.count("SELECT used_other FROM clauses"), 1);
}

TEST(Repeated, a_look_that_is_asked_for_again_and_again_is_a_use_of_a_rotated_away_token) {
  Looks looks;
  ASSERT_TRUE(looks.look());
  looks.site.clock.advance(Seconds(3));
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(looks.look()) << "clients try three times or so";
  for (int i = 0; i < 3; ++i) {
    const auto more = looks.look();
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().status, 401);
    EXPECT_EQ(more.error().code, "invalid_token");
  }
  EXPECT_EQ(looks.site.count("SELECT count(*) FROM mytokens"), 0) << "auto_revoke";
}

TEST(Repeated, each_rotation_has_repetitions_of_its_own) {
  Looks looks;
  service::TokenWish wish;
  wish.capabilities = token::Capabilities{"tokeninfo"};
  wish.rotation = token::Rotation{false, true, Seconds(0), true};
  looks.token = looks.site.login_token(wish);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(looks.look());
    looks.site.clock.advance(Seconds(3));
    auto again = looks.look();
    ASSERT_TRUE(again) << again.error().description;
    looks.token = again->rotated;
  }
  EXPECT_EQ(looks.logged(), 6);
}

}  // namespace
}  // namespace mytoken::test
