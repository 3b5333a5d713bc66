// What must hold when something breaks or ends in the middle: exceptions where none should be, a
// server that drains, and a provider that rotates although it is said not to.
#include <gtest/gtest.h>

#include <boost/asio/basic_waitable_timer.hpp>

#include "service/access.h"
#include "service/revoke.h"
#include "unit/service/mytokens.h"

namespace mytoken::test {
namespace {

using Rotation = ProviderKnobs::Rotation;

ProviderKnobs rotating(Rotation rotation) {
  ProviderKnobs knobs;
  knobs.rotation = rotation;
  return knobs;
}

Result<service::AccessAnswer> get(Installation& site, const Secret& token) {
  return site.run(service::access_token(*site.context, site.access(token)));
}

TEST(Exceptions, one_while_an_exchange_is_stored_is_survived_if_it_holds_a_new_refresh_token) {
  Installation site(rotating(Rotation::family_revocation));
  const Secret token = site.login_token(with_usages(2));
  site.database->explode_at("INSERT INTO access_tokens");
  EXPECT_TRUE(get(site, token));
  EXPECT_EQ(site.provider->counters().refreshes, 1u);
  EXPECT_EQ(site.count("SELECT used_at FROM clauses"), 1);
  EXPECT_TRUE(get(site, token));
  EXPECT_FALSE(site.provider->sessions().at(0).reuse_detected);
}

TEST(Exceptions, one_after_the_providers_answer_costs_no_usage) {
  Installation site(rotating(Rotation::off));
  const Secret token = site.login_token(with_usages(1));
  site.database->explode_at("INSERT INTO access_tokens");
  EXPECT_THROW(get(site, token), std::runtime_error);
  EXPECT_EQ(site.provider->counters().refreshes, 1u);
  EXPECT_EQ(site.count("SELECT used_at FROM clauses"), 0);
  EXPECT_EQ(site.count("SELECT count(*) FROM refresh_tokens WHERE lease_owner IS NOT NULL"), 0);
  EXPECT_EQ(site.context->provider_calls.load(), 0);
  EXPECT_TRUE(get(site, token));
}

TEST(Exceptions, one_while_a_successor_is_stored_does_not_lose_it) {
  Installation site(rotating(Rotation::family_revocation));
  const Secret token = site.login_token();
  site.database->explode_at("SET sealed_token");
  EXPECT_TRUE(get(site, token));
  EXPECT_EQ(site.count("SELECT version FROM refresh_tokens"), 2);
  EXPECT_TRUE(get(site, token));
  EXPECT_FALSE(site.provider->sessions().at(0).reuse_detected);
}

TEST(Exceptions, one_while_a_login_is_stored_ends_the_session_at_the_provider_and_the_exchange) {
  Installation site;
  auto start = site.start();
  ASSERT_TRUE(start);
  const auto back = site.consented(*start);
  site.database->explode_at("INSERT INTO refresh_tokens");
  EXPECT_THROW(site.finish(back), std::runtime_error);
  EXPECT_TRUE(site.provider->sessions().at(0).ended);
  EXPECT_EQ(site.count("SELECT count(*) FROM flows WHERE status = 'exchanging'"), 0);
  EXPECT_EQ(site.context->provider_calls.load(), 0);
}

TEST(Exceptions, one_in_a_round_of_background_work_does_not_end_the_rounds) {
  Installation site;
  const Secret token = site.login_token();
  service::RevocationRequest request;
  request.presentation = site.present(token);
  ASSERT_TRUE(site.run(service::revoke_presented(*site.context, request)));
  site.database->explode_at("UPDATE outbox");
  auto until_idle = [&]() -> Task<bool> {
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, Executor>
        timer(site.io.get_executor());
    const auto busy = [&] {
      return site.count("SELECT count(*) FROM outbox") > 0 ||
             site.context->next_purge.load() == Time();
    };
    service::wake_outbox(*site.context);
    for (int i = 0; i < 4000 && busy(); ++i) {
      timer.expires_after(std::chrono::milliseconds(5));
      co_await timer.async_wait(use_task);
    }
    // The last write of the rounds is done when a later one is.
    auto nothing = [](sql::Transaction&) -> Result<void> { return {}; };
    auto written = co_await site.database->write(nothing);
    co_return written.has_value();
  };
  // The rounds run beside the wait and go with the io_context.
  asio::co_spawn(site.io, service::run_background(*site.context), asio::detached);
  Task<bool> waiting = until_idle();
  EXPECT_TRUE(site.run(std::move(waiting)));
  EXPECT_TRUE(site.provider->sessions().at(0).ended);
  EXPECT_NE(site.log.text().find("background work failed and goes on"), std::string::npos);
}

TEST(Outbox, due_revocations_run_side_by_side_within_a_bound) {
  Installation site;
  std::vector<Secret> tokens;
  for (int i = 0; i < 20; ++i)
    tokens.push_back(site.login_token());
  for (const Secret& token : tokens) {
    service::RevocationRequest request;
    request.presentation = site.present(token);
    ASSERT_TRUE(site.run(service::revoke_presented(*site.context, request)));
  }
  site.background();
  EXPECT_EQ(site.provider->counters().revocations, 16u);
  EXPECT_TRUE(site.context->outbox_waiting.load());  // the next round comes at once
  site.background();
  EXPECT_EQ(site.provider->counters().revocations, 20u);
  EXPECT_EQ(site.count("SELECT count(*) FROM outbox"), 0);
}

TEST(Draining, requests_end_with_503_before_the_provider_is_asked) {
  Installation site(rotating(Rotation::single_use));
  const Secret token = site.login_token(with_usages(1));
  auto start = site.start();
  ASSERT_TRUE(start);
  const auto back = site.consented(*start);
  service::start_draining(*site.context);
  const auto asked = site.provider->counters().token_requests;
  auto answer = get(site, token);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().status, 503);
  EXPECT_GT(answer.error().retry_after.count(), 0);
  auto end = site.finish(back);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().status, 503);
  EXPECT_EQ(site.provider->counters().token_requests, asked);
  EXPECT_EQ(site.count("SELECT used_at FROM clauses"), 0);
  EXPECT_EQ(site.context->provider_calls.load(), 0);
  site.restart();
  EXPECT_TRUE(get(site, token));
  EXPECT_TRUE(site.finish(back));  // the same link works after the restart
}

