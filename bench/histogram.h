// Latencies of a load run: counts in buckets whose width is 1/64 of their value, so that a quantile
// is right to 2 % whatever the range. Not thread-safe.
#pragma once
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace mytoken::bench {

class Histogram {
 public:
  void record(std::chrono::nanoseconds latency) {
    const auto value = static_cast<std::uint64_t>(latency.count() < 0 ? 0 : latency.count());
    ++counts_[index_of(value)];
    ++total_;
  }
  void clear() { *this = {}; }
  void add(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i)
      counts_[i] += other.counts_[i];
    total_ += other.total_;
  }
  std::uint64_t count() const { return total_; }

  // The latency that the share `q` (0 to 1) of the requests did not exceed; 0 without requests.
  std::chrono::nanoseconds quantile(double q) const {
    const auto rank = static_cast<std::uint64_t>(q * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > 0 && seen >= rank) return std::chrono::nanoseconds(upper_bound_of(i));
    }
    return std::chrono::nanoseconds(0);
  }

 private:
  static constexpr std::size_t parts = 64;

  static std::size_t index_of(std::uint64_t value) {
    if (value < parts) return static_cast<std::size_t>(value);
    const auto shift = static_cast<std::size_t>(std::bit_width(value)) - 7;
    return (shift + 1) * parts + static_cast<std::size_t>(value >> shift) % parts;
  }
  static std::int64_t upper_bound_of(std::size_t index) {
    if (index < parts) return static_cast<std::int64_t>(index);
    const std::size_t shift = index / parts - 1;
    const std::uint64_t mantissa = parts + index % parts;
    return static_cast<std::int64_t>(((mantissa + 1) << shift) - 1);
  }

  std::array<std::uint64_t, 59 * parts> counts_{};
  std::uint64_t total_ = 0;
};

}  // namespace mytoken::bench
