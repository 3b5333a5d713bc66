// Servers that race: one with its SQLite, or three that meet only at their PostgreSQL. Every race
// is run several times with 200 or more attempts.
#pragma once
#include <gtest/gtest.h>

#include "service/access.h"
#include "service/codes.h"
#include "service/issue.h"
#include "service/revoke.h"
#include "unit/service/installation.h"

namespace mytoken::test {

inline constexpr int rounds = 3;
inline constexpr std::size_t attempts = 240;

class RacingServers : public ::testing::TestWithParam<Engine> {
 protected:
  // The provider does not rotate its refresh tokens: requests do not wait for each other there.
  RacingServers() : site({}, false, {}, GetParam()) {
    if (GetParam() == Engine::sqlite) return;
    for (const char* name : {"server-2", "server-3"}) {
      auto opened = site.open_database();
      EXPECT_TRUE(opened) << opened.error().cause;
      databases.push_back(std::move(*opened));
      auto journal =
          service::Journal::open(site.folder / (std::string("journal ") + name), site.log);
      EXPECT_TRUE(journal);
      journals.push_back(std::move(*journal));
      EXPECT_TRUE(journals.back()->bind("this-installation"));
      others.push_back(
          site.make_context(site.context->settings, name, *journals.back(), *databases.back()));
    }
  }

  service::Context& server(std::size_t i) {
    const std::size_t which = i % (others.size() + 1);
    return which == 0 ? *site.context : *others[which - 1];
  }

  static token::Clause uses(std::optional<std::int64_t> at, std::optional<std::int64_t> other) {
    token::Clause clause;
    clause.usages_at = at;
    clause.usages_other = other;
    return clause;
  }
  static service::TokenWish mother(token::Restrictions restrictions = {}) {
    service::TokenWish wish;
    wish.capabilities = token::Capabilities{"AT", "create_mytoken", "tokeninfo"};
    wish.restrictions = std::move(restrictions);
    return wish;
  }
  service::SubtokenRequest subtoken(const Secret& parent, std::string request_hash = {}) const {
    service::SubtokenRequest request;
    request.presentation = site.present(parent);
    request.wish.capabilities = token::Capabilities{"AT", "create_mytoken", "tokeninfo"};
    request.request_hash = std::move(request_hash);
    return request;
  }
  Secret child_of(const Secret& parent) {
    auto made = site.run(service::make_subtoken(*site.context, subtoken(parent)));
    EXPECT_TRUE(made) << made.error().description << " / " << made.error().cause;
    return Secret(made ? std::string(string_member(made->body, "mytoken")) : "");
  }
  Task<Result<void>> revoke(service::Context& context, const Secret& token, bool recursive) {
    service::RevocationRequest request;
    request.presentation = site.present(token);
    request.recursive = recursive;
    return service::revoke_presented(context, std::move(request));
  }

  // How many succeeded. Everything else must be a refusal with this code, never a failure of ours.
  template <class T>
  static std::size_t successes(const std::vector<Result<T>>& answers, std::string_view refusal) {
    std::size_t count = 0;
    for (const auto& answer : answers) {
      if (answer) {
        ++count;
      } else {
        EXPECT_EQ(answer.error().code, refusal)
            << answer.error().description << " / " << answer.error().cause;
      }
    }
    return count;
  }

  Installation site;
  std::vector<std::unique_ptr<sql::Database>> databases;
  std::vector<std::unique_ptr<service::Journal>> journals;
  std::vector<std::unique_ptr<service::Context>> others;
};

inline std::string name_of(const ::testing::TestParamInfo<Engine>& engine) {
  return engine.param == Engine::sqlite ? "OneOnSqlite" : "ThreeOnPostgresql";
}

}  // namespace mytoken::test