TEST(Draining, whoever_waits_for_a_turn_is_sent_away_and_the_call_under_way_is_finished) {
  Installation site(rotating(Rotation::family_revocation));
  const Secret token = site.login_token();
  site.provider->set([](ProviderKnobs& k) { k.delay = std::chrono::milliseconds(500); });
  // The eleventh task drains as soon as the provider has acted on the first request.
  const auto answers = site.run_all<Result<service::AccessAnswer>>(
      11, [&](std::size_t i) -> Task<Result<service::AccessAnswer>> {
        if (i < 10) co_return co_await service::access_token(*site.context, site.access(token));
        const Executor executor = co_await asio::this_coro::executor;
        asio::basic_waitable_timer<std::chrono::steady_clock,
                                   asio::wait_traits<std::chrono::steady_clock>, Executor>
            timer(executor);
        while (site.provider->counters().refreshes == 0) {
          timer.expires_after(std::chrono::milliseconds(1));
          co_await timer.async_wait(use_task);
        }
        EXPECT_EQ(site.context->provider_calls.load(), 1);
        service::start_draining(*site.context);
        co_return fail(service::ending());
      });
  std::size_t granted = 0;
  for (const auto& answer : answers) {
    if (answer) ++granted;
    if (!answer) {
      EXPECT_EQ(answer.error().status, 503);
    }
  }
  EXPECT_EQ(granted, 1u);
  EXPECT_EQ(site.provider->counters().refreshes, 1u);
  site.restart();
  EXPECT_TRUE(get(site, token));
  EXPECT_FALSE(site.provider->sessions().at(0).reuse_detected);
}

TEST(UnexpectedRotation, the_newest_successor_is_kept_and_later_requests_take_turns) {
  ProviderKnobs knobs = rotating(Rotation::loose);
  knobs.delay = std::chrono::milliseconds(300);
  Installation site(knobs, false);
  const Secret token = site.login_token();
  // Not through run_all, which makes the providers anew at its end.
  std::optional<Result<service::AccessAnswer>> first, second;
  asio::co_spawn(
      site.io, service::access_token(*site.context, site.access(token)),
      [&](std::exception_ptr, Result<service::AccessAnswer> a) { first = std::move(a); });
  second = get(site, token);
  site.io.restart();
  while (!first && site.io.run_one_for(std::chrono::seconds(20)) > 0) {
  }
  ASSERT_TRUE(first && *first && *second);
  EXPECT_EQ(site.provider->counters().refreshes, 2u);
  EXPECT_EQ(site.count("SELECT version FROM refresh_tokens"), 3);  // both were stored, in turn
  EXPECT_TRUE(site.context->providers.all().front()->rotates_refresh_tokens());
  const std::string log = site.log.text();
  const std::string hint = "set rotating_refresh_tokens: yes";
  ASSERT_NE(log.find(hint), std::string::npos);
  EXPECT_EQ(log.find(hint, log.find(hint) + 1), std::string::npos);  // once

  // In turns: nobody presents a token that was used, which from here on would end the session.
  site.provider->set([](ProviderKnobs& k) {
    k.rotation = Rotation::family_revocation;
    k.delay = std::chrono::milliseconds(10);
  });
  EXPECT_TRUE(get(site, token));  // the stored one is the newest issued
  const auto answers = site.run_all<Result<service::AccessAnswer>>(
      10, [&](std::size_t) { return service::access_token(*site.context, site.access(token)); });
  for (const auto& answer : answers)
    EXPECT_TRUE(answer) << answer.error().cause << answer.error().description;
  EXPECT_FALSE(site.provider->sessions().at(0).reuse_detected);
}

}  // namespace
}  // namespace mytoken::test
