// Work that one request makes beyond its own answer counts as further requests of its client in the
// general limit (spec api.md §2.10), so that few large requests are no way around it.
#pragma once
#include <cstddef>

#include "base/error.h"
#include "http/message.h"

namespace mytoken::http {

// Counts so many requests more, all of them or up to the limit. Before the work is done. Error 429
// with Retry-After: they are more than the client has left.
Result<void> charge(const Request& request, std::size_t requests);

}  // namespace mytoken::http
