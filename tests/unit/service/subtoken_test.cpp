// Sub-tokens: what they may be, what they cost, and what is written about them (spec tokens.md
// §§5.9, 5.12, 5.13, 8).
#include <gtest/gtest.h>

#include "service/inspect.h"
#include "service/issue.h"
#include "service/revoke.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

std::string text(const json::object& object, std::string_view name) {
  return std::string(string_member(object, name));
}

service::TokenWish parent_wish() {
  service::TokenWish wish;
  wish.capabilities = token::Capabilities{"AT", "create_mytoken", "tokeninfo"};
  return wish;
}
token::Clause uses(std::optional<std::int64_t> at, std::optional<std::int64_t> other = {}) {
  token::Clause clause;
  clause.usages_at = at;
  clause.usages_other = other;
  return clause;
}

service::SubtokenRequest request_of(Installation& site, const Secret& parent,
                                    service::TokenWish wish = {}) {
  service::SubtokenRequest request;
  request.presentation = site.present(parent);
  request.wish = std::move(wish);
  return request;
}
Result<service::IssueAnswer> make(Installation& site, const Secret& parent,
                                  service::TokenWish wish = {},
                                  bool error_on_restrictions = false) {
  service::SubtokenRequest request = request_of(site, parent, std::move(wish));
  request.error_on_restrictions = error_on_restrictions;
  return site.run(service::make_subtoken(*site.context, std::move(request)));
}
Secret child_of(Installation& site, const Secret& parent, service::TokenWish wish = {}) {
  auto answer = make(site, parent, std::move(wish));
  EXPECT_TRUE(answer) << answer.error().description;
  return Secret(answer ? text(answer->body, "mytoken") : "");
}
bool gives_access(Installation& site, const Secret& token) {
  return site.run(service::access_token(*site.context, site.access(token))).has_value();
}
int accesses(Installation& site, const Secret& token, int tries) {
  int good = 0;
  for (int i = 0; i < tries; ++i)
    good += gives_access(site, token) ? 1 : 0;
  return good;
}
void revoke(Installation& site, const Secret& token, bool recursive = false) {
  service::RevocationRequest request;
  request.presentation = site.present(token);
  request.recursive = recursive;
  auto done = site.run(service::revoke_presented(*site.context, request));
  EXPECT_TRUE(done) << done.error().description;
}
std::string problem(const Result<service::IssueAnswer>& answer) {
  return answer ? ""
                : std::to_string(answer.error().status) + " " + answer.error().code + " " +
                      answer.error().description;
}

TEST(Subtoken, it_works_and_leaves_the_right_history) {
  Installation site;
  const json::object login = site.login(parent_wish());
  const Secret parent(text(login, "mytoken"));
  service::TokenWish wish;
  wish.name = "job 7";
  wish.capabilities = token::Capabilities{"tokeninfo:introspect", "AT", "settings"};
  auto answer = make(site, parent, wish);
  ASSERT_TRUE(answer) << answer.error().description;
  EXPECT_EQ(answer->body.at("capabilities").as_array(),
            json::array({"tokeninfo:introspect", "AT"}));
  EXPECT_FALSE(answer->body.contains("token_update"));
  EXPECT_TRUE(answer->rotated.empty());
  const Secret child(text(answer->body, "mytoken"));
  EXPECT_TRUE(gives_access(site, child));
  EXPECT_EQ(site.events(*token::parse_mom_id(text(answer->body, "mom_id"))),
            (std::vector<std::string>{"created", "inherited_RT", "AT_created"}));
  EXPECT_EQ(site.events(*token::parse_mom_id(text(login, "mom_id"))),
            (std::vector<std::string>{"created", "transfer_code_used", "MT_created"}));
  EXPECT_EQ(site.count("SELECT count(*) FROM events WHERE event = 'MT_created' AND comment = "
                       "'Created MT job 7'"),
            1);
  EXPECT_EQ(site.count("SELECT count(*) FROM events WHERE event = 'created' AND comment = 'Used "
                       "grant_type mytoken'"),
            1);
  EXPECT_EQ(site.count("SELECT count(*) FROM events WHERE comment = 'Got RT from parent'"), 1);
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens"), 1);
  EXPECT_EQ(site.count("SELECT count(DISTINCT sealed_key) FROM mytokens"), 2);
}

