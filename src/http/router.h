// The whole HTTP surface as one table of {method, pattern, handler}. Patterns: literal segments
// (matched without regard to ASCII case) and {name} segments (any one non-empty segment). A literal
// wins over a parameter. Spec api.md §2.1.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/task.h"
#include "http/message.h"

namespace mytoken::http {

using Handler = std::function<Task<Response>(Request&)>;

struct Route {
  std::string_view method;   // GET also serves HEAD
  std::string_view pattern;  // "/api/v0/token/access"
  Handler handler;
};

// How a path is treated by the middleware: api = JSON errors, CORS, no-store; metadata = CORS,
// cacheable; page = HTML errors, security headers of pages (spec api.md §2.9).
enum class PathClass { api, metadata, page };

class Router {
 public:
  // `prefix`: path of the issuer without trailing slash, "" if it has none; put before every
  // pattern.
  explicit Router(std::string prefix = {});
  void add(Route route);

  struct Match {
    const Handler* handler = nullptr;  // null: see allow
    std::vector<std::string> parameters;
    std::string allow;         // for 405 and OPTIONS: "GET, HEAD, POST"; "" = unknown path
    std::string_view pattern;  // of the path, for logs and metrics; "" = unknown
  };
  Match match(std::string_view method, std::string_view path) const;

  PathClass classify(std::string_view path) const;
  // The path below the prefix in lower case ("/c/AbC" of issuer path "/mt": "/c/abc"); "/" at
  // least.
  std::string local(std::string_view path) const;

 private:
  struct Entry {
    std::string full;                   // prefix and pattern in lower case
    std::string_view pattern;           // as added
    std::vector<std::string> segments;  // of `full`; "" for a parameter
    std::vector<std::pair<std::string_view, Handler>> methods;
    std::string allow;
  };
  std::string prefix_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::size_t> literals_;  // paths without parameters
  std::vector<std::size_t> parametric_;  // the others, in the order they are tried
};

// Decodes %XX, collapses repeated slashes, removes the trailing one; nullopt for a broken or NUL
// escape. Dot segments are not interpreted (they match no route).
std::optional<std::string> normalise_path(std::string_view raw_path);

}  // namespace mytoken::http
