// Ids ascend, so that rows are appended to every index instead of scattered over it; they are still
// spread over the whole range, as random ones are.
#include "filler.h"

#include <algorithm>

#include "base/random.h"
#include "crypto/hash.h"
#include "store/history.h"
#include "store/refresh_tokens.h"
#include "store/tokens.h"
#include "store/usages.h"

namespace mytoken::bench {
namespace {

constexpr std::int64_t tokens_of_user = 10;
constexpr std::int64_t tokens_of_family = 4;
constexpr std::int64_t tokens_per_transaction = 10'000;
constexpr std::size_t sealed_key_size = 78;             // 32 bytes in an envelope
constexpr std::size_t sealed_refresh_token_size = 350;  // an opaque token in an envelope

class Filler {
 public:
  Filler(const Clock& clock, std::int64_t tokens, const std::string& issuer)
      : clock_(clock), tokens_(tokens), issuer_(issuer), bytes_(random_bytes(4096)) {}

  // The tokens [first, end) with what belongs to them.
  Result<void> add(sql::Transaction& db, std::int64_t first, std::int64_t end) {
    for (std::int64_t i = first; i < end; ++i) {
      if (i % tokens_of_user == 0) {
        auto user = store::find_or_add_user(db, "filler-" + std::to_string(i), issuer_,
                                            std::nullopt, false, clock_.now());
        if (!user) return tl::unexpected(user.error());
        user_ = *user;
      }
      if (auto r = add_one(db, i); !r) return r;
    }
    return {};
  }

 private:
  Result<void> add_one(sql::Transaction& db, std::int64_t number) {
    const Time now = clock_.now();
    const bool is_root = number % tokens_of_family == 0;
    store::NewToken token;
    token.id = spread(number);
    if (is_root) {
      root_ = token.id;
      refresh_token_ = std::max<std::int64_t>(number, 1) * step();
      const std::string sealed = some_bytes(number, sealed_refresh_token_size);
      if (auto r = store::add_refresh_token(db, refresh_token_, user_, issuer_, sealed, true, now);
          !r) {
        return r;
      }
    } else {
      token.parent_id = root_;
    }
    token.user_id = user_;
    token.refresh_token_id = refresh_token_;
    token.sealed_key = some_bytes(number + 7, sealed_key_size);
    token.name = "filler " + std::to_string(number);
    token.created = now;
    token.created_ip = "192.0.2.1";
    token.expires_at = now + std::chrono::hours(24 * 30);
    token.capabilities = R"(["AT","tokeninfo","create_mytoken"])";
    token.restrictions = R"([{"exp":1893456000,"scope":"openid profile email"}])";
    if (auto r = store::add_token(db, token); !r) return r;
    store::ClauseRow clause;
    clause.hash = crypto::sha512(token.restrictions);
    if (auto r = store::add_clauses(db, token.id, {clause}); !r) return r;
    const store::ClientInfo client{"192.0.2.1", "filler/1"};
    return store::add_event(db, clock_, token.id, "created", "Used grant_type oidc_flow", client);
  }

  std::int64_t step() const {
    return INT64_C(0x3fff'ffff'ffff'ffff) / std::max<std::int64_t>(tokens_, 1);
  }

  // 64 bytes, ascending with `number`.
  std::string spread(std::int64_t number) const {
    auto place = static_cast<std::uint64_t>(number * step()) << 1;
    std::string id(8, '\0');
    for (std::size_t i = 8; i-- > 0; place >>= 8)
      id[i] = static_cast<char>(place & 0xff);
    return id + crypto::sha512(id).substr(8);
  }

  std::string some_bytes(std::int64_t number, std::size_t size) const {
    return bytes_.substr(static_cast<std::size_t>(number % 3000), size);
  }

  const Clock& clock_;
  const std::int64_t tokens_;
  const std::string& issuer_;
  const std::string bytes_;
  store::UserId user_ = 0;
  store::RefreshTokenId refresh_token_ = 0;
  std::string root_;
};

}  // namespace

Result<void> fill(sql::Database& database, const Clock& clock, std::int64_t tokens,
                  const std::string& issuer) {
  Filler filler(clock, tokens, issuer);
  for (std::int64_t first = 0; first < tokens; first += tokens_per_transaction) {
    const std::int64_t end = std::min(tokens, first + tokens_per_transaction);
    auto work = [&](sql::Transaction& db) { return filler.add(db, first, end); };
    if (auto r = database.write_now(work); !r) return r;
  }
  return {};
}

}  // namespace mytoken::bench
