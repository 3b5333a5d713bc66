// Ways on which a restricted mytoken could get more than its clause says, or cost more than it is
// worth.
#include <gtest/gtest.h>

#include "http/body.h"
#include "service/access.h"
#include "service/templates.h"
#include "store/tags.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

// The provider of `site` configured anew.
void configure(Installation& site, const std::function<void(oidc::ProviderSettings&)>& change) {
  oidc::ProviderSettings settings;
  settings.issuer = site.provider->issuer();
  settings.client_id = "client";
  settings.client_secret = Secret("client-secret");
  settings.scopes = {"openid", "profile", "email", "offline_access"};
  change(settings);
  oidc::Providers providers;
  providers.add(std::make_shared<oidc::Provider>(settings, *site.http, site.clock, site.log));
  site.providers = providers;
}

TEST(Widening, offline_access_is_no_way_around_the_scopes_of_a_clause) {
  ProviderKnobs knobs;
  knobs.echo_scopes = false;
  Installation site(knobs);
  service::TokenWish wish;
  token::Clause clause;
  clause.scope = {"openid"};
  wish.restrictions = {clause};
  const Secret token = site.login_token(wish);
  configure(site, [](oidc::ProviderSettings& settings) {
    settings.refresh_offline_access = oidc::ProviderSettings::OfflineOnRefresh::no;
  });
  auto request = site.access(token);
  request.scopes = {"offline_access"};
  const auto answer = site.run(service::access_token(*site.context, request));
  ASSERT_TRUE(answer.has_value()) << answer.error().description;
  EXPECT_EQ(site.provider->last("/token").field("scope"), "openid");
}

TEST(Widening, a_provider_is_never_asked_without_any_scope_because_of_its_peculiarities) {
  ProviderKnobs knobs;
  knobs.echo_scopes = false;
  Installation site(knobs);
  const Secret token = site.login_token();
  configure(site, [](oidc::ProviderSettings& settings) {
    settings.refresh_offline_access = oidc::ProviderSettings::OfflineOnRefresh::no;
  });
  auto request = site.access(token);
  request.scopes = {"offline_access"};
  (void)site.run(service::access_token(*site.context, request));
  EXPECT_EQ(site.provider->last("/token").field("scope"), "offline_access");
}

TEST(Widening, without_an_audience_parameter_only_permitted_audiences_are_handed_out) {
  Installation site;
  service::TokenWish wish;
  token::Clause clause;
  clause.audience = {"https://only.example.org"};
  wish.restrictions = {clause};
  const Secret token = site.login_token(wish);
  configure(site, [](oidc::ProviderSettings& settings) {
    settings.audience.mode = oidc::AudienceParameter::Mode::none;
  });
  const auto granting = [&site](std::vector<std::string> audience) {
    site.provider->set([&audience](ProviderKnobs& knobs) {
      knobs.audience = ProviderKnobs::Audience::fixed;
      knobs.fixed_audience = audience;
    });
  };
  granting({"https://other.example.org"});
  auto answer = site.run(service::access_token(*site.context, site.access(token)));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().status, 502);
  granting({"https://only.example.org"});
  answer = site.run(service::access_token(*site.context, site.access(token)));
  EXPECT_TRUE(answer.has_value()) << answer.error().description;
}

TEST(Widening, a_login_with_an_audience_needs_a_provider_that_can_be_asked_for_one) {
  Installation site;
  configure(site, [](oidc::ProviderSettings& settings) {
    settings.audience.mode = oidc::AudienceParameter::Mode::none;
  });
  service::TokenWish wish;
  token::Clause clause;
  clause.audience = {"https://only.example.org"};
  wish.restrictions = {clause};
  const auto start = site.start(wish);
  ASSERT_FALSE(start.has_value());
  EXPECT_EQ(start.error().code, "invalid_request");
  EXPECT_NE(start.error().description.find("'audience'"), std::string::npos);
}

TEST(Widening, more_clauses_than_a_token_may_have_are_refused_before_they_are_compared) {
  Installation site;
  json::array clauses;
  for (int i = 0; i < 101; ++i)
    clauses.push_back(json::object{{"scope", "s" + std::to_string(i)}});
  http::Request request;
  request.body = json::serialize(json::object{{"restrictions", clauses}});
  const auto parameters = http::Parameters::parse(request);
  ASSERT_TRUE(parameters.has_value());
  constexpr std::string_view structures[] = {"restrictions"};
  auto members = parameters->members({{}, {}, structures});
  ASSERT_TRUE(members.has_value());
  const auto resolved = site.run(service::resolve_request(*site.context, std::move(*members)));
  ASSERT_FALSE(resolved.has_value());
  EXPECT_EQ(resolved.error().description, "restrictions: more than 100 clauses");
}

TEST(Widening, a_full_list_of_tags_does_not_cost_a_login) {
  Installation site;
  (void)site.login_token();
  ASSERT_TRUE(site.database->write_now([](sql::Transaction& db) -> Result<void> {
    auto user = db.one("SELECT id FROM users", [](const sql::Row& row) { return row.integer(0); });
    if (!user) return tl::unexpected(user.error());
    for (int i = 0; i < store::most_tags; ++i) {
      auto tag = store::find_or_add_tag(db, **user, "t" + std::to_string(i), "abcdef");
      if (!tag) return tl::unexpected(tag.error());
    }
    return {};
  }));
  service::TokenWish wish;
  wish.tags = {{"one-more", false}, {"t7", false}};
  EXPECT_FALSE(string_member(site.login(wish), "mytoken").empty());
}

}  // namespace
}  // namespace mytoken::test
