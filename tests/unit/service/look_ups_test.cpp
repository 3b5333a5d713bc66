// Addresses that somebody wrote into a request, and the names of their zones' owners.
#include "service/look_ups.h"

#include <gtest/gtest.h>

#include "service/inspect.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

service::TokenWish in_the_cluster() {
  service::TokenWish wish;
  wish.capabilities = token::Capabilities{"AT", "create_mytoken", "tokeninfo"};
  token::Clause clause;
  clause.hosts = {"*.cluster.example.org"};
  wish.restrictions = {clause};
  return wish;
}
service::TokenWish at(const std::string& address) {
  service::TokenWish wish = in_the_cluster();
  wish.restrictions[0].hosts = {address};
  return wish;
}
constexpr const char* own = "192.0.2.1";
constexpr const char* other = "192.0.2.9";

template <class T>
void expect_unavailable(const std::optional<Result<T>>& answer) {
  ASSERT_TRUE(answer);
  ASSERT_FALSE(*answer);
  EXPECT_EQ(answer->error().status, 503);
  EXPECT_GT(answer->error().retry_after.count(), 0);
}

TEST(LookUps, a_user_has_one_turn_at_a_time_and_others_have_theirs) {
  service::LookUps look_ups;
  {
    auto turn = look_ups.begin("a");
    ASSERT_TRUE(turn);
    auto second = look_ups.begin("a");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().status, 503);
    EXPECT_TRUE(look_ups.begin("b"));
    EXPECT_FALSE(look_ups.begin("a")) << "a turn that was refused ends nobody's";
  }
  EXPECT_TRUE(look_ups.begin("a"));
}

TEST(LookUps, subtokens_with_slow_addresses_are_made_one_at_a_time) {
  Installation site;
  site.resolver.names[own] = site.resolver.names[other] = {"node1.cluster.example.org"};
  const Secret parent = site.login_token(in_the_cluster());
  service::SubtokenRequest request;
  request.presentation = site.present(parent);
  request.wish = at(other);
  std::optional<Result<service::IssueAnswer>> second;
  std::optional<Result<json::object>> question;
  service::DescribedUse use;
  use.address = other;
  // Names are asked for twice: of the client itself, and of the address in the request.
  site.resolver.meanwhile = [&]() -> Task<void> {
    site.resolver.meanwhile = [&]() -> Task<void> {
      second = co_await service::make_subtoken(*site.context, request);
      question = co_await service::introspect(*site.context, site.present(parent), use);
    };
    co_return;
  };
  auto first = site.run(service::make_subtoken(*site.context, request));
  ASSERT_TRUE(first) << first.error().description;
  expect_unavailable(second);
  expect_unavailable(question);
  EXPECT_TRUE(site.run(service::make_subtoken(*site.context, request)));
  EXPECT_TRUE(site.run(service::introspect(*site.context, site.present(parent), use)));
}

TEST(LookUps, logins_with_slow_addresses_end_one_at_a_time) {
  ProviderKnobs knobs;
  knobs.id_token_claims = {{"groups", *parse_json(R"("staff")")}};
  Installation site(knobs);
  oidc::EnforcedRestrictions rules;
  rules.claim_sources = {{"op", "groups"}};
  rules.mapping = {{"staff", R"({"hosts":["*.cluster.example.org"]})"}};
  site.configure_enforced(rules);
  site.resolver.names[other] = {"node1.cluster.example.org"};
  const auto start = site.start(at(other));
  const auto another = site.start(at(other));
  ASSERT_TRUE(start && another);
  auto redirect = site.consented(*start);
  auto other_redirect = site.consented(*another);
  std::optional<Result<service::LoginEnd>> second;
  site.resolver.meanwhile = [&]() -> Task<void> {
    second = co_await service::finish_login(*site.context, std::move(other_redirect));
  };
  EXPECT_TRUE(site.finish(std::move(redirect)));
  expect_unavailable(second);
  EXPECT_TRUE(site.poll(start->polling_code));
}

}  // namespace
}  // namespace mytoken::test
