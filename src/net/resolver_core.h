// The resolver without the system's look-up: threads, queue, cache and time limit around any
// blocking function.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/resolver.h"

namespace mytoken::net {

// Blocking: the confirmed names of an address. Called on the resolver's threads, at most three
// calls at a time for clients and one for other addresses.
using NameLookup = std::function<std::vector<std::string>(const std::string& address)>;

std::unique_ptr<Resolver> make_resolver(const Clock& clock, NameLookup look_up);

}  // namespace mytoken::net
