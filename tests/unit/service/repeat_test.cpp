// A request with a rotating mytoken that is sent again while the first one is still under way.
#include <algorithm>
#include <chrono>

#include "service/issue.h"
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

}  // namespace
}  // namespace mytoken::test
