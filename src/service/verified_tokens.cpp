// A sharded least-recently-used cache; what may be remembered stands in verified_tokens.h.
#include "service/verified_tokens.h"

namespace mytoken::service {
namespace {

// Bytes of a JWT; the memory is for many ordinary tokens and not for a few huge ones.
constexpr std::size_t longest_remembered = 4096;

}  // namespace

VerifiedTokens::Shard& VerifiedTokens::shard_of(const std::string& digest) {
  return shards_[digest.empty() ? 0 : static_cast<unsigned char>(digest[0]) % shard_count];
}

std::shared_ptr<const VerifiedToken> VerifiedTokens::find(const std::string& digest, Time now) {
  Shard& shard = shard_of(digest);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.by_digest.find(digest);
  if (found == shard.by_digest.end()) return nullptr;
  const auto entry = found->second;
  if (entry->token->claims.exp && *entry->token->claims.exp < now) {
    shard.by_digest.erase(found);
    shard.recent.erase(entry);
    return nullptr;
  }
  shard.recent.splice(shard.recent.begin(), shard.recent, entry);
  return entry->token;
}

void VerifiedTokens::remember(const std::string& digest,
                              std::shared_ptr<const VerifiedToken> token) {
  if (token->jwt.size() > longest_remembered) return;
  Shard& shard = shard_of(digest);
  const std::lock_guard lock(shard.mutex);
  if (shard.by_digest.contains(digest)) return;
  shard.recent.push_front({digest, std::move(token)});
  shard.by_digest.emplace(shard.recent.front().digest, shard.recent.begin());
  if (shard.recent.size() > most_per_shard_) {
    shard.by_digest.erase(shard.recent.back().digest);
    shard.recent.pop_back();
  }
}

}  // namespace mytoken::service