TEST(Subtoken, the_capability_is_needed_and_cannot_be_widened) {
  Installation site;
  const Secret plain = site.login_token();
  EXPECT_EQ(problem(make(site, plain)),
            "403 insufficient_capabilities The provided token does not have the required "
            "capability for this operation");
  const Secret parent = site.login_token(parent_wish());
  service::TokenWish wish;
  wish.capabilities = token::Capabilities{};
  EXPECT_EQ(
      problem(make(site, parent, wish)),
      "400 invalid_request mytoken to be issued cannot have any of the requested capabilities");
  wish.capabilities = token::Capabilities{"settings", "manage_mytokens"};
  EXPECT_EQ(
      problem(make(site, parent, wish)),
      "400 invalid_request mytoken to be issued cannot have any of the requested capabilities");
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 2);
  EXPECT_EQ(site.count("SELECT count(*) FROM events WHERE event = 'MT_created'"), 0);
}

TEST(Subtoken, a_limit_of_three_other_uses_admits_three_of_100_parallel_requests) {
  Installation site;
  service::TokenWish wish = parent_wish();
  wish.restrictions = {uses({}, 3)};
  const Secret parent = site.login_token(wish);
  const auto answers = site.run_all<Result<service::IssueAnswer>>(100, [&](std::size_t) {
    return service::make_subtoken(*site.context, request_of(site, parent));
  });
  int made = 0;
  for (const auto& answer : answers) {
    if (answer) ++made;
    if (!answer) {
      EXPECT_EQ(answer.error().code, "usage_restricted");
      EXPECT_EQ(answer.error().status, 403);
    }
  }
  EXPECT_EQ(made, 3);
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 4);
  EXPECT_EQ(site.count("SELECT max(used_other) FROM clauses"), 3);
}

TEST(Subtoken, a_use_that_is_overtaken_by_its_revocation_costs_what_it_descends_from_nothing) {
  ProviderKnobs knobs;
  knobs.delay = std::chrono::milliseconds(300);
  Installation site(knobs, false);
  service::TokenWish wish = parent_wish();
  wish.restrictions = {uses(5)};
  const Secret parent = site.login_token(wish);
  const Secret child = child_of(site, child_of(site, parent));
  const auto charged = [](sql::Connection& db) {
    return db.one("SELECT 1 FROM clauses WHERE used_at > 0", [](const sql::Row&) { return true; });
  };
  const auto one = [&](std::size_t i) -> Task<Result<void>> {
    if (i == 0) {
      auto answer = co_await service::access_token(*site.context, site.access(child));
      if (!answer) co_return fail(answer.error());
      co_return Result<void>();
    }
    for (int look = 0; look < 1'000'000; ++look) {
      auto found = co_await site.context->database.read(charged);
      if (!found || *found) break;
    }
    service::RevocationRequest request;
    request.presentation = site.present(child);
    co_return co_await service::revoke_presented(*site.context, std::move(request));
  };
  const auto answers = site.run_all<Result<void>>(2, one);
  ASSERT_FALSE(answers[0]);
  EXPECT_EQ(answers[0].error().status, 401);
  EXPECT_TRUE(answers[1]);
  EXPECT_EQ(site.count("SELECT count(*) FROM clauses"), 2);
  EXPECT_EQ(site.count("SELECT sum(used_at) FROM clauses"), 0);
}

