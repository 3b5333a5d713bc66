// The table is divided into shards with a lock each, so that threads rarely meet.
#include "http/rate_limit.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/ip_address.h"

namespace mytoken::http {
namespace {

constexpr std::size_t shard_count = 16;
constexpr std::size_t sample = 8;  // entries looked at when one must go

using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr std::size_t most_told = 1000;
constexpr std::size_t longest_key = 16;
constexpr std::uint32_t notable_part = 8;

struct Window {
  RateLimiter::Instant end;
  std::uint32_t requests = 0;
  std::uint32_t elsewhere = 0;  // at other servers, as far as they have told

  // Without overflow.
  std::uint32_t total(std::uint32_t limit) const {
    return elsewhere >= limit ? limit : std::min(limit, requests + elsewhere);
  }
};

void put_number(std::string& text, std::uint64_t number, int bytes) {
  for (int i = bytes - 1; i >= 0; --i)
    text += static_cast<char>(number >> (8 * i));
}

std::uint64_t number_at(std::string_view text, std::size_t begin, std::size_t bytes) {
  std::uint64_t number = 0;
  for (const char c : text.substr(begin, bytes))
    number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

struct Told {
  std::int64_t end = 0;  // milliseconds since the epoch
  std::uint32_t requests = 0;
};

// Adds what one server told about windows that are not over.
void read_counts(std::string_view text, std::int64_t now, std::int64_t longest,
                 std::unordered_map<std::string, Told>& sum) {
  for (std::size_t i = 0; i < most_told && !text.empty(); ++i) {
    const std::size_t size = static_cast<unsigned char>(text.front());
    if (size > longest_key || text.size() < 1 + size + 12) return;
    const auto end = static_cast<std::int64_t>(number_at(text, 1 + size, 8));
    const auto requests = static_cast<std::uint32_t>(number_at(text, 9 + size, 4));
    if (end > now && end <= now + longest) {
      Told& told = sum[std::string(text.substr(1, size))];
      told.end = told.end == 0 ? end : std::min(told.end, end);
      const std::uint32_t room = UINT32_MAX - told.requests;
      told.requests += std::min(room, requests);
    }
    text.remove_prefix(1 + size + 12);
  }
}

struct Shard {
  mutable std::mutex lock;
  std::unordered_map<std::string, Window> windows;
  RateLimiter::Instant next_purge{};
  std::vector<std::string> from_others;  // keys of windows with `elsewhere`
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
      const auto used = [](const Window& window) {
        return std::uint64_t{window.requests} + window.elsewhere;
      };
      if (used(entry->second) < used(least->second)) least = entry;
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
  if (window.end <= now) window = {now + impl_->settings.window, 0, 0};
  decision.counted = true;
  decision.limit = impl_->settings.max_requests;
  decision.allowed = window.total(decision.limit) < decision.limit;
  if (decision.allowed) ++window.requests;
  decision.remaining = decision.limit - window.total(decision.limit);
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

std::string RateLimiter::own_counts(std::size_t servers, Instant now,
                                    system_clock::time_point wall) const {
  struct Busy {
    std::string key;
    Window window;
  };
  std::vector<Busy> busy;
  const std::uint64_t parts = std::uint64_t{notable_part} * std::max<std::size_t>(servers, 1);
  const std::uint64_t least = std::max<std::uint64_t>(1, impl_->settings.max_requests / parts);
  for (const Shard& shard : impl_->shards) {
    const std::lock_guard guard(shard.lock);
    for (const auto& [key, window] : shard.windows) {
      if (window.end > now && window.requests >= least && key.size() <= longest_key)
        busy.push_back({key, window});
    }
  }
  const auto more = [](const Busy& a, const Busy& b) {
    return std::pair(b.window.requests, a.key) < std::pair(a.window.requests, b.key);
  };
  if (busy.size() > most_told) {
    const auto end = busy.begin() + static_cast<std::ptrdiff_t>(most_told);
    std::nth_element(busy.begin(), end, busy.end(), more);
    busy.erase(end, busy.end());
  }
  std::sort(busy.begin(), busy.end(), more);
  std::string text;
  for (const Busy& one : busy) {
    // To the tenth of a second, so that the same window is told the same way each time.
    const auto left = std::chrono::floor<milliseconds>(one.window.end - now);
    const auto end = std::chrono::round<milliseconds>(wall.time_since_epoch() + left).count();
    put_number(text, one.key.size(), 1);
    text += one.key;
    put_number(text, static_cast<std::uint64_t>((end + 50) / 100 * 100), 8);
    put_number(text, one.window.requests, 4);
  }
  return text;
}

void RateLimiter::learn_counts(const std::vector<std::string>& others, Instant now,
                               system_clock::time_point wall) {
  const auto wall_now = std::chrono::floor<milliseconds>(wall.time_since_epoch()).count();
  // Clocks may differ a little.
  const auto longest = milliseconds(impl_->settings.window + std::chrono::seconds(30)).count();
  std::unordered_map<std::string, Told> sum;
  for (const std::string& text : others)
    read_counts(text, wall_now, longest, sum);
  for (Shard& shard : impl_->shards) {
    const std::lock_guard guard(shard.lock);
    for (const std::string& key : shard.from_others) {
      if (const auto entry = shard.windows.find(key); entry != shard.windows.end())
        entry->second.elsewhere = 0;
    }
    shard.from_others.clear();
  }
  for (const auto& [key, told] : sum) {
    Shard& shard = impl_->shard_of(key);
    const std::lock_guard guard(shard.lock);
    const Instant end = now + milliseconds(told.end - wall_now);
    auto entry = shard.windows.find(key);
    if (entry == shard.windows.end()) {
      impl_->make_room(shard, now);
      entry = shard.windows.emplace(key, Window{end, 0, 0}).first;
    }
    Window& window = entry->second;
    if (window.end <= now) window = {end, 0, 0};
    window.end = std::min(window.end, end);
    window.elsewhere = told.requests;
    shard.from_others.push_back(key);
  }
}

}  // namespace mytoken::http
