// The table is divided into shards with a lock each, so that threads rarely meet.
#include "http/rate_limit.h"

#include <array>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/ip_address.h"

namespace mytoken::http {
namespace {

constexpr std::size_t shard_count = 16;
constexpr std::size_t sample = 8;  // entries looked at when one must go

struct Window {
  RateLimiter::Instant end;
  std::uint32_t requests = 0;
};

struct Shard {
  mutable std::mutex lock;
  std::unordered_map<std::string, Window> windows;
  RateLimiter::Instant next_purge{};
};

}  // namespace

struct RateLimiter::Impl {
  RateLimit settings;
  std::vector<Network> allowed;
  std::size_t shard_capacity;
  std::array<Shard, shard_count> shards;

  // Makes room in a full shard: what is over goes (looked for once a second at most), else the one
  // of the first few entries that has used least, because its owner loses least by starting anew.
  void make_room(Shard& shard, Instant now) const {
    if (shard.windows.size() < shard_capacity) return;
    if (now >= shard.next_purge) {
      std::erase_if(shard.windows, [now](const auto& entry) { return entry.second.end <= now; });
      shard.next_purge = now + std::chrono::seconds(1);
      if (shard.windows.size() < shard_capacity) return;
    }
    auto least = shard.windows.begin();
    std::size_t seen = 0;
    for (auto entry = shard.windows.begin(); entry != shard.windows.end() && seen < sample;
         ++entry, ++seen) {
      if (entry->second.requests < least->second.requests) least = entry;
    }
    shard.windows.erase(least);
  }

  // nullopt: exempt.
  std::optional<std::string> key_of(std::string_view text) const {
    const std::optional<Address> address = Address::parse(text);
    if (!address) return std::string(text);
    for (const Network& network : allowed) {
      if (network.contains(*address)) return std::nullopt;
    }
    const auto& bytes = address->bytes();
    return std::string(reinterpret_cast<const char*>(bytes.data()), address->is_v4() ? 4 : 8);
  }

  Shard& shard_of(const std::string& key) {
    return shards[std::hash<std::string>{}(key) % shard_count];
  }
};

RateLimiter::RateLimiter(RateLimit settings, std::size_t capacity)
    : impl_(std::make_unique<Impl>()) {
  for (const std::string& text : settings.always_allow) {
    if (const auto network = Network::parse(text)) impl_->allowed.push_back(*network);
  }
  impl_->settings = std::move(settings);
  impl_->shard_capacity = std::max<std::size_t>(1, capacity / shard_count);
}

RateLimiter::~RateLimiter() = default;

RateLimiter::Decision RateLimiter::count(std::string_view address, Instant now) {
  Decision decision;
  if (!impl_->settings.enabled) return decision;
  const std::optional<std::string> key = impl_->key_of(address);
  if (!key) return decision;
  Shard& shard = impl_->shard_of(*key);
  const std::lock_guard guard(shard.lock);
  auto entry = shard.windows.find(*key);
  if (entry == shard.windows.end()) {
    impl_->make_room(shard, now);
    entry = shard.windows.emplace(*key, Window{}).first;
  }
  Window& window = entry->second;
  if (window.end <= now) window = {now + impl_->settings.window, 0};
  decision.counted = true;
  decision.limit = impl_->settings.max_requests;
  decision.allowed = window.requests < decision.limit;
  if (decision.allowed) ++window.requests;
  decision.remaining = decision.limit - window.requests;
  decision.reset =
      std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(window.end - now));
  return decision;
}

void RateLimiter::give_back(std::string_view address, Instant now) {
  const std::optional<std::string> key = impl_->key_of(address);
  if (!key) return;
  Shard& shard = impl_->shard_of(*key);
  const std::lock_guard guard(shard.lock);
  const auto entry = shard.windows.find(*key);
  if (entry == shard.windows.end() || entry->second.end <= now) return;
  if (entry->second.requests > 0) --entry->second.requests;
}

std::size_t RateLimiter::size() const {
  std::size_t total = 0;
  for (const Shard& shard : impl_->shards) {
    const std::lock_guard guard(shard.lock);
    total += shard.windows.size();
  }
  return total;
}

}  // namespace mytoken::http
