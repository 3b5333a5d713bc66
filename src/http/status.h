// Reason phrases, as the status line and the member `error` of HTTP-layer errors show them (spec
// api.md §2.8: the older names of RFC 2616 where clients know those).
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"

namespace mytoken::http {

// "Unknown" for a status that has no name here.
std::string_view reason_phrase(int status);

// An error of the HTTP layer: `error` is the reason phrase of `status`.
Error http_error(int status, std::string description);

}  // namespace mytoken::http