TEST(Subtoken, restrictions_that_do_not_fit_are_dropped_or_refused) {
  Installation site;
  service::TokenWish wish = parent_wish();
  wish.restrictions = {uses(5, {})};
  const Secret parent = site.login_token(wish);
  service::TokenWish wider;
  wider.restrictions = {uses(6, {})};
  EXPECT_EQ(problem(make(site, parent, wider, true)),
            "400 invalid_request requested restrictions are not subset of original restrictions");
  auto answer = make(site, parent, wider, false);
  ASSERT_TRUE(answer);
  EXPECT_EQ(json::serialize(answer->body.at("restrictions")), R"([{"usages_AT":5}])");
  service::TokenWish tighter;
  tighter.restrictions = {uses(2, {})};
  answer = make(site, parent, tighter, true);
  ASSERT_TRUE(answer);
  EXPECT_EQ(json::serialize(answer->body.at("restrictions")), R"([{"usages_AT":2}])");
  EXPECT_TRUE(make(site, parent, {}, true));
  service::TokenWish past;
  past.restrictions = {uses(1, {})};
  past.restrictions[0].exp = site.clock.now() - Seconds(1);
  EXPECT_EQ(problem(make(site, parent, past)),
            "400 invalid_request token would already be expired");
}

TEST(Subtoken, keys_that_are_switched_off_are_removed_or_refused) {
  Installation site({}, true,
                    [](service::Settings& s) { s.unsupported_restrictions = {"geoip_allow"}; });
  const Secret parent = site.login_token(parent_wish());
  service::TokenWish wish;
  wish.restrictions = {uses(2, {})};
  wish.restrictions[0].geoip_allow = {"DE"};
  EXPECT_EQ(
      problem(make(site, parent, wish, true)),
      "400 invalid_request requested restrictions use keys that this server does not support");
  auto answer = make(site, parent, wish, false);
  ASSERT_TRUE(answer);
  EXPECT_EQ(json::serialize(answer->body.at("restrictions")), R"([{"usages_AT":2}])");
}

TEST(Subtoken, this_is_the_address_of_who_asks) {
  Installation site;
  const Secret parent = site.login_token(parent_wish());
  service::TokenWish wish;
  token::Clause clause;
  clause.hosts = {"this"};
  wish.restrictions = {clause};
  auto answer = make(site, parent, wish);
  ASSERT_TRUE(answer);
  EXPECT_EQ(json::serialize(answer->body.at("restrictions")), R"([{"hosts":["192.0.2.1"]}])");
}

TEST(Subtoken, W14_the_maximum_lifetime_caps_a_copy_and_only_then_refuses) {
  Installation site;
  service::TokenWish wish = parent_wish();
  wish.restrictions = {uses(5, {})};
  const Secret parent = site.login_token(wish);
  site.configure_maximum_lifetime(Seconds(1000));
  const std::int64_t cap = to_unix(site.clock.now()) + 1000;
  // Nothing was asked for: capped, and no reason to refuse (W 14).
  auto answer = make(site, parent, {}, true);
  ASSERT_TRUE(answer) << answer.error().description;
  EXPECT_EQ(answer->body.at("restrictions").as_array().at(0).as_object().at("exp").as_int64(), cap);
  EXPECT_EQ(answer->body.at("expires_in").as_int64(), 1000);
  service::TokenWish longer;
  longer.restrictions = {uses(1, {})};
  EXPECT_EQ(problem(make(site, parent, longer, true)),
            "400 invalid_request requested restrictions do not respect maximum mytoken lifetime");
  longer.restrictions[0].exp = site.clock.now() + Seconds(500);
  EXPECT_TRUE(make(site, parent, longer, true));
  // The capped clause is charged to the parent's clause as it was.
  EXPECT_EQ(accesses(site, Secret(text(answer->body, "mytoken")), 2), 2);
  EXPECT_EQ(site.count("SELECT used_at FROM clauses WHERE parent_mytoken_id IS NULL"), 2);
}

