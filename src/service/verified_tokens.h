// Remembers which byte strings were validly signed mytokens (DESIGN §7 step 1), because a signature
// costs far more than everything else in a request. Whether the token is revoked or rotated away is
// never remembered. Keyed by SHA-256 of what was presented; bounded; thread-safe.
#pragma once
#include <array>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/secret.h"
#include "token/claims.h"

namespace mytoken::service {

struct VerifiedToken {
  Secret jwt;
  token::Claims claims;
  std::string id;  // 64 bytes, from the jti
};

class VerifiedTokens {
 public:
  explicit VerifiedTokens(std::size_t most = 8192) : most_per_shard_(most / shard_count + 1) {}

  // `digest`: SHA-256 of the presented text. Null: not remembered, or expired by `now` (its exp).
  std::shared_ptr<const VerifiedToken> find(const std::string& digest, Time now);
  void remember(const std::string& digest, std::shared_ptr<const VerifiedToken> token);

 private:
  static constexpr std::size_t shard_count = 16;
  struct Entry {
    std::string digest;
    std::shared_ptr<const VerifiedToken> token;
  };
  struct Shard {
    std::mutex mutex;
    std::list<Entry> recent;  // most recently used first
    std::unordered_map<std::string_view, std::list<Entry>::iterator>
        by_digest;  // views into `recent`
  };
  Shard& shard_of(const std::string& digest);

  std::size_t most_per_shard_;
  std::array<Shard, shard_count> shards_;
};

}  // namespace mytoken::service
