// One entry of a clause's `hosts` (spec tokens.md §5.4): a network or address, a host name, or a
// wildcard. Decides what an entry matches and which entries it covers (§5.12). Internal to this
// floor.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"

namespace mytoken::token {

class HostEntry {
 public:
  enum class Kind {
    network,   // a CIDR or a single address
    name,      // a host name, compared as a whole
    wildcard,  // "*S": every name that ends with S
  };

  // nullopt: nothing that could ever match ("", "this", broken addresses, names with impossible
  // letters or labels).
  static std::optional<HostEntry> parse(std::string_view text);

  Kind kind() const { return network_ ? Kind::network : wildcard_ ? Kind::wildcard : Kind::name; }
  bool is_single_address() const { return network_ && network_->is_single_address(); }

  bool matches(const Address& address) const { return network_ && network_->contains(address); }
  // ASCII case and one trailing dot do not matter. False for the empty name.
  bool matches_name(std::string_view name) const;

  // True if everything `inner` matches is certainly matched by this one. `names_of` gives the
  // confirmed names of an address (canonical text) and is asked only for a single address under a
  // name or wildcard.
  bool covers(const HostEntry& inner,
              const std::function<std::vector<std::string>(const std::string&)>& names_of) const;

 private:
  HostEntry() = default;
  std::optional<Network> network_;
  std::string name_;  // lower case without trailing dot; for a wildcard what stands behind the "*"
  bool wildcard_ = false;
};

}  // namespace mytoken::token
