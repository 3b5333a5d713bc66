// Templates (spec profiles.md §§4, 5): stored JSON values that requests, and other templates, take
// in by name. Pure: entries come from a function. Whatever cannot be resolved refuses the request;
// nothing is dropped, for a part that is dropped leaves a token wider than its owner wanted.
//
//   name   = [ "@" ] [ group "/" ] entry          group left out: "_"
//   names  = name *( " " name )
#pragma once
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace mytoken::token {

enum class TemplateKind { profiles, capabilities, restrictions, rotation };
inline constexpr TemplateKind template_kinds[] = {
    TemplateKind::profiles, TemplateKind::capabilities, TemplateKind::restrictions,
    TemplateKind::rotation};
// As in paths and in the database: "profiles", "capabilities", "restrictions", "rotation".
std::string_view name(TemplateKind kind);

inline constexpr std::string_view default_template_group = "_";

struct TemplateName {
  std::string group;
  std::string name;
};
// Empty parts are ignored ("/a" and "a/" are "_/a"). Errors invalid_request: nothing is left, more
// than two parts.
Result<TemplateName> parse_template_name(std::string_view text);

class TemplateResolver {
 public:
  // The stored payload, nullopt if there is none. An error ends the resolution as it is.
  using Lookup =
      std::function<Result<std::optional<json::value>>(TemplateKind, const TemplateName&)>;
  // What a name means that no entry has: refused, or nothing (to check an entry before those exist
  // that it includes).
  enum class Unknown { refused, ignored };

  static constexpr std::size_t most_levels = 16;  // of entries within entries
  static constexpr std::size_t largest =
      std::size_t{256} * 1024;  // of all that is taken in, in bytes

  // `limit`: of all that is taken in; larger than `largest` where many values share a resolver.
  explicit TemplateResolver(Lookup lookup, Unknown unknown = Unknown::refused,
                            std::size_t limit = largest);

  // All errors below: invalid_request for unknown and malformed names, cycles, what is nested too
  // deeply or too large, values of a wrong type; those of the lookup.

  // A request or the payload of a profile: its `include` and the templates of the three claims.
  // Known members only, under their exact names, absent ones left out; capabilities as array of
  // names, restrictions as array, rotation as object.
  Result<json::object> request(const json::value& value);
  // Clauses without `include`, not yet read (token/restriction.h); nullopt: none were given.
  Result<std::optional<json::array>> restrictions(const json::value& value);
  Result<std::optional<json::object>> rotation(const json::value& value);
  // First occurrences. nullopt: not given; an empty list was given as such.
  Result<std::optional<std::vector<std::string>>> capabilities(const json::value& value);

  // More was asked for than the limit allows: what takes in templates is refused from now on.
  bool is_exhausted() const { return size_ > limit_; }

 private:
  using Key = std::tuple<TemplateKind, std::string, std::string>;

  Result<json::value> resolve(TemplateKind kind, const json::value& value);
  Result<json::value> resolve_names(TemplateKind kind, std::string_view text);
  Result<json::value> resolve_list(const json::array& list);
  Result<json::value> resolve_object(TemplateKind kind, const json::object& object);
  Result<json::value> resolve_capabilities(const json::value& value);
  Result<json::value> resolve_entry(TemplateKind kind, std::string_view text);
  Result<void> include(TemplateKind kind, json::value& current, std::string_view text);
  Result<void> merge_profile(json::object& existing, json::object included);
  Result<void> charge(const json::value& value);

  Lookup lookup_;
  Unknown unknown_;
  std::size_t limit_;
  std::map<Key, json::value> resolved_;
  std::vector<Key> stack_;  // entries being resolved
  std::size_t size_ = 0;    // of all that was taken in
};

}  // namespace mytoken::token
