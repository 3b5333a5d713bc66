// Rows of the shapes; real sizes, and where nobody opens them random contents.
#include "shapes.h"

#include <stdexcept>

#include "base/random.h"
#include "crypto/hash.h"
#include "store/history.h"
#include "store/tokens.h"
#include "store/usages.h"

namespace mytoken::bench {
namespace {

constexpr std::size_t sealed_key_size = 78;
constexpr std::int64_t ample = 1'000'000'000;
constexpr std::int64_t children_of_token = 10;

store::NewToken unpresented(store::UserId user, store::RefreshTokenId refresh_token, Time now) {
  store::NewToken row;
  row.id = random_bytes(64);
  row.user_id = user;
  row.refresh_token_id = refresh_token;
  row.sealed_key = random_bytes(sealed_key_size);
  row.name = "job";
  row.created = now;
  row.created_ip = "192.0.2.1";
  row.expires_at = now + std::chrono::hours(24 * 30);
  row.capabilities = R"(["AT","tokeninfo"])";
  row.restrictions = R"([{"exp":1893456000,"scope":"openid profile email"}])";
  return row;
}

store::ClauseRow budget(const std::string& hash) {
  store::ClauseRow clause;
  clause.hash = hash;
  clause.limit_at = clause.limit_other = ample;
  return clause;
}

}  // namespace

Shape parse_shape(std::string_view name) {
  constexpr std::pair<std::string_view, Shape> shapes[] = {{"usual", Shape::usual},
                                                           {"rotating", Shape::rotating},
                                                           {"chain", Shape::chain},
                                                           {"history", Shape::history},
                                                           {"crowd", Shape::crowd}};
  for (const auto& [known, shape] : shapes)
    if (known == name) return shape;
  throw std::runtime_error("unknown shape " + std::string(name));
}

service::MintRequest wanted(Shape shape, const std::string& issuer, Time now) {
  service::MintRequest wanted;
  wanted.oidc_sub = "user-1";
  wanted.oidc_iss = issuer;
  wanted.name = "benchmark";
  wanted.capabilities = {"AT", "tokeninfo", "create_mytoken"};
  if (shape == Shape::crowd) wanted.capabilities.emplace_back("manage_mytokens:list");
  token::Clause clause;
  clause.exp = now + std::chrono::hours(24 * 30);
  clause.scope = {"openid", "profile", "email"};
  if (shape == Shape::chain) clause.usages_at = clause.usages_other = ample;
  wanted.restrictions = {clause};
  if (shape == Shape::rotating) wanted.rotation = token::Rotation{true, true, Seconds(0), true};
  return wanted;
}

Result<std::optional<service::Parentage>> add_ancestors(sql::Transaction& db, Shape shape,
                                                        const service::Minted& token,
                                                        store::UserId user,
                                                        store::RefreshTokenId refresh_token,
                                                        Time now) {
  if (shape != Shape::chain) return std::optional<service::Parentage>();
  const std::string hash = token::clause_hash(token.claims.restrictions.at(0));
  std::optional<std::string> parent;
  for (int generation = 1; generation < generations; ++generation) {
    store::NewToken row = unpresented(user, refresh_token, now);
    row.parent_id = parent;
    if (auto r = store::add_token(db, row); !r) return tl::unexpected(r.error());
    store::ClauseRow clause = budget(hash);
    if (parent) {
      clause.parent_mytoken_id = parent;
      clause.parent_hash = hash;
    }
    if (auto r = store::add_clauses(db, row.id, {clause}); !r) return tl::unexpected(r.error());
    parent = row.id;
  }
  return std::optional<service::Parentage>(service::Parentage{*parent, {hash}});
}

Result<void> add_belongings(sql::Transaction& db, const Clock& clock, Shape shape,
                            const service::Minted& token, store::UserId user,
                            store::RefreshTokenId refresh_token) {
  const store::ClientInfo client{"192.0.2.1", "bench/1"};
  if (shape == Shape::history) {
    for (std::int64_t i = 0; i < events_of_history; ++i) {
      auto r =
          store::add_event(db, clock, token.id, "AT_created", "Used grant_type mytoken", client);
      if (!r) return r;
    }
  }
  if (shape != Shape::crowd) return {};
  std::vector<std::string> ids{token.id};
  while (static_cast<std::int64_t>(ids.size()) < tokens_of_crowd) {
    store::NewToken row = unpresented(user, refresh_token, clock.now());
    row.parent_id = ids[(ids.size() - 1) / children_of_token];
    if (auto r = store::add_token(db, row); !r) return r;
    store::ClauseRow clause;
    clause.hash = crypto::sha512(row.restrictions);
    if (auto r = store::add_clauses(db, row.id, {clause}); !r) return r;
    if (auto r = store::add_event(db, clock, row.id, "created", "Used grant_type mytoken", client);
        !r) {
      return r;
    }
    ids.push_back(row.id);
  }
  return {};
}

}  // namespace mytoken::bench
