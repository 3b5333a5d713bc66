// The routes under /api/v0/pt: templates and profiles, listed for everybody, written by whoever
// knows the password of their group (spec profiles.md §3, api.md §11).
#pragma once
#include "api/api.h"

namespace mytoken::api {

// None if server profiles are switched off.
void add_profile_routes(http::Router& router, const Api& api);

}  // namespace mytoken::api
