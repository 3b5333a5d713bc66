// The route table: paths without parameters are found by one hash look-up, the others by comparing
// segments.
#include "http/router.h"

#include <algorithm>

#include "base/encoding.h"

namespace mytoken::http {
namespace {

// "/a/b" -> "a", "b"; "/" -> nothing.
std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty() && path.front() == '/') {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    if (end > 0) segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// True if the (lower-case) `path` is `base` or lies below it.
bool is_within(std::string_view path, std::string_view base) {
  return path.substr(0, base.size()) == base &&
         (path.size() == base.size() || path[base.size()] == '/');
}

}  // namespace

Router::Router(std::string prefix) : prefix_(lower(prefix)) {
  while (!prefix_.empty() && prefix_.back() == '/')
    prefix_.pop_back();
}

void Router::add(Route route) {
  const std::string full = prefix_ + lower(route.pattern);
  const auto known = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.full == full; });
  std::size_t index = static_cast<std::size_t>(known - entries_.begin());
  if (known == entries_.end()) {
    Entry entry;
    entry.full = full;
    entry.pattern = route.pattern;
    for (const std::string_view segment : split(entry.full)) {
      entry.segments.push_back(is_parameter(segment) ? std::string() : std::string(segment));
    }
    const bool literal = std::find(entry.segments.begin(), entry.segments.end(), std::string()) ==
                         entry.segments.end();
    entries_.push_back(std::move(entry));
    if (literal) {
      std::string key = full;
      while (key.size() > 1 && key.back() == '/')
        key.pop_back();
      literals_.emplace(std::move(key), index);
    } else {
      // A literal wins over a parameter, the left-most difference decides: parameters ("") sort
      // last.
      const auto before = [this](std::size_t a, std::size_t b) {
        const auto& left = entries_[a].segments;
        const auto& right = entries_[b].segments;
        if (left.size() != right.size()) return left.size() < right.size();
        for (std::size_t i = 0; i < left.size(); ++i) {
          if (left[i].empty() != right[i].empty()) return right[i].empty();
        }
        return false;
      };
      parametric_.insert(std::upper_bound(parametric_.begin(), parametric_.end(), index, before),
                         index);
    }
  }
  Entry& entry = entries_[index];
  entry.methods.emplace_back(route.method, std::move(route.handler));
  std::vector<std::string_view> allowed;
  for (const auto& [method, handler] : entry.methods) {
    allowed.push_back(method);
    if (method == "GET") allowed.push_back("HEAD");
  }
  allowed.push_back("OPTIONS");
  std::sort(allowed.begin(), allowed.end());
  allowed.erase(std::unique(allowed.begin(), allowed.end()), allowed.end());
  entry.allow.clear();
  for (const std::string_view method : allowed) {
    if (!entry.allow.empty()) entry.allow += ", ";
    entry.allow += method;
  }
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  Match match;
  const std::string key = lower(path);
  const Entry* found = nullptr;
  if (const auto literal = literals_.find(key); literal != literals_.end()) {
    found = &entries_[literal->second];
  } else {
    const std::vector<std::string_view> given = split(key);
    for (const std::size_t index : parametric_) {
      const Entry& entry = entries_[index];
      if (entry.segments.size() != given.size()) continue;
      const bool same = std::equal(given.begin(), given.end(), entry.segments.begin(),
                                   [](std::string_view segment, const std::string& wanted) {
                                     return wanted.empty() || segment == wanted;
                                   });
      if (!same) continue;
      found = &entry;
      const std::vector<std::string_view> values = split(path);
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (entry.segments[i].empty()) match.parameters.emplace_back(values[i]);
      }
      break;
    }
  }
  if (!found) return match;
  match.pattern = found->pattern;
  const std::string_view wanted = method == "HEAD" ? std::string_view("GET") : method;
  for (const auto& [name, handler] : found->methods) {
    if (name == wanted) match.handler = &handler;
  }
  if (!match.handler) match.allow = found->allow;
  return match;
}

PathClass Router::classify(std::string_view path) const {
  const std::string key = local(path);
  if (is_within(key, "/api")) return PathClass::api;
  if (is_within(key, "/.well-known") || key == "/jwks" || is_within(key, "/static")) {
    return PathClass::metadata;
  }
  return PathClass::page;
}

std::string Router::local(std::string_view path) const {
  std::string key = lower(path);
  if (is_within(key, prefix_)) key.erase(0, prefix_.size());
  if (key.empty()) key = "/";
  return key;
}

std::optional<std::string> normalise_path(std::string_view raw_path) {
  std::optional<std::string> decoded = percent_decode(raw_path);
  if (!decoded || decoded->find('\0') != std::string::npos) return std::nullopt;
  std::string path = "/";
  for (const char c : *decoded) {
    if (c != '/' || path.back() != '/') path += c;
  }
  if (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace mytoken::http
