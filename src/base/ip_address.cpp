// Parsing and printing lean on inet_pton and inet_ntop, which accept no more than the RFCs' forms;
// what they do not know (networks, IPv4 inside IPv6) is here.
#include "base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace mytoken {
namespace {

constexpr std::size_t longest_address = 45;  // "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"
constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// True if the first `count` bits are equal.
bool same_bits(const std::array<std::uint8_t, 16>& a, const std::array<std::uint8_t, 16>& b,
               int count) {
  const auto whole = static_cast<std::size_t>(count / 8);
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const int rest = count % 8;
  return rest == 0 || (a[whole] >> (8 - rest)) == (b[whole] >> (8 - rest));
}

// True if a bit behind the first `count` of `total` is set.
bool bits_behind(const std::array<std::uint8_t, 16>& bytes, int count, int total) {
  for (int bit = count; bit < total; ++bit) {
    if ((bytes[static_cast<std::size_t>(bit / 8)] >> (7 - bit % 8)) & 1) return true;
  }
  return false;
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  if (text.empty() || text.size() > longest_address || text.find('\0') != text.npos)
    return std::nullopt;
  char terminated[longest_address + 1] = {};
  std::memcpy(terminated, text.data(), text.size());
  Address address;
  if (text.find(':') == text.npos) {
    if (inet_pton(AF_INET, terminated, address.bytes_.data()) != 1) return std::nullopt;
    address.v4_ = true;
    return address;
  }
  if (inet_pton(AF_INET6, terminated, address.bytes_.data()) != 1) return std::nullopt;
  if (std::equal(mapped_prefix.begin(), mapped_prefix.end(), address.bytes_.begin())) {
    std::copy(address.bytes_.begin() + 12, address.bytes_.end(), address.bytes_.begin());
    std::fill(address.bytes_.begin() + 4, address.bytes_.end(), std::uint8_t{0});
    address.v4_ = true;
  }
  return address;
}

std::string Address::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  const char* text = inet_ntop(v4_ ? AF_INET : AF_INET6, bytes_.data(), buffer, sizeof buffer);
  return text ? std::string(text) : std::string();
}

std::optional<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  Network network(*address);
  if (slash == text.npos) return network;

  const std::string_view digits = text.substr(slash + 1);
  int prefix = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  const bool plain = !digits.empty() && digits.front() >= '0' && digits.front() <= '9' &&
                     (digits.front() != '0' || digits.size() == 1);
  if (!plain || problem != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  const bool written_as_v6 = text.substr(0, slash).find(':') != text.npos;
  if (prefix > (written_as_v6 ? 128 : 32)) return std::nullopt;
  if (written_as_v6 && address->is_v4()) {
    // The 16 one-bits of ::ffff:0:0/96 are host bits of every shorter prefix.
    if (prefix < 96) return network;
    prefix -= 96;
  }
  if (!bits_behind(address->bytes(), prefix, address->bits())) network.prefix_ = prefix;
  return network;
}

bool Network::contains(const Address& address) const {
  return address.is_v4() == address_.is_v4() &&
         same_bits(address.bytes(), address_.bytes(), prefix_);
}

bool Network::contains(const Network& network) const {
  return network.prefix_ >= prefix_ && contains(network.address_);
}

std::string Network::text() const {
  return is_single_address() ? address_.text() : address_.text() + '/' + std::to_string(prefix_);
}

}  // namespace mytoken
