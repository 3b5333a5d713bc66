// Public documents: configuration, key set, capabilities, settings (spec api.md §3, §9).
#pragma once
#include "api/api.h"

namespace mytoken::api {

// The configuration document (§3.1), from configuration alone.
json::object configuration_document(const Api& api);

void add_discovery_routes(http::Router& router, const Api& api);

}  // namespace mytoken::api
