// IP addresses and networks as values (RFC 4291, RFC 4632): strict parsing, containment, canonical
// text. Knows no sockets. IPv4 addresses written inside IPv6 (::ffff:a.b.c.d) are IPv4 addresses
// everywhere, so that nobody escapes a rule by the way an address is written.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mytoken {

// An IPv4 or IPv6 address. Immutable; all functions are thread-safe.
class Address {
 public:
  // Dotted decimal without leading zeros, or any form of RFC 4291 §2.2; no zone, no brackets, no
  // port, no blanks. nullopt: anything else.
  static std::optional<Address> parse(std::string_view text);

  bool is_v4() const { return v4_; }
  // 32 or 128.
  int bits() const { return v4_ ? 32 : 128; }
  // Network byte order; IPv4 uses the first four, the others are zero.
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  // Dotted decimal or RFC 5952.
  std::string text() const;

  bool operator==(const Address&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  bool v4_ = false;
};

// The addresses that share the first `prefix` bits with `address`.
class Network {
 public:
  // "address/prefix", or an address alone (the network of this one address). A prefix with bits of
  // the address behind it ("192.0.2.7/24") denotes the single address (spec tokens.md §5.4).
  // nullopt: anything else.
  static std::optional<Network> parse(std::string_view text);
  // The network of one address.
  explicit Network(const Address& address) : address_(address), prefix_(address.bits()) {}

  const Address& address() const { return address_; }
  int prefix() const { return prefix_; }
  bool is_single_address() const { return prefix_ == address_.bits(); }
  // False for the other family.
  bool contains(const Address& address) const;
  // True if every address of `network` is in this one.
  bool contains(const Network& network) const;
  // "192.0.2.0/24"; a single address without its prefix.
  std::string text() const;

  bool operator==(const Network&) const = default;

 private:
  Address address_;
  int prefix_;
};

}  // namespace mytoken