TEST(Subtoken, a_rotating_parent_is_replaced_with_the_answer_and_a_retry_repeats_it) {
  Installation site;
  service::TokenWish wish = parent_wish();
  wish.rotation = token::Rotation{false, true, Seconds(0), true};
  const json::object login = site.login(wish);
  const Secret parent(text(login, "mytoken"));
  service::SubtokenRequest request = request_of(site, parent);
  request.request_hash = "what was asked";
  auto first = site.run(service::make_subtoken(*site.context, request));
  ASSERT_TRUE(first) << first.error().description;
  ASSERT_TRUE(first->body.contains("token_update"));
  EXPECT_EQ(text(first->body.at("token_update").as_object(), "mytoken"), first->rotated.reveal());
  EXPECT_EQ(text(first->body.at("token_update").as_object(), "mom_id"), text(login, "mom_id"));
  site.clock.advance(std::chrono::seconds(10));
  request.presentation.arrival = site.clock.now();
  auto retry = site.run(service::make_subtoken(*site.context, request));
  ASSERT_TRUE(retry) << retry.error().description;
  EXPECT_EQ(json::serialize(retry->body), json::serialize(first->body));
  EXPECT_TRUE(retry->rotated == first->rotated);
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 2);
  EXPECT_EQ(
      site.events(*token::parse_mom_id(text(login, "mom_id"))),
      (std::vector<std::string>{"created", "transfer_code_used", "token_rotated", "MT_created"}));
  EXPECT_TRUE(gives_access(site, first->rotated));
  // After the grace it is theft.
  site.clock.advance(std::chrono::seconds(1));
  request.presentation.arrival = site.clock.now();
  EXPECT_FALSE(site.run(service::make_subtoken(*site.context, request)));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
}

TEST(Subtoken, another_request_with_the_predecessor_is_theft_even_within_the_grace) {
  Installation site;
  service::TokenWish wish = parent_wish();
  wish.rotation = token::Rotation{false, true, Seconds(0), true};
  const Secret parent = site.login_token(wish);
  service::SubtokenRequest request = request_of(site, parent);
  request.request_hash = "what was asked";
  ASSERT_TRUE(site.run(service::make_subtoken(*site.context, request)));
  site.clock.advance(std::chrono::seconds(2));
  request.presentation.arrival = site.clock.now();
  request.request_hash = "something else";
  EXPECT_FALSE(site.run(service::make_subtoken(*site.context, request)));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 0);
}

TEST(Subtoken, a_retry_from_where_the_token_may_not_be_used_gets_no_answer) {
  Installation site;
  service::TokenWish wish = parent_wish();
  wish.rotation = token::Rotation{false, true, Seconds(0), false};
  token::Clause clause;
  clause.hosts = {"192.0.2.0/24"};
  clause.usages_other = 1;
  wish.restrictions = {clause};
  const Secret parent = site.login_token(wish);
  service::SubtokenRequest request = request_of(site, parent);
  request.request_hash = "what was asked";
  ASSERT_TRUE(site.run(service::make_subtoken(*site.context, request)));
  request.presentation.client.address = "203.0.113.9";
  auto thief = site.run(service::make_subtoken(*site.context, request));
  ASSERT_FALSE(thief);
  EXPECT_EQ(thief.error().code, "usage_restricted");
  request.presentation.client.address = "192.0.2.77";
  EXPECT_TRUE(site.run(service::make_subtoken(*site.context, request)));
}

TEST(Subtoken, rotation_is_neither_inherited_nor_made_where_it_is_switched_off) {
  Installation site;
  service::TokenWish wish = parent_wish();
  wish.rotation = token::Rotation{true, false, Seconds(50), true};
  const Secret parent = site.login_token(wish);
  auto answer = make(site, parent);
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->body.contains("rotation"));
  EXPECT_FALSE(answer->body.contains("expires_in"));
  Installation off({}, true, [](service::Settings& s) { s.token_rotation = false; });
  EXPECT_FALSE(off.login(wish).contains("rotation"));
}

TEST(Subtoken, a_budget_stays_one_budget_when_a_token_in_the_middle_is_revoked) {
  Installation site;
  service::TokenWish wish = parent_wish();
  wish.restrictions = {uses(6, {})};
  const Secret root = site.login_token(wish);
  service::TokenWish middle_wish;
  middle_wish.restrictions = {uses(3, {})};
  const Secret middle = child_of(site, root, middle_wish);
  const Secret first = child_of(site, middle);
  const Secret second = child_of(site, middle);
  EXPECT_TRUE(gives_access(site, first));
  revoke(site, middle);
  // Three were given to the middle, whoever uses them.
  EXPECT_EQ(accesses(site, first, 4) + accesses(site, second, 4), 2);
  EXPECT_EQ(accesses(site, root, 9), 3);
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens WHERE parent_id IS NOT NULL"), 2);
}

