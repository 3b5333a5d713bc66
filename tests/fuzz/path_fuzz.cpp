// Paths of strangers through normalise_path and the router.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/encoding.h"
#include "http/router.h"

using namespace mytoken;

namespace {

// Never called, hence no coroutine (clang 14 cannot compile one together with its address
// sanitizer).
Task<http::Response> nothing(http::Request&) {
  std::abort();
}

http::Router routes() {
  http::Router router("/mt");
  router.add({"GET", "/api/v0/settings", nothing});
  router.add({"GET", "/api/v0/notifications/{code}", nothing});
  router.add({"GET", "/api/v0/notifications/calendars", nothing});
  router.add({"GET", "/api/v0/notifications/calendars/{id}/tags", nothing});
  router.add({"GET", "/c/{code}", nothing});
  return router;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const http::Router router = routes();
  const std::string_view raw(reinterpret_cast<const char*>(data), size);
  const auto path = http::normalise_path(raw);
  if (!path) return 0;
  if (path->empty() || path->front() != '/' || path->find("//") != std::string::npos ||
      path->find('\0') != std::string::npos || (path->size() > 1 && path->back() == '/')) {
    std::abort();
  }
  const auto match = router.match("GET", *path);
  const auto shouted = router.match("GET", lower(*path));
  if (match.pattern != shouted.pattern || router.classify(*path) != router.classify(lower(*path))) {
    std::abort();
  }
  if ((match.handler == nullptr) != match.pattern.empty()) std::abort();
  for (const std::string& parameter : match.parameters) {
    if (parameter.empty() || parameter.find('/') != std::string::npos) std::abort();
  }
  return 0;
}
