// Who is the client behind proxies, and which addresses are nobody's business outside (RFC 6890 and
// its registries).
#include "net/address.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/ip_address.h"

namespace mytoken::net {

namespace {

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The `for` parameter of an entry of the header Forwarded (RFC 7239 §4), or the entry itself if it
// has no parameters.
std::string_view forwarded_for(std::string_view entry) {
  if (entry.find('=') == std::string_view::npos) return entry;
  while (!entry.empty()) {
    const std::size_t semicolon = entry.find(';');
    const std::string_view pair = trim(entry.substr(0, semicolon));
    entry = semicolon == std::string_view::npos ? std::string_view{} : entry.substr(semicolon + 1);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || !equals_ignoring_case(pair.substr(0, equals), "for"))
      continue;
    std::string_view value = pair.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    return value;
  }
  return {};
}

// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80".
std::optional<Address> entry_address(std::string_view entry) {
  entry = forwarded_for(trim(entry));
  if (entry.starts_with('[')) {
    const std::size_t end = entry.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = entry.substr(end + 1);
    if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) return std::nullopt;
    return Address::parse(entry.substr(1, end - 1));
  }
  const std::size_t colon = entry.find(':');
  if (colon != std::string_view::npos && entry.find(':', colon + 1) == std::string_view::npos) {
    if (!is_port(entry.substr(colon + 1))) return std::nullopt;
    entry = entry.substr(0, colon);
  }
  return Address::parse(entry);
}

class Trust {
 public:
  explicit Trust(const TrustedProxies& proxies) {
    for (const std::string& text : proxies.networks) {
      if (text == "*") everyone_ = true;
      if (const auto network = Network::parse(text)) networks_.push_back(*network);
    }
  }
  bool covers(const Address& address) const {
    return everyone_ ||
           std::any_of(networks_.begin(), networks_.end(),
                       [&](const Network& network) { return network.contains(address); });
  }

 private:
  bool everyone_ = false;
  std::vector<Network> networks_;
};

const std::vector<Network>& networks_v4() {
  static const std::vector<Network> list = [] {
    std::vector<Network> networks;
    for (const char* text :
         {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
          "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
          "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"}) {
      networks.push_back(*Network::parse(text));
    }
    return networks;
  }();
  return list;
}

// Inside global unicast: Teredo and other protocol assignments, 6to4 (may carry a private IPv4
// address), documentation.
const std::vector<Network>& networks_v6() {
  static const std::vector<Network> list = [] {
    std::vector<Network> networks;
    for (const char* text : {"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"}) {
      networks.push_back(*Network::parse(text));
    }
    return networks;
  }();
  return list;
}

}  // namespace

std::string client_address(std::string_view peer, std::string_view header,
                           const TrustedProxies& proxies) {
  const auto direct = Address::parse(peer);
  if (!direct) return {};
  const Trust trust(proxies);
  Address client = *direct;
  while (!trim(header).empty() && trust.covers(client)) {
    const std::size_t comma = header.rfind(',');
    const std::string_view entry =
        comma == std::string_view::npos ? header : header.substr(comma + 1);
    header = comma == std::string_view::npos ? std::string_view{} : header.substr(0, comma);
    const auto address = entry_address(entry);
    if (!address) return {};
    client = *address;
  }
  return client.text();
}

std::optional<std::string> canonical_address(std::string_view text) {
  const auto address = Address::parse(text);
  if (!address) return std::nullopt;
  return address->text();
}

// What is no address is not public either.
bool is_private_address(std::string_view text) {
  const auto address = Address::parse(text);
  if (!address) return true;
  const auto covers = [&](const Network& network) { return network.contains(*address); };
  if (address->is_v4()) return std::any_of(networks_v4().begin(), networks_v4().end(), covers);
  // Only 2000::/3 is global unicast; the rest is loopback, link-local, unique-local, multicast,
  // translation, reserved.
  if ((address->bytes()[0] & 0xe0) != 0x20) return true;
  return std::any_of(networks_v6().begin(), networks_v6().end(), covers);
}

}  // namespace mytoken::net