TEST(Subtoken, a_budget_does_not_multiply_when_the_root_is_revoked) {
  Installation site;
  service::TokenWish wish = parent_wish();
  wish.restrictions = {uses(2, {})};
  const Secret root = site.login_token(wish);
  std::vector<Secret> children;
  for (int i = 0; i < 4; ++i)
    children.push_back(child_of(site, root));
  revoke(site, root);
  int good = 0;
  for (const Secret& child : children)
    good += accesses(site, child, 3);
  EXPECT_EQ(good, 2);
  // With the last child the counters of the root end too.
  for (const Secret& child : children)
    revoke(site, child);
  EXPECT_EQ(site.count("SELECT count(*) FROM clauses"), 0);
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens"), 0);
}

TEST(Subtoken, without_strict_inheritance_every_token_counts_for_itself) {
  Installation site({}, true, [](service::Settings& s) { s.strict_usage_inheritance = false; });
  service::TokenWish wish = parent_wish();
  wish.restrictions = {uses(1, {})};
  const Secret root = site.login_token(wish);
  const Secret child = child_of(site, root);
  EXPECT_EQ(accesses(site, child, 3), 1);
  EXPECT_EQ(accesses(site, root, 3), 1);
}

TEST(Subtoken, a_provider_that_is_no_longer_configured_gives_no_subtokens) {
  Installation site;
  const Secret parent = site.login_token(parent_wish());
  site.configure_no_provider();
  EXPECT_EQ(problem(make(site, parent)),
            "400 invalid_request The provided issuer is not supported");
}

TEST(Subtoken, a_foreign_issuer_is_refused_and_a_slash_does_not_matter) {
  Installation site;
  const Secret parent = site.login_token(parent_wish());
  service::TokenWish wish;
  wish.oidc_issuer = "https://elsewhere.example.org";
  EXPECT_EQ(problem(make(site, parent, wish)),
            "400 invalid_request token not for specified issuer");
  wish.oidc_issuer = site.provider->issuer() + "/";
  EXPECT_TRUE(make(site, parent, wish));
}

TEST(Subtoken, a_failed_write_charges_nothing_and_rotates_nothing) {
  Installation site;
  service::TokenWish wish = parent_wish();
  wish.rotation = token::Rotation{false, true, Seconds(0), false};
  wish.restrictions = {uses({}, 1)};
  const Secret parent = site.login_token(wish);
  site.database->refuse("INSERT INTO mytokens");
  EXPECT_FALSE(make(site, parent));
  site.database->refuse("");
  EXPECT_EQ(site.count("SELECT used_other FROM clauses"), 0);
  EXPECT_EQ(site.count("SELECT seq_no FROM mytokens"), 1);
  EXPECT_TRUE(make(site, parent));
}

TEST(Subtoken, auth_time_is_the_logins) {
  Installation site;
  const Secret parent = site.login_token(parent_wish());
  const std::int64_t login_time = to_unix(site.clock.now());
  site.clock.advance(std::chrono::hours(5));
  const Secret child = child_of(site, parent);
  auto answer = site.run(service::introspect(*site.context, site.present(child)));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->at("token").as_object().at("auth_time").as_int64(), login_time);
  EXPECT_EQ(answer->at("token").as_object().at("iat").as_int64(), login_time + 5 * 3600);
}

TEST(Subtoken, a_preview_is_what_would_be_made_and_leaves_no_trace) {
  Installation site;
  service::TokenWish wish = parent_wish();
  wish.restrictions = {uses(3, 1)};
  wish.rotation = token::Rotation{false, true, Seconds(0), false};
  const json::object login = site.login(wish);
  const Secret parent(text(login, "mytoken"));
  const std::string id = *token::parse_mom_id(text(login, "mom_id"));
  const auto before = site.events(id);
  service::TokenWish asked;
  asked.name = "child";
  asked.restrictions = {uses(2, 1)};
  asked.capabilities = token::Capabilities{"AT", "settings"};
  for (int i = 0; i < 3; ++i) {
    auto preview =
        site.run(service::preview_subtoken(*site.context, request_of(site, parent, asked)));
    ASSERT_TRUE(preview) << preview.error().description;
    EXPECT_EQ(preview->issuer, site.provider->issuer());
    EXPECT_EQ(preview->wish.name, "child");
    EXPECT_EQ(preview->wish.capabilities, token::Capabilities{"AT"});
    EXPECT_EQ(preview->wish.restrictions, token::Restrictions{uses(2, 1)});
    EXPECT_EQ(preview->grantable, *wish.capabilities);
  }
  EXPECT_EQ(site.events(id), before);
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), 1);
  // neither the only other use nor the sequence number is gone
  EXPECT_TRUE(make(site, parent, asked));
}

TEST(Subtoken, a_preview_is_refused_like_the_token_itself) {
  Installation site;
  service::TokenWish wish = parent_wish();
  wish.capabilities = token::Capabilities{"AT"};
  auto preview =
      site.run(service::preview_subtoken(*site.context, request_of(site, site.login_token(wish))));
  ASSERT_FALSE(preview);
  EXPECT_EQ(preview.error().code, "insufficient_capabilities");
  preview = site.run(
      service::preview_subtoken(*site.context, request_of(site, Secret(std::string(64, 'x')))));
  ASSERT_FALSE(preview);
  EXPECT_EQ(preview.error().status, 401);
  wish = parent_wish();
  wish.restrictions = {uses(1, 0)};
  preview =
      site.run(service::preview_subtoken(*site.context, request_of(site, site.login_token(wish))));
  ASSERT_FALSE(preview);
  EXPECT_EQ(preview.error().code, "usage_restricted");
}

TEST(Subtoken, danger_names_that_a_request_makes_the_server_look_up_are_charged_before_the_first) {
  Installation site;
  service::TokenWish wish = parent_wish();
  token::Clause here;
  here.hosts = {"192.0.2.0/24"};
  token::Clause named;
  named.hosts = {"*.example.org"};
  wish.restrictions = {here, named};
  const Secret parent = site.login_token(wish);
  service::TokenWish asked;
  token::Clause many;
  for (int i = 1; i <= 32; ++i)
    many.hosts.push_back("198.51.100." + std::to_string(i));
  asked.restrictions = {many};
  std::vector<std::size_t> charged;
  const auto ask = [&](const Secret& token, bool allowed) {
    service::SubtokenRequest request = request_of(site, token, asked);
    request.presentation.client.address = "192.0.2.1";
    request.charge_look_ups = [&charged, allowed](std::size_t names) -> Result<void> {
      charged.push_back(names);
      return allowed ? Result<void>() : fail(access_denied("no more", 429));
    };
    site.resolver.look_ups = 0;
    auto preview = site.run(service::preview_subtoken(*site.context, request));
    return preview ? 200 : preview.error().status;
  };
  EXPECT_EQ(ask(parent, true), 200);
  const int own = 1;  // the client's, for the parent's clause
  EXPECT_EQ(site.resolver.look_ups, 32 + own);
  EXPECT_EQ(ask(parent, false), 429);
  EXPECT_EQ(site.resolver.look_ups, own);
  EXPECT_EQ(charged, (std::vector<std::size_t>{32, 32}));
  EXPECT_EQ(ask(Secret(std::string(64, 'x')), true), 401);
  EXPECT_EQ(site.resolver.look_ups, 0) << "for whoever has no mytoken";
  asked.restrictions = {here};
  EXPECT_EQ(ask(parent, false), 200);
  EXPECT_EQ(charged.size(), 2u) << "nothing to look up, nothing to pay";
  asked.restrictions = {many};
  service::SubtokenRequest stored = request_of(site, parent, asked);
  stored.presentation.client.address = "192.0.2.1";
  stored.charge_look_ups = [](std::size_t) -> Result<void> {
    return fail(access_denied("no more", 429));
  };
  auto made = site.run(service::make_subtoken(*site.context, std::move(stored)));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().status, 429);
}

}  // namespace
}  // namespace mytoken::test
